"""SliceBox: a 2-D box drawn on one slice of any of the three array axes.

```
axis  slice     window
0     k fixed   (j, i)
1     j fixed   (k, i)
2     i fixed   (k, j)      the two other axes in array order
```
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry.voxel_box import enclosing, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.frame import FloatArray
    from sam_med.geometry.volume import Volume

Axis: TypeAlias = Literal[0, 1, 2]
"""An axis of a volume's array: 0 is k, 1 is j, 2 is i."""

AXES: tuple[Axis, ...] = (0, 1, 2)
AXIS_NAMES = "kji"
"""Letter of each array axis."""
PLANE_NDIM = 2
PLANE_NUMBERS = 4


@dataclass(frozen=True, slots=True)
class SliceBox:
    """A 2-D box on one slice.

    Law:
        `SliceBox.from_window(b.axis, b.window_kji) == b`
    """

    axis: Axis
    """The array axis along which the slice is cut."""
    index: int
    """Index of the slice along `axis`."""
    window: Window
    """Half-open box on the two other axes, in array order."""

    def __post_init__(self) -> None:
        if self.axis not in AXES:
            raise PromptError(f"the axis of a slice must be 0, 1 or 2, got {self.axis}")
        if len(self.window.start) != PLANE_NDIM:
            raise PromptError(f"a box on a slice has 2 axes, got {len(self.window.start)}")
        # numpy integers would compare and hash alike but print and serialise badly
        object.__setattr__(self, "index", int(self.index))

    @classmethod
    def from_window(cls, axis: Axis, window: Window) -> SliceBox:
        """Make a box from a (k, j, i) window that is one voxel thick along `axis`.

        Raises:
            PromptError: The window is thicker.
        """
        if window.shape[axis] != 1:
            raise PromptError(
                f"a box on a slice is 1 voxel thick along {AXIS_NAMES[axis]}, "
                f"got {window.shape[axis]}"
            )
        rest = [n for n in AXES if n != axis]
        return cls(
            axis,
            window.start[axis],
            Window(
                tuple(window.start[n] for n in rest),
                tuple(window.stop[n] for n in rest),
            ),
        )

    @property
    def window_kji(self) -> Window:
        """The (k, j, i) voxels of the box, one voxel thick.

        >>> SliceBox(1, 7, Window((2, 3), (4, 9))).window_kji
        Window(start=(2, 7, 3), stop=(4, 8, 9))
        """
        start, stop = list(self.window.start), list(self.window.stop)
        start.insert(self.axis, self.index)
        stop.insert(self.axis, self.index + 1)
        return Window(tuple(start), tuple(stop))

    @classmethod
    def from_ijk(cls, axis: Axis, index: int, box: Sequence[float]) -> SliceBox:
        """Make a box from inclusive voxel numbers of the two other axes, i before j before k.

        >>> SliceBox.from_ijk(0, 89, (75, 59, 87, 70))  # i0, j0, i1, j1
        SliceBox(axis=0, index=89, window=Window(start=(59, 75), stop=(71, 88)))

        Raises:
            PromptError: The box is not four whole, finite numbers, or has min > max.
        """
        low, high = tuple(plane_letters(axis))
        order = f"{low}0,{high}0,{low}1,{high}1"
        if len(box) != PLANE_NUMBERS or not all(float(v).is_integer() for v in box):
            raise PromptError(
                f"a box on slice {AXIS_NAMES[axis]}={index} must be four whole voxel numbers "
                f"{order}, got {text_of(box)}"
            )
        a0, b0, a1, b1 = (int(v) for v in box)
        if a0 > a1 or b0 > b1:
            raise PromptError(
                f"a box on slice {AXIS_NAMES[axis]}={index} must have min <= max as {order}, "
                f"got {text_of(box)}"
            )
        return cls(axis, index, Window((b0, a0), (b1 + 1, a1 + 1)))

    @classmethod
    def from_corners(cls, axis: Axis, corners_lps: npt.ArrayLike, volume: Volume) -> SliceBox:
        """Make a box from two opposite outer corners in LPS mm, on the slice nearest to them.

        Its edges are parallel to the rows and columns of the slice, on oblique grids too.

        Args:
            axis: The array axis along which the slice is cut.
            corners_lps: (2, 3) mm.
            volume: The volume that is drawn on; uneven spacing is taken into account.

        Raises:
            PromptError: A corner is not finite, or the corners lie on two slices.
        """
        corners = np.asarray(corners_lps, dtype=np.float64)
        if not np.isfinite(corners).all():
            raise PromptError(f"corners of a box must be finite, got {corners.tolist()}")
        index = volume.to_index(corners)
        first, second = (math.floor(v + 0.5) for v in index[:, axis])
        if first != second:
            letter = AXIS_NAMES[axis]
            raise PromptError(
                f"both corners of a box lie on one slice along {letter}, got "
                f"{letter} {index[0, axis]:.2f} and {index[1, axis]:.2f}"
            )
        whole = enclosing(index)
        start, stop = list(whole.start), list(whole.stop)
        start[axis], stop[axis] = first, first + 1
        return cls.from_window(axis, Window(tuple(start), tuple(stop)))

    def corners_lps(self, volume: Volume) -> FloatArray:
        """Two opposite outer corners (2, 3) in LPS mm, half way through the thickness of the slice.

        Law:
            `SliceBox.from_corners(b.axis, b.corners_lps(v), v) == b`
        """
        window = self.window_kji
        index = np.array([window.start, window.stop], dtype=np.float64) - 0.5
        index[:, self.axis] = self.index
        return volume.to_world(index)

    @property
    def ijk(self) -> tuple[int, ...]:
        """Inclusive voxel numbers of the two other axes, in the order of `from_ijk`."""
        (b0, a0), (b1, a1) = self.window.start, self.window.stop
        return a0, b0, a1 - 1, b1 - 1


def plane_letters(axis: Axis) -> str:
    """Letters of the two axes that lie on a slice, i before j before k.

    >>> plane_letters(1)
    'ik'
    """
    return AXIS_NAMES.replace(AXIS_NAMES[axis], "")[::-1]


def axis_of(letter: str) -> Axis:
    """The array axis of a letter i, j or k.

    Raises:
        PromptError: The text is another one.
    """
    found = AXIS_NAMES.find(letter.strip().lower() or "?")
    if found < 0 or len(letter.strip()) != 1:
        raise PromptError(f"the axis of a slice is i, j or k, got {letter!r}")
    return AXES[found]
