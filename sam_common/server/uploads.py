"""Uploads: pixels that a host sends, in a private folder until the server ends."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError
from sam_common.server.session import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MOST_UPLOADS = 16
"""What was sent longest ago goes first."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One array."""

    id: str
    path: Path
    sha256: str
    shape: tuple[int, ...]
    dtype: str

    def describe(self) -> dict[str, Any]:
        """As protocol 1 shows it."""
        return {
            "upload": self.id,
            "sha256": self.sha256,
            "shape": list(self.shape),
            "dtype": self.dtype,
        }


class Uploads:
    """Arrays in a folder.

    Args:
        folder: Private and there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._held: dict[str, Upload] = {}
        self._count = 0

    async def receive(self, chunks: AsyncIterator[bytes]) -> Upload:
        """Keep a `.npy` file as it comes in.

        Raises:
            InputError: It is no array of numbers.
        """
        with self._lock:
            self._count += 1
            name = f"u{self._count}"
        path, digest = self._folder / f"{name}.npy", hashlib.sha256()
        try:
            with path.open("wb") as out:
                async for chunk in chunks:
                    digest.update(chunk)
                    out.write(chunk)
            shape, dtype = _check(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        upload = Upload(name, path, digest.hexdigest(), shape, dtype)
        with self._lock:
            self._held[name] = upload
            while len(self._held) > MOST_UPLOADS:
                oldest = self._held.pop(next(iter(self._held)))
                oldest.path.unlink(missing_ok=True)
        return upload

    def get(self, name: str) -> Upload:
        """An upload.

        Raises:
            NotFoundError: There is none of this name (any more).
        """
        if (upload := self._held.get(name)) is None:
            raise NotFoundError(f"no upload {name}: send it again")
        return upload


def _check(path: Path) -> tuple[tuple[int, ...], str]:
    try:
        # not np.load: that opens zip archives and pickles too
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, KeyError, SyntaxError, EOFError, MemoryError) as error:
        raise InputError("an upload is one .npy file of numbers, whole and not empty") from error
    if array.dtype.kind not in "buif" or not array.size:
        raise InputError("an upload is one .npy file of numbers, whole and not empty")
    return tuple(int(n) for n in array.shape), str(array.dtype)
