"""Prefetch: what later requests may need, done while nobody waits for the server.

```
requests and jobs    ==edit==           =undo=                     each pauses the steps
steps                        step  step        step  step  done    one at a time, in one thread
```
A request that comes while a step runs waits for that step at most. What a step makes lies in a
cache, where a request finds it or makes it itself: an answer is the same with and without.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from sam_common.support.traces import log_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

Steps: TypeAlias = "Iterator[object]"
"""Work that does one step each time that it is asked for the next value."""
CLOSE_SECONDS = 30.0
"""Seconds that `Prefetch.close` waits for a step that is running."""


class Prefetch:
    """Steps of several sessions, of which the newest go first; threads may share it.

    A thread runs while there are steps. It is a daemon, so that a step which does not end cannot
    keep the process from ending.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._plans: dict[str, Steps] = {}
        self._at_work = 0
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Begin no step while the block runs; blocks of several threads may overlap."""
        with self._changed:
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def start(self, name: str, steps: Steps) -> None:
        """Do steps from now on, before all others and in place of earlier ones of the same name.

        Args:
            name: Identifier of a session.
            steps: The steps; where one fails, that is logged and the rest are left out.
        """
        with self._changed:
            if self._is_closed:
                return
            self._plans.pop(name, None)
            self._plans[name] = steps
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
                self._thread.start()

    def cancel(self, name: str) -> None:
        """Begin no further step of a name; one that is running ends by itself."""
        with self._changed:
            self._plans.pop(name, None)
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left to do; False where that takes longer than some seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, seconds)

    def close(self) -> None:
        """Begin no step any more, and wait until the one that is running has ended."""
        with self._changed:
            self._is_closed = True
            self._plans.clear()
            self._changed.notify_all()
        self.wait(CLOSE_SECONDS)

    def _run(self) -> None:
        """Do steps until none are left, as the thread."""
        while (turn := self._next()) is not None:
            name, steps = turn
            try:
                next(steps)
            except StopIteration:
                self._end(name, steps)
            except Exception as error:  # noqa: BLE001  # who needs the step meets its error as well
                log_trace(error, "work ahead of requests: ")
                self._end(name, steps)
            # else the last steps would be held while others pause
            del turn, steps

    def _next(self) -> tuple[str, Steps] | None:
        """The name and the steps whose turn it is, once nobody is at work; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: not self._plans or not self._at_work)
            if not self._plans:
                self._thread = None
                self._changed.notify_all()
                return None
            return next(reversed(self._plans.items()))

    def _end(self, name: str, steps: Steps) -> None:
        """Forget steps that are done, unless others have taken their name."""
        with self._changed:
            if self._plans.get(name) is steps:
                del self._plans[name]
