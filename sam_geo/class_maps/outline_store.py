"""Outline store: outlines of parts of pieces in a temporary file, joined when they are wanted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import shapely

from sam_geo.outlines.coverage import straightened
from sam_geo.outlines.spooled_items import SpooledItems

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

    Shapes: TypeAlias = npt.NDArray[np.object_]
    IntArray: TypeAlias = npt.NDArray[np.int64]


class OutlineStore(AbstractContextManager["OutlineStore"]):
    """Outlines along pixel edges, of which some are parts of one that was cut at straight lines.

    To be used in a `with` block, at whose end the temporary file is removed.

    Args:
        width: Columns of the image; corners of its pixels are numbered row by row.
        folder: Where the temporary file lies; the system's folder for such files where None.
    """

    def __init__(self, width: int, folder: Path | None) -> None:
        self._stride = width + 1
        self._packed = SpooledItems("outlines", folder)
        self._corners: list[IntArray] = []

    def __exit__(self, *_: object) -> None:
        self._packed.close()

    def add(self, shapes: Shapes, corners: IntArray) -> None:
        """Add the next outlines; the first of all has the number 0.

        Args:
            shapes: (N,) Polygons in pixel corners (col, row), or None where no outline is needed.
            corners: Numbers of corners where outlines were cut that go straight on: they are no
                vertices of the joined outlines.

        Raises:
            DiskError: The disk of the temporary file is full.
        """
        self._packed.add([shape or b"" for shape in shapely.to_wkb(shapes).tolist()])
        self._corners.append(corners)

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
        shapes = shapely.from_wkb(self._packed.read(np.concatenate(given)))
        ends = np.cumsum(sizes)
        found = shapes[ends - sizes]
        for n in np.flatnonzero(sizes > 1).tolist():
            found[n] = shapely.coverage_union_all(shapes[ends[n] - sizes[n] : ends[n]])
        return straightened(found, self._is_pass)

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
