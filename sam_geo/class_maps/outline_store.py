"""Outline store: outlines of parts of pieces in a temporary file, joined when they are wanted."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import shapely

from sam_common.support.files import writing
from sam_geo.outlines.coverage import straightened

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Shapes: TypeAlias = npt.NDArray[np.object_]
    IntArray: TypeAlias = npt.NDArray[np.int64]

IN_MEMORY = 64 * 2**20
"""Bytes of outlines that are kept in memory; more go to the temporary file."""


class OutlineStore(AbstractContextManager["OutlineStore"]):
    """Outlines along pixel edges, of which some are parts of one that was cut at straight lines.

    To be used in a `with` block, at whose end the temporary file is removed.

    Args:
        width: Columns of the image; corners of its pixels are numbered row by row.
        folder: Where the temporary file lies; the system's folder for such files where None.
    """

    def __init__(self, width: int, folder: Path | None) -> None:
        self._stride = width + 1
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder))  # noqa: SIM115
        self._sizes: list[IntArray] = []
        self._corners: list[IntArray] = []

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, shapes: Shapes, corners: IntArray) -> None:
        """Add the next outlines; the first of all has the number 0.

        Args:
            shapes: (N,) Polygons in pixel corners (col, row), or None where no outline is needed.
            corners: Numbers of corners where outlines were cut that go straight on: they are no
                vertices of the joined outlines.

        Raises:
            DiskError: The disk of the temporary file is full.
        """
        packed = [shape or b"" for shape in shapely.to_wkb(shapes).tolist()]
        self._sizes.append(np.array([len(each) for each in packed], dtype=np.int64))
        self._corners.append(corners)
        with writing(self._folder / "outlines"):
            self._file.write(b"".join(packed))

    def joined(self, groups: Iterable[IntArray]) -> Shapes:
        """Join the outlines of each group; none can be added afterwards.

        Args:
            groups: At least one; numbers of the parts of each piece, which share edges vertex by
                vertex.

        Returns:
            One Polygon for each group.
        """
        given = list(groups)
        sizes = np.array([len(group) for group in given])
        parts = np.concatenate(given)
        shapes = shapely.from_wkb(
            [
                self._read(start, stop)
                for start, stop in zip(
                    self._offsets[parts].tolist(), self._offsets[parts + 1].tolist(), strict=True
                )
            ]
        )
        ends = np.cumsum(sizes)
        found = shapes[ends - sizes]
        for n in np.flatnonzero(sizes > 1).tolist():
            found[n] = shapely.coverage_union_all(shapes[ends[n] - sizes[n] : ends[n]])
        return straightened(found, self._is_pass)

    @cached_property
    def _offsets(self) -> IntArray:
        """(P + 1,) where each outline starts in the file, and where the last one ends."""
        return np.concatenate([[0], np.cumsum(np.concatenate(self._sizes))])

    @cached_property
    def _no_vertices(self) -> IntArray:
        """Numbers of the corners that are no vertices of joined outlines, sorted, after a -1."""
        return np.unique(np.concatenate([[-1], *self._corners]))

    def _is_pass(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which of (K, 2) vertices (col, row) are no vertices of joined outlines."""
        number = (xy @ [1, self._stride]).astype(np.int64)
        known = self._no_vertices
        near = known[np.minimum(np.searchsorted(known, number), len(known) - 1)]
        return np.asarray(near == number)

    def _read(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return bytes(self._file.read(stop - start))
