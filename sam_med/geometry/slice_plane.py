"""Slice plane: millimetres on the slices along an array axis of a grid, oblique and sheared too.

```
axis  slices    (row, column)
0     k fixed   (j, i)
1     j fixed   (k, i)
2     i fixed   (k, j)
```
Distances on a slice are those of the patient: the two steps of the grid on it may have different
lengths, and may not be perpendicular to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_med.geometry.anatomical_plane import PLANES
from sam_med.geometry.slice_box import AXES, Axis

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.frame import FloatArray, Frame


@dataclass(frozen=True, slots=True, eq=False)
class SlicePlane:
    """The slices along one array axis of a grid."""

    axis: Axis
    """Array axis along which the slices are cut."""
    steps_mm: FloatArray
    """(2, 2) array: the step from row to row, then from column to column, in millimetres along two
    perpendicular directions of the plane."""

    @classmethod
    def of(cls, frame: Frame, axis: Axis) -> SlicePlane:
        """The slices of a grid along an array axis; slices at even distances are assumed."""
        row, column = (frame.array[:3, n] for n in AXES if n != axis)
        along = column / np.linalg.norm(column)
        across = row - (row @ along) * along
        across /= np.linalg.norm(across)
        return cls(axis, np.array([[row @ along, row @ across], [column @ along, 0.0]]))

    def to_mm(self, index_rc: npt.ArrayLike) -> FloatArray:
        """(row, column) indices (..., 2) to millimetres (..., 2) on the plane.

        Law:
            `p.to_index(p.to_mm(i)) == i` (to rounding)
        """
        # sums of products, not a matrix product: equal indices give equal millimetres, to the bit
        index = np.asarray(index_rc, dtype=np.float64)
        return np.asarray(index[..., :1] * self.steps_mm[0] + index[..., 1:] * self.steps_mm[1])

    def to_index(self, mm: npt.ArrayLike) -> FloatArray:
        """Millimetres (..., 2) on the plane to (row, column) indices (..., 2)."""
        return np.asarray(np.asarray(mm, dtype=np.float64) @ np.linalg.inv(self.steps_mm))

    def lift(self, index_rc: npt.ArrayLike, index: int) -> FloatArray:
        """(row, column) indices (..., 2) on slice `index` to array indices (..., 3) (k, j, i).

        >>> from sam_common.frame import Frame
        >>> SlicePlane.of(Frame.from_array(np.eye(4)), 1).lift([2.0, 3.0], 7).tolist()
        [2.0, 7.0, 3.0]
        """
        return np.insert(np.asarray(index_rc, dtype=np.float64), self.axis, index, axis=-1)


def axis_of_plane(frame: Frame, name: str) -> Axis:
    """The array axis whose slices are nearest to an anatomical plane.

    Args:
        frame: The affine of a grid.
        name: "axial", "coronal" or "sagittal".
    """
    wanted = PLANES.index(name)
    steps = frame.array[:3, :3].T

    def along(axis: Axis) -> float:
        one, other = (steps[n] for n in AXES if n != axis)
        normal = np.cross(one, other)
        return float(abs(normal[wanted]) / np.linalg.norm(normal))

    return max(AXES, key=along)
