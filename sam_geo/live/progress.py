"""Progress of a server job in hundredths of a window, as one window can take a minute.

```
window    encoded   points decoded                      done
steps        20        25  30  35  ...            95     100
```
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sam_common.server.sessions.models import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.sessions.live_source import Reporter

WHOLE = 100
"""Steps that a window counts for."""
MOST_WITHIN = 95
"""Steps that are told, at most, before the window is done."""


class Steps:
    """Tells a reporter how far a job is, in hundredths of a window.

    Args:
        reporter: Hears of each step; what it raises ends the job.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._lock = threading.Lock()
        self._told = 0
        """Steps that were told of the window that is being segmented."""
        self._counts = False

    def segmenter(self, segmenter: Segmenter) -> Segmenter:
        """A segmenter that tells the reporter of each of its calls, and how far a long one is."""
        return watched(segmenter, self._within)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Begin a step of a job, as `sam_common.tiled_job.progress.Progress` says.

        Args:
            what: Description of the step.
            total: Number of its windows.

        Yields:
            A function that takes the number of windows done since its last call.
        """
        with self._lock:
            self._told, self._counts = 0, total > 0
        self._reporter.begin(f"{what}, in hundredths", WHOLE * total)
        try:
            yield self._advance
        finally:
            with self._lock:
                self._counts = False

    def _advance(self, done: int) -> None:
        """Tell of finished windows, without the steps that were told of them before."""
        with self._lock:
            steps, self._told = WHOLE * done - self._told, 0
        self._reporter.step(max(0, steps))

    def _within(self, part: float) -> None:
        """Tell which part of the current window is done, and never go back."""
        with self._lock:
            reached = int(MOST_WITHIN * part) if self._counts else 0
            steps, self._told = max(0, reached - self._told), max(reached, self._told)
        self._reporter.step(steps)
