"""Uploads: arrays that a host sends, kept in a private folder until the server ends."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import ConflictError, InputError, NotFoundError
from sam_common.support.files import writing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

MOST_BYTES = 8 << 30
"""Most bytes of all uploads; the oldest ones are deleted first."""
ENTRY_BYTES = 4096
"""Bytes that an upload counts for beside those of its file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded array."""

    id: str
    path: Path
    sha256: str
    shape: tuple[int, ...]
    dtype: str
    size_bytes: int

    def describe(self) -> dict[str, Any]:
        """The upload in the JSON of protocol 1."""
        return {
            "upload": self.id,
            "sha256": self.sha256,
            "shape": list(self.shape),
            "dtype": self.dtype,
        }


class Uploads:
    """Uploaded arrays in a folder; threads may share them.

    Each counts for its bytes and `ENTRY_BYTES`, so that the number of small ones is bounded too.

    Args:
        folder: Existing private folder.
        most_bytes: Most bytes of all arrays, those that are being received included.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._folder = folder
        self._lock = threading.Lock()
        self._held: dict[str, Upload] = {}
        self._borrowed: Counter[str] = Counter()
        self._bytes = 0
        self._count = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of all uploads, those that are being received included."""
        return self._bytes

    async def receive(self, chunks: AsyncIterator[bytes]) -> Upload:
        """Receive a `.npy` file in chunks and keep it.

        Raises:
            ConflictError: There is no room for it beside uploads that are in use.
            DiskError: The disk is full.
            InputError: The file is no array of numbers.
        """
        with self._lock:
            self._count += 1
            name = f"u{self._count}"
        path, digest, size = self._folder / f"{name}.npy", hashlib.sha256(), ENTRY_BYTES
        try:
            self._make_room(size)
            with writing(path), path.open("wb") as out:
                async for chunk in chunks:
                    size += len(chunk)
                    self._make_room(len(chunk))
                    digest.update(chunk)
                    out.write(chunk)
            shape, dtype = _check(path)
        except BaseException:
            path.unlink(missing_ok=True)
            with self._lock:
                self._bytes -= size
            raise
        upload = Upload(name, path, digest.hexdigest(), shape, dtype, size)
        with self._lock:
            self._held[name] = upload
        return upload

    @contextmanager
    def borrowed(self, name: str) -> Iterator[Upload]:
        """An upload, which is not deleted while the block runs.

        Raises:
            NotFoundError: There is no such upload, or it has been deleted.
        """
        with self._lock:
            if (upload := self._held.get(name)) is None:
                raise NotFoundError(f"no upload {name}: send it again")
            self._borrowed[name] += 1
        try:
            yield upload
        finally:
            with self._lock:
                # a subtraction of counters also drops uploads that nobody reads any more
                self._borrowed -= Counter([name])

    def _make_room(self, more: int) -> None:
        """Count received bytes, and delete the oldest unused uploads where room is needed."""
        with self._lock:
            self._bytes += more
            for name in [name for name in self._held if not self._borrowed[name]]:
                if self._bytes <= self.most_bytes:
                    return
                oldest = self._held.pop(name)
                oldest.path.unlink(missing_ok=True)
                self._bytes -= oldest.size_bytes
            if self._bytes > self.most_bytes:
                raise ConflictError(
                    f"uploads take at most {self.most_bytes} bytes together: wait for those that "
                    "are coming in, or give the server the path of a file"
                )


def _check(path: Path) -> tuple[tuple[int, ...], str]:
    """Shape and type of an uploaded array; raises `InputError` where the file is none."""
    try:
        # not np.load: that opens zip archives and pickles too
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, KeyError, SyntaxError, EOFError, MemoryError) as error:
        raise InputError("an upload is one .npy file of numbers, whole and not empty") from error
    if array.dtype.kind not in "buif" or not array.size:
        raise InputError("an upload is one .npy file of numbers, whole and not empty")
    return tuple(int(n) for n in array.shape), str(array.dtype)
