"""Run: the windows of a plan, read ahead, segmented by several workers, and kept as parts.

```
reader       read 0   read 1   read 2   read 3              one thread: a dataset is not shared
worker 1              ------ 0 ------   ------ 2 ------
worker 2                       ------ 1 ------
parts                               1.part 0.part ...       in any order; results go by number
```
At most `workers + AHEAD` windows are in memory, whatever the number of windows.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from sam_common.errors import DiskError, SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.tiled_job.parts import Part, PartStore

T = TypeVar("T")

AHEAD = 2
"""Number of windows that are read before a worker is free for them."""
WORK_ERRORS = (SuiteError, OSError, RuntimeError, MemoryError)
"""Errors of damaged files, lost connections, full memory and networks: a window is tried again."""


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """The two steps of the work on a window, by its number."""

    read: Callable[[int], T]
    """Reads a window; called by one thread only, in ascending order."""
    segment: Callable[[int, T], Part]
    """Segments what was read; called by several threads at the same time."""


@dataclass(slots=True)
class JobReport:
    """Outcome of a run."""

    windows: int
    """Number of windows of the plan."""
    reused: int
    """Number of windows whose part existed before."""
    failures: dict[int, str] = field(default_factory=dict)
    """Error message of each window that failed, by its number."""
    seconds: float = 0.0
    """Duration of the run."""

    @property
    def messages(self) -> list[str]:
        """Error messages in the order of the windows."""
        return [self.failures[n] for n in sorted(self.failures)]


def run_job(
    work: Work[T],
    parts: PartStore,
    *,
    workers: int = 1,
    advance: Callable[[int], None] = lambda _done: None,
) -> JobReport:
    """Segment every window that has no part yet.

    The parts do not depend on the number of workers or on the order in which they finish. An
    interrupt waits for the windows that are being worked on and keeps their parts.

    Args:
        work: Reads and segments a window.
        parts: Store of the results, with the plan.
        workers: Number of windows that are segmented at the same time.
        advance: Called with the number of windows that were done since the last call.

    Returns:
        A report, which names the windows that failed twice; these have no part.

    Raises:
        DiskError: The disk is full or read-only, so that all later windows would fail too.
    """
    start = time.perf_counter()
    missing = parts.missing()
    report = JobReport(len(parts.plan), reused=len(parts.plan) - len(missing))
    if report.reused:
        advance(report.reused)
    reader = ThreadPoolExecutor(1, thread_name_prefix="read")
    pool = ThreadPoolExecutor(workers, thread_name_prefix="segment")
    running: dict[Future[None], int] = {}
    try:
        for n in missing:
            if len(running) >= workers + AHEAD:
                _collect(running, report, advance)
            running[pool.submit(_one, n, reader.submit(work.read, n), reader, work, parts)] = n
        while running:
            _collect(running, report, advance)
    finally:
        # on an interrupt: what has begun is finished and kept, what waits is dropped
        pool.shutdown(wait=True, cancel_futures=True)
        reader.shutdown(wait=True, cancel_futures=True)
    report.seconds = time.perf_counter() - start
    return report


def _one(
    n: int, item: Future[T], reader: ThreadPoolExecutor, work: Work[T], parts: PartStore
) -> None:
    """Segment one window and keep its part; read and segment it once more where that fails."""
    try:
        parts.write(n, work.segment(n, item.result()))
    except DiskError:
        raise
    except WORK_ERRORS:
        # once more: a lost connection may be back
        parts.write(n, work.segment(n, reader.submit(work.read, n).result()))


def _collect(
    running: dict[Future[None], int], report: JobReport, advance: Callable[[int], None]
) -> None:
    """Wait until at least one window is done, and note failures."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        n = running.pop(future)
        try:
            future.result()
        except DiskError:
            raise
        except WORK_ERRORS as error:
            report.failures[n] = one_line(error)
        advance(1)
