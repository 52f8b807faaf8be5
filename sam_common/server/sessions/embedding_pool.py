"""Embedding pool: embeddings, or masks, of all sessions, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

LIMIT_BYTES = 1 << 30
"""Most bytes that a pool holds: 1 GiB, that is 256 embeddings."""


class EmbeddingPool:
    """A cache of values by keys; the value that was used longest ago is dropped first.

    Threads may share a pool; no value is made twice.

    Args:
        limit_bytes: Most bytes that are held; the newest value is always kept.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[str, tuple[threading.Lock, int]] = {}
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of all values that are held."""
        return self._bytes

    def get(self, key: Hashable) -> Any | None:
        """The value of a key, None where none is held."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def put(self, key: Hashable, value: Any, size_bytes: int) -> None:
        """Hold a value; those that were used longest ago are dropped where room is needed."""
        with self._lock:
            if key in self._held:
                self._bytes -= self._held.pop(key)[1]
            self._held[key] = (value, size_bytes)
            self._bytes += size_bytes
            while self._bytes > self.limit_bytes and len(self._held) > 1:
                _, (_, freed) = self._held.popitem(last=False)
                self._bytes -= freed

    def drop(self, is_gone: Callable[[Any], bool]) -> None:
        """Drop the values of all keys for which a function is true."""
        with self._lock:
            for key in [key for key in self._held if is_gone(key)]:
                self._bytes -= self._held.pop(key)[1]

    def get_or_make(self, key: str, make: Callable[[], tuple[Any, int]]) -> Any:
        """The value of a key; where none is held, one caller makes it and the others wait.

        Args:
            key: Text that holds everything that decides the value.
            make: Makes the value; gives it with its number of bytes.
        """
        if (known := self.get(key)) is not None:
            return known
        with self._one_maker(key):
            if (known := self.get(key)) is not None:
                return known
            value, size_bytes = make()
            self.put(key, value, size_bytes)
            return value

    @contextmanager
    def _one_maker(self, key: str) -> Iterator[None]:
        """Let one thread at a time into the block of a key."""
        with self._lock:
            lock, waiting = self._making.get(key, (threading.Lock(), 0))
            self._making[key] = (lock, waiting + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, waiting = self._making[key]
                if waiting == 1:
                    del self._making[key]
                else:
                    self._making[key] = (lock, waiting - 1)
