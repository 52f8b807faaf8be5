"""Frame: the affine map between array indices and world coordinates.

An integer index is the centre of a sample. Array axes are ordered slowest first, (row, col) or (k,
j, i); world axes are (x, y) or (x, y, z). GDAL's half pixel and the axis order of DICOM and NIfTI
are converted once, in `sam_geo.raster.frame` and `sam_med.geometry.frame`; see decision 0001.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import GeometryError

if TYPE_CHECKING:
    from sam_common.window import Window

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """Affine map from an n-D index (sample centre, array order) to an n-D world coordinate.

    Laws:
        `f.to_index(f.to_world(i)) == i` (to rounding)
        `f.crop(w).to_world(i) == f.to_world(i + w.start)`
    """

    matrix: tuple[tuple[float, ...], ...]
    """Homogeneous (n+1, n+1) matrix, rows as tuples; the last row is (0, ..., 0, 1)."""

    def __post_init__(self) -> None:
        array = np.asarray(self.matrix, dtype=np.float64)
        n = array.shape[0] - 1
        if array.ndim != 2 or array.shape != (n + 1, n + 1) or n < 1:  # noqa: PLR2004
            raise GeometryError(f"matrix must be square and homogeneous, got shape {array.shape}")
        if not np.isfinite(array).all():
            raise GeometryError(f"matrix must be finite, got {array.tolist()}")
        if array[-1].tolist() != [0.0] * n + [1.0]:
            raise GeometryError(f"last row must be (0, ..., 0, 1), got {array[-1].tolist()}")
        if np.linalg.matrix_rank(array[:n, :n]) < n:
            raise GeometryError(f"matrix is singular: {array.tolist()}")
        object.__setattr__(self, "matrix", tuple(tuple(float(v) for v in row) for row in array))

    @classmethod
    def from_array(cls, matrix: npt.ArrayLike) -> Frame:
        """Make a frame from a homogeneous (n+1, n+1) array-like.

        Raises:
            GeometryError: If the matrix is not square, finite, homogeneous and invertible.
        """
        array = np.asarray(matrix, dtype=np.float64)
        return cls(tuple(tuple(row) for row in np.atleast_2d(array).tolist()))

    @classmethod
    def identity(cls, ndim: int) -> Frame:
        """The frame of n axes in which world axes are the reversed index axes: x = col, y = row."""
        matrix = np.eye(ndim + 1)
        matrix[:ndim, :ndim] = np.eye(ndim)[::-1]
        return cls.from_array(matrix)

    @property
    def ndim(self) -> int:
        """Number of axes, n."""
        return len(self.matrix) - 1

    @cached_property
    def array(self) -> FloatArray:
        """The matrix as a read-only (n+1, n+1) float64 array."""
        array = np.array(self.matrix, dtype=np.float64)
        array.flags.writeable = False
        return array

    @cached_property
    def inverse_array(self) -> FloatArray:
        """The inverse matrix, from world to index, as a read-only (n+1, n+1) float64 array."""
        array = np.asarray(np.linalg.inv(self.array), dtype=np.float64)
        array.flags.writeable = False
        return array

    def to_world(self, index: npt.ArrayLike) -> FloatArray:
        """Convert indices (..., n) in array order to world coordinates (..., n)."""
        return self._apply(self.array, index)

    def to_index(self, world: npt.ArrayLike) -> FloatArray:
        """Convert world coordinates (..., n) to fractional indices (..., n) in array order."""
        return self._apply(self.inverse_array, world)

    def crop(self, window: Window) -> Frame:
        """The frame of `array[window.slices]`: `crop(w).to_world(i) == to_world(i + w.start)`."""
        matrix = self.array.copy()
        matrix[:-1, -1] = self.to_world(np.asarray(window.start, dtype=np.float64))
        return Frame.from_array(matrix)

    def compose(self, inner: Frame) -> Frame:
        """The frame that applies another frame first, and then this one.

        `f.compose(g).to_world(i) == f.to_world(g.to_world(i))`
        """
        return Frame.from_array(self.array @ inner.array)

    def _apply(self, matrix: FloatArray, coordinates: npt.ArrayLike) -> FloatArray:
        values = np.asarray(coordinates, dtype=np.float64)
        if values.shape[-1:] != (self.ndim,):
            raise GeometryError(
                f"coordinates must end in an axis of {self.ndim}, got shape {values.shape}"
            )
        # term by term: a matrix product rounds the same point differently in arrays of other sizes
        found = values[..., :1] * matrix[:-1, 0]
        for axis in range(1, self.ndim):
            found = found + values[..., axis : axis + 1] * matrix[:-1, axis]
        return np.asarray(found + matrix[:-1, -1])
