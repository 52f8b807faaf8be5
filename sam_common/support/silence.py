"""Silence: libraries neither warn nor log while a block runs, in a program of many threads.

`warnings.catch_warnings` and a logger's `disabled` restore the state that they found. Where the
blocks of two threads overlap, the first to leave would end the silence of both, and the last would
restore the silence of the other for good. Here a warning is ignored if the thread that gives it is
inside of a block, and a logger is silent as long as any thread is inside of a block that names it.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING = logging.CRITICAL + 1
"""Level of a logger that no record reaches."""


class _Here(threading.local):
    """Number of blocks that the current thread is inside of."""

    depth = 0


class _InsideABlock:
    """Pattern of modules in a warnings filter, which matches inside of a block only."""

    def match(self, _module: str) -> bool:
        return _here.depth > 0


_here = _Here()
_lock = threading.Lock()
_inside: Counter[str] = Counter()
_levels: dict[str, int] = {}
_FILTER = ("ignore", None, Warning, _InsideABlock(), 0)


@contextmanager
def silence(*loggers: str) -> Iterator[None]:
    """Ignore the warnings of this thread, and all records of some loggers, while the block runs.

    Args:
        *loggers: Names of loggers; those below them, as "pydicom.pixels" under "pydicom", are
            silent too.
    """
    with _lock:
        _put_filter()
        for name in loggers:
            _quieten(name)
    _here.depth += 1
    try:
        yield
    finally:
        _here.depth -= 1
        with _lock:
            for name in loggers:
                _give_back(name)


def _put_filter() -> None:
    """Put the filter before all others; it stays, as it matches nothing outside of blocks."""
    filters = cast("list[Any]", warnings.filters)
    if not filters or filters[0] is not _FILTER:
        filters[:] = [_FILTER, *(one for one in filters if one is not _FILTER)]


def _quieten(name: str) -> None:
    """Silence a logger for one block more."""
    logger = logging.getLogger(name)
    if not _inside[name]:
        _levels[name] = logger.level
        logger.setLevel(NOTHING)
    _inside[name] += 1


def _give_back(name: str) -> None:
    """Silence a logger for one block less, and restore its level after the last."""
    _inside[name] -= 1
    if not _inside[name]:
        logging.getLogger(name).setLevel(_levels.pop(name))
