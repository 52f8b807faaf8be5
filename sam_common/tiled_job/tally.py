"""Tally: counts and seconds of a job, added up over threads, processes and machines."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Tally:
    """Numbers by name, which threads may add to; a copy in another process begins at zero."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, float] = {}

    def __reduce__(self) -> tuple[Callable[[], Tally], tuple[()]]:
        return Tally, ()

    def __getitem__(self, name: str) -> float:
        """The sum of a name so far; 0 where nothing was added."""
        with self._lock:
            return self._numbers.get(name, 0)

    def add(self, name: str, amount: float = 1) -> None:
        """Add an amount to the sum of a name."""
        with self._lock:
            self._numbers[name] = self._numbers.get(name, 0) + amount

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the wall time of the block, in seconds, to the sum of a name."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def take(self) -> dict[str, float]:
        """Give all sums and begin at zero again: what a worker tells with each result."""
        with self._lock:
            taken, self._numbers = self._numbers, {}
        return taken

    def put(self, numbers: Mapping[str, float]) -> None:
        """Add sums that another process took.

        >>> here, there = Tally(), Tally()
        >>> there.add("encoded", 2)
        >>> here.put(there.take())
        >>> here["encoded"], there["encoded"]
        (2, 0)
        """
        for name, amount in numbers.items():
            self.add(name, amount)
