"""EmbeddingPool: embeddings or masks of all sessions, shared and bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

LIMIT_BYTES = 1 << 30
"""1 GiB: 256 embeddings."""


class EmbeddingPool:
    """What was encoded, by everything that decides it; what was used longest ago goes first.

    Threads may share it; nothing is made twice.

    Args:
        limit_bytes: Most bytes that are held; one entry is always kept.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.made = 0
        """Entries that were made since the start."""
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[str, tuple[threading.Lock, int]] = {}
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """Bytes held now."""
        return self._bytes

    def get(self, key: Hashable) -> Any | None:
        """What is held under a key, None where there is nothing."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def put(self, key: Hashable, value: Any, size_bytes: int) -> None:
        """Hold a value; others may have to go."""
        with self._lock:
            if key in self._held:
                self._bytes -= self._held.pop(key)[1]
            self._held[key] = (value, size_bytes)
            self._bytes += size_bytes
            self.made += 1
            while self._bytes > self.limit_bytes and len(self._held) > 1:
                _, (_, freed) = self._held.popitem(last=False)
                self._bytes -= freed

    def drop(self, is_gone: Callable[[Any], bool]) -> None:
        """Let go of all entries whose keys nobody will ask for."""
        with self._lock:
            for key in [key for key in self._held if is_gone(key)]:
                self._bytes -= self._held.pop(key)[1]

    def get_or_make(self, key: str, make: Callable[[], tuple[Any, int]]) -> Any:
        """What is held under a key, made by one caller while others that want it wait.

        Args:
            key: Everything that decides the value.
            make: Gives the value and its bytes.
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
