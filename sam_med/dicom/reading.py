"""Reading: who hears, while a volume of many files is read, how many of them were looked at.

Readers of formats lie deep below whoever waits for them, and most of their callers do not wait:
what they tell goes to a listener of the calling thread, or to nobody.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _nobody(_files: int) -> None:
    """Nobody listens."""


_listener: ContextVar[Callable[[int], None]] = ContextVar("listener", default=_nobody)


@contextmanager
def heard(step: Callable[[int], None]) -> Iterator[None]:
    """While the block runs, `step` is called with 1 before each file that is read, else with 0.

    A file is read once for its header and once for its pixels. What `step` raises ends the reading.
    """
    token = _listener.set(step)
    try:
        yield
    finally:
        _listener.reset(token)


def wait() -> None:
    """What comes before the files takes its time: whoever hears may end it, and counts nothing."""
    _listener.get()(0)


def tell() -> None:
    """One more file is read now."""
    _listener.get()(1)
