"""Progress of a job on a live raster: within a window too, which can take a minute.

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
"""Steps of a window."""
MOST_WITHIN = 95
"""Of them, what is told before it is done."""


class Steps:
    """Windows of a job in hundredths.

    Args:
        reporter: Hears of them; what it raises ends the work.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._lock = threading.Lock()
        self._told = 0
        """Of the window that is being worked on."""
        self._counts = False

    def segmenter(self, segmenter: Segmenter) -> Segmenter:
        """The same segmenter, of whose calls the reporter hears."""
        return watched(segmenter, self._within)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A counter as `sam_common.support.console.progress` gives it."""
        with self._lock:
            self._told, self._counts = 0, total > 0
        self._reporter.begin(f"{what}, in hundredths", WHOLE * total)
        try:
            yield self._advance
        finally:
            with self._lock:
                self._counts = False

    def _advance(self, done: int) -> None:
        with self._lock:
            steps, self._told = WHOLE * done - self._told, 0
        self._reporter.step(max(0, steps))

    def _within(self, part: float) -> None:
        with self._lock:
            reached = int(MOST_WITHIN * part) if self._counts else 0
            steps, self._told = max(0, reached - self._told), max(reached, self._told)
        self._reporter.step(steps)
