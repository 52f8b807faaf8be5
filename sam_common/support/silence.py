"""Silence: libraries that neither warn nor log while a block runs, in a program of many threads.

`warnings.catch_warnings` and a logger's `disabled` put back what they found. Of two threads whose
blocks overlap, the last to leave then puts back the silence of the other, and the first to leave
ends it for both. Here a warning is ignored where the thread that gives it is inside a block, and
loggers are told apart from others by counting who is inside.
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
"""A level that no record reaches."""


class _Here(threading.local):
    """How many blocks the calling thread is inside."""

    depth = 0


class _InsideABlock:
    """Stands for the pattern of module names in a filter of warnings: matches inside a block."""

    def match(self, _module: str) -> bool:
        return _here.depth > 0


_here = _Here()
_lock = threading.Lock()
_inside: Counter[str] = Counter()
_levels: dict[str, int] = {}
_FILTER = ("ignore", None, Warning, _InsideABlock(), 0)


@contextmanager
def silence(*loggers: str) -> Iterator[None]:
    """While the block runs, its thread's warnings are ignored and the loggers say nothing.

    Args:
        *loggers: Names; loggers below them, "pydicom.pixels" under "pydicom", are silent too.
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
    """Before all others; it stays, because outside of blocks it matches nothing."""
    filters = cast("list[Any]", warnings.filters)
    if not filters or filters[0] is not _FILTER:
        filters[:] = [_FILTER, *(one for one in filters if one is not _FILTER)]


def _quieten(name: str) -> None:
    logger = logging.getLogger(name)
    if not _inside[name]:
        _levels[name] = logger.level
        logger.setLevel(NOTHING)
    _inside[name] += 1


def _give_back(name: str) -> None:
    _inside[name] -= 1
    if not _inside[name]:
        logging.getLogger(name).setLevel(_levels.pop(name))
