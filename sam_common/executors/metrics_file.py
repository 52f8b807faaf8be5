"""Metrics file: what workers do, in the text format of Prometheus, while a job runs.

A machine whose node_exporter has a textfile collector shows the counters of every job that writes
into its folder. The file is replaced whole, so that no half of it is read.
"""

from __future__ import annotations

import importlib.util
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sam_common.errors import ModelError, OutputError, one_line
from sam_common.executors.figures import EVENTS
from sam_common.support.files import check_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from prometheus_client import Metric

    from sam_common.executors.figures import Figures

EVERY_S = 5.0
"""Seconds between two states of the file."""
BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
"""Upper bounds of the histogram of seconds."""
BEGINS = b"# HELP "
"""How a file of metrics begins."""


@contextmanager
def writing_metrics(
    path: Path, figures: Figures, tell: Callable[[str], None] = lambda _line: None
) -> Iterator[None]:
    """Keep a file of metrics up to date while the block runs.

    Args:
        path: The file, a .prom; an earlier file of metrics is replaced.
        figures: What is told; the counters begin at zero with the block.
        tell: Called once where the file cannot be replaced: the job goes on without it.

    Raises:
        OutputError: The file cannot be written, or is none of metrics.
        ModelError: The library for it is not installed.
    """
    check_metrics(path)
    file = _MetricsFile(path, figures, tell)
    try:
        file.write()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {one_line(error)}") from error
    figures.listener = file.answered
    try:
        yield
    finally:
        figures.listener = None
        file.update()


def check_metrics(path: Path) -> None:
    """Raise where metrics could not be written to a file."""
    if path.suffix != ".prom":
        raise OutputError(f"--metrics {path} has to end in .prom: node_exporter reads nothing else")
    check_output(path, overwrite=True)
    if path.exists() and path.stat().st_size and not path.read_bytes().startswith(BEGINS):
        raise OutputError(f"output exists: {path} is no file of metrics (give another name)")
    if importlib.util.find_spec("prometheus_client") is None:
        raise ModelError('--metrics needs prometheus-client: pip install "sam-geomed[dask]"')


class _MetricsFile:
    """Counts answers, and writes them from time to time."""

    def __init__(self, path: Path, figures: Figures, tell: Callable[[str], None]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # noqa: PLC0415  # an extra

        self._path = path
        self._figures = figures
        self._tell = tell
        self._written = time.monotonic()
        self._is_told = False
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._answers = Counter(
            "sam_answers",
            "Windows or cases that workers answered; those that failed may be tried again.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in ("done", "failed"):
            self._answers.labels(outcome)
        self._seconds = Histogram(
            "sam_item_seconds",
            "Seconds of a window or a case on its worker.",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._last = Gauge(
            "sam_last_answer_timestamp_seconds",
            "When a worker last answered, in seconds since 1970.",
            registry=self._registry,
        )

    def answered(self, error: Exception | None, seconds: float) -> None:
        """Count an answer of a worker."""
        self._answers.labels("done" if error is None else "failed").inc()
        self._seconds.observe(seconds)
        self._last.set_to_current_time()
        if time.monotonic() - self._written >= EVERY_S:
            self.update()

    def update(self) -> None:
        """Replace the file; say so once where that fails."""
        self._written = time.monotonic()
        try:
            self.write()
        except OSError as error:
            if not self._is_told:
                self._tell(f"{self._path} is not up to date: {one_line(error)}")
            self._is_told = True

    def write(self) -> None:
        """Replace the file.

        Raises:
            OSError: The file cannot be replaced.
        """
        from prometheus_client import write_to_textfile  # noqa: PLC0415

        write_to_textfile(str(self._path), self._registry)

    def collect(self) -> Iterable[Metric]:
        """What the figures count by themselves; `prometheus_client` asks for it."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        figures = self._figures
        events = CounterMetricFamily(
            "sam_events", "What went wrong on the way, by its name in the record.", labels=["event"]
        )
        for name in EVENTS:
            events.add_metric([name], figures.events[name])
        received = sum(known.received for known in figures.workers.values())
        yield events
        yield CounterMetricFamily(
            "sam_received_bytes", "Bytes of packed results from workers.", value=received
        )
        yield GaugeMetricFamily("sam_workers", "Workers that answered.", value=len(figures.workers))
        yield GaugeMetricFamily("sam_threads", "Threads of all workers.", value=figures.threads)
