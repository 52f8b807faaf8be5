"""Background: a thread of a host's window that makes, repairs or removes an environment."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable

from .commands import CancelledError, Feedback, InstallError

FINISHED, CANCELLED, FAILED = "finished", "cancelled", "failed"
"""How work may end."""


class Background:
    """Work in a thread; the window reads `news` by a timer, so that it never waits.

    Args:
        work: Called with a `Feedback` in the thread.
    """

    def __init__(self, work: Callable[[Feedback], Any]) -> None:
        self._work = work
        self._news: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def news(self) -> list[tuple[str, Any]]:
        """What was told since the last time.

        Returns:
            ("line", text), ("share", (from 0 to 1, what is done)), and in the end (FINISHED, ""),
            (CANCELLED, "") or (FAILED, why).
        """
        found = []
        while not self._news.empty():
            found.append(self._news.get())
        return found

    def cancel(self) -> None:
        """Ask it to stop."""
        self._cancelled.set()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        feedback = Feedback(
            say=lambda line: self._news.put(("line", line)),
            progress=lambda share, what: self._news.put(("share", (share, what))),
            is_cancelled=self._cancelled.is_set,
        )
        try:
            self._work(feedback)
        except CancelledError:
            self._news.put((CANCELLED, ""))
        except Exception as error:  # noqa: BLE001 (a thread has nobody else to tell)
            told = str(error) if isinstance(error, InstallError) else repr(error)
            self._news.put((FAILED, told))
        else:
            self._news.put((FINISHED, ""))
