"""Spooled items: packed outlines and rows that wait in a temporary file until they are wanted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sam_common.support.files import writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    IntArray: TypeAlias = npt.NDArray[np.int64]

IN_MEMORY = 64 * 2**20
"""Bytes that are kept in memory; more go to the temporary file."""


class SpooledItems:
    """Strings of bytes by number, in a file that is removed when it is closed.

    In memory are eight bytes for each item, to say where it is.

    Args:
        what: What the items are, for the message of a full disk.
        folder: Where the file lies; the system's folder for temporary files where None.
    """

    def __init__(self, what: str, folder: Path | None = None) -> None:
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._what = what
        self._file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder))  # noqa: SIM115
        self._ends: list[IntArray] = [np.zeros(1, dtype=np.int64)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, items: Sequence[bytes]) -> None:
        """Add the next items; the first of all has the number 0.

        Raises:
            DiskError: The disk of the temporary file is full.
        """
        with writing(self._folder / self._what):
            self._file.seek(self._ends[-1][-1])
            self._file.write(b"".join(items))
        sizes = np.array([len(item) for item in items], dtype=np.int64)
        if len(sizes):
            self._ends.append(self._ends[-1][-1] + np.cumsum(sizes))
            self._count += len(sizes)

    def read(self, numbers: IntArray) -> list[bytes]:
        """The items of (K,) numbers, in their order."""
        if len(self._ends) > 1:
            self._ends = [np.concatenate(self._ends)]
        (bounds,) = self._ends
        starts, stops = bounds[numbers].tolist(), bounds[numbers + 1].tolist()
        return [self._between(start, stop) for start, stop in zip(starts, stops, strict=True)]

    def close(self) -> None:
        """Remove the file; nothing can be read afterwards."""
        self._file.close()

    def _between(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return bytes(self._file.read(stop - start))
