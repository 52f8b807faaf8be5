"""SliceBox: a 2-D box drawn on one slice of any of the three array axes.

```
axis  slice     window
0     k fixed   (j, i)
1     j fixed   (k, i)
2     i fixed   (k, j)      the two other axes in array order
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sam_common.errors import PromptError
from sam_common.window import Window

Axis: TypeAlias = Literal[0, 1, 2]
"""An axis of a volume's array: 0 is k, 1 is j, 2 is i."""

AXES: tuple[Axis, ...] = (0, 1, 2)
AXIS_NAMES = "kji"
"""Letter of each array axis."""
PLANE_NDIM = 2


@dataclass(frozen=True, slots=True)
class SliceBox:
    """A 2-D box on one slice.

    Law:
        `SliceBox.from_window(b.axis, b.window_kji) == b`
    """

    axis: Axis
    """The array axis that the slice is fixed on."""
    index: int
    """Which slice along that axis."""
    window: Window
    """Half-open box in the two other axes, in array order."""

    def __post_init__(self) -> None:
        if self.axis not in AXES:
            raise PromptError(f"the axis of a slice must be 0, 1 or 2, got {self.axis}")
        if len(self.window.start) != PLANE_NDIM:
            raise PromptError(f"a box on a slice has 2 axes, got {len(self.window.start)}")
        # numpy integers would compare and hash alike but print and serialise badly
        object.__setattr__(self, "index", int(self.index))

    @classmethod
    def from_window(cls, axis: Axis, window: Window) -> SliceBox:
        """From a (k, j, i) window that is one voxel thick along `axis`.

        Raises:
            PromptError: It is thicker.
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
