"""Steps: what is asked of the server beside the window, and what is then done in the scene.

```
thread of the window    make the step                              apply(answer)
worker                                 ask(progress) -> answer
```
The scene is touched by the window's thread alone; a timer of the window calls `Worker.poll`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from .environment import SetupError
from .suite_client import ServerError
from .volumes import SceneError

Progress = Callable[[int, int, str], Optional[bool]]
"""Called with steps done, steps in all and what they are; False cancels."""
TOLD = (ServerError, SetupError, SceneError)
"""Errors whose message is for the user."""


def silent(_done: int, _total: int, _what: str) -> bool:
    """Nobody listens, nobody cancels."""
    return True


@dataclass(frozen=True)
class Step:
    """One request."""

    ask: Callable[[Progress], Any]
    """Talks to the server; touches nothing of the scene."""
    apply: Callable[[Any], Any]
    """Puts the answer into the scene."""

    def run(self, progress: Progress = silent) -> Any:
        """Both, here and now, as in a script."""
        return self.apply(self.ask(progress))


class Worker:
    """A thread that runs one step at a time."""

    def __init__(self) -> None:
        self.progress: tuple[int, int, str] = (0, 0, "")
        self._thread: threading.Thread | None = None
        self._answers: queue.Queue[tuple[Any, Exception | None]] = queue.Queue()
        self._cancelled = threading.Event()
        self._step: Step | None = None
        self._then: Callable[[Any, Exception | None], None] = _nothing

    @property
    def is_busy(self) -> bool:
        """Whether a step runs, or its answer was not fetched yet."""
        return self._step is not None

    def start(self, step: Step, then: Callable[[Any, Exception | None], None]) -> None:
        """Run a step.

        Args:
            step: What to ask; its answer is applied by `poll`.
            then: Called by `poll` with what the step gave, or with an error for the user.

        Raises:
            SceneError: Another one runs.
        """
        if self.is_busy:
            raise SceneError("one thing at a time: wait, or cancel what runs")
        self._cancelled.clear()
        self.progress = (0, 0, "")
        self._step, self._then = step, then
        self._thread = threading.Thread(target=self._ask, args=(step,), daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the step that runs to stop; those that have no progress run to their end."""
        self._cancelled.set()

    def poll(self) -> bool:
        """Apply an answer that has come; whether one had."""
        try:
            answer, error = self._answers.get_nowait()
        except queue.Empty:
            return False
        step, self._step = self._step, None
        if error is None and step is not None:
            try:
                answer = step.apply(answer)
            except Exception as refused:  # noqa: BLE001  # a window that stays busy is worse
                answer, error = None, refused
        self._then(answer, error)
        return True

    def close(self) -> None:
        """Cancel; what still comes is thrown away."""
        self.cancel()
        self._step, self._then = None, _nothing

    def _ask(self, step: Step) -> None:
        try:
            self._answers.put((step.ask(self._told), None))
        except Exception as error:  # noqa: BLE001  # a thread has nobody else to tell
            self._answers.put((None, error))

    def _told(self, done: int, total: int, what: str) -> bool:
        self.progress = (done, total, what)
        return not self._cancelled.is_set()


def _nothing(_answer: Any, _error: Exception | None) -> None:
    """Nobody waits for the answer."""
