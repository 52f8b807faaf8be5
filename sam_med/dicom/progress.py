"""Progress of reading DICOM: how many files of a volume were read so far.

The readers are called through many functions that do not show progress. They report to a listener
of the calling thread, or to nobody where there is none.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _ignore(_files: int) -> None:
    """Take a report where nobody listens."""


_listener: ContextVar[Callable[[int], None]] = ContextVar("listener", default=_ignore)


@contextmanager
def listening(step: Callable[[int], None]) -> Iterator[None]:
    """Report the files that this thread reads while the block runs.

    Args:
        step: Called with 1 before a file is read, once for its header and once for its pixels, and
            with 0 from time to time while an archive is unpacked. What it raises ends the reading.
    """
    token = _listener.set(step)
    try:
        yield
    finally:
        _listener.reset(token)


def may_stop() -> None:
    """Call the listener with 0, so that it can end a long step before the first file is read."""
    _listener.get()(0)


def next_file() -> None:
    """Report that one more file is about to be read."""
    _listener.get()(1)
