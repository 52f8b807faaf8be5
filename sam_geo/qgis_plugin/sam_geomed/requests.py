"""Requests: what is asked of the server, off the GUI thread, one after the other.

```
GUI thread     submit(work, done) ----------------------------> done(result) or failed(error)
worker thread                 work() ... waits for the server ... Qt signal
```
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


class Requests(QObject):
    """A queue with one worker thread; results come back to the thread that made the queue."""

    busy = pyqtSignal(int)
    """How many are waited for."""
    failed = pyqtSignal(object)
    """The exception of a request that nobody else takes."""
    _came = pyqtSignal(object, object, object)

    def __init__(self) -> None:
        super().__init__()
        # one thread: the order of clicks is the order of edits
        self._worker = ThreadPoolExecutor(1, "sam_geomed")
        self._waiting = 0
        self._is_closed = False
        self._came.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def is_idle(self) -> bool:
        """Whether everything is answered."""
        return self._waiting == 0

    def submit(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Do some work in its turn.

        Args:
            work: Runs in the worker thread; touches no widget.
            done: Gets what it returns, in this thread.
            failed: Gets what it raises, in this thread; the signal of that name where None.
        """
        if self._is_closed:
            return
        self._waiting += 1
        self.busy.emit(self._waiting)
        self._worker.submit(work).add_done_callback(
            lambda future: self._came.emit(future, done, failed)
        )

    def close(self) -> None:
        """Take and deliver nothing any more; what runs is not waited for."""
        self._is_closed = True
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _deliver(
        self,
        future: Future[Any],
        done: Callable[[Any], None] | None,
        failed: Callable[[Exception], None] | None,
    ) -> None:
        if self._is_closed:
            return
        self._waiting -= 1
        self.busy.emit(self._waiting)
        error = future.exception()
        if error is not None:
            (failed or self.failed.emit)(error)
        elif done is not None:
            done(future.result())
