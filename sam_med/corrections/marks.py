"""Marks: what a person draws on one slice of a volume in order to correct an object.

```
kind       points                                    says of its voxels
click      one                                       the object is there, or is not
scribble   two or more along a stroke                the same of all voxels that the stroke touches
lasso      three or more around a closed outline     the same of all voxels inside
line       both ends of the long axis, and where     the object is there, and reaches from end to
           it was drawn of the short one             end (RECIST)
not_this   one, which names the slice                what is shown there is not the object
```
A mark lies on a slice of any axis. A click without an axis counts on the slices of all axes that
cross it.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry.slice_box import AXES, AXIS_NAMES
from sam_med.geometry.voxel_box import extents, text_of
from sam_med.prompts.drawings import ON_SLICE
from sam_med.propagate.planes import finest_axis
from sam_med.segmentations.rt_contours import inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.frame import FloatArray
    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume

Kind: TypeAlias = Literal["click", "scribble", "lasso", "line", "not_this"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Place: TypeAlias = "tuple[Axis, int]"
"""Axis and index of a slice."""

COUNTS: dict[Kind, str] = {
    "click": "one point",
    "scribble": "two or more points along its stroke",
    "lasso": "three or more points around its outline",
    "line": "two points, the ends of the long axis, or four, those of the long and the short one",
    "not_this": "one point, which names its slice",
}
"""Points of each kind, in words."""
LEAST: dict[Kind, int] = {"scribble": 2, "lasso": 3}
EXACT: dict[Kind, tuple[int, ...]] = {"click": (1,), "not_this": (1,), "line": (2, 4)}


@dataclass(frozen=True, slots=True)
class Mark:
    """A click, scribble, lasso or line on a slice, or the word that its slice is wrong.

    Raises:
        PromptError: The mark has too few or too many points, a point is not finite, a line has no
            length, or a line or `not_this` is negative.
    """

    kind: Kind
    points_kji: tuple[tuple[float, float, float], ...]
    """Fractional array indices (k, j, i); whole numbers are centres of voxels."""
    positive: bool = True
    """Whether the object is there; False for what is not the object."""
    axis: Axis | None = None
    """Array axis of the slice that was drawn on; found from the points where it is not known."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PromptError(f"a correction is {', '.join(KINDS)}, got {self.kind!r}")
        if self.axis is not None and self.axis not in AXES:
            raise PromptError(f"the axis of a slice must be 0, 1 or 2, got {self.axis}")
        self._check_count()
        points = np.asarray(self.points_kji, dtype=np.float64)
        if points.shape != (len(self.points_kji), len(AXES)) or not np.isfinite(points).all():
            raise PromptError(f"points of a {self.kind} must be three finite numbers each")
        if self.kind in {"line", "not_this"} and not self.positive:
            raise PromptError(f"a {self.kind} is never negative: use a scribble or a lasso")
        for start, stop in zip(points[::2], points[1::2], strict=False):
            if self.kind == "line" and np.array_equal(start, stop):
                raise PromptError(
                    f"a line of length zero says nothing: both ends are at ijk {_ijk(start)}"
                )
        object.__setattr__(self, "points_kji", tuple(map(tuple, points.tolist())))

    def _check_count(self) -> None:
        """Raise `PromptError` where the kind of mark takes another number of points."""
        count = len(self.points_kji)
        if count < LEAST.get(self.kind, 1) or count not in EXACT.get(self.kind, (count,)):
            raise PromptError(f"a {self.kind} takes {COUNTS[self.kind]}, got {count}")

    @property
    def array(self) -> FloatArray:
        """The points as an array (points, 3) of (k, j, i)."""
        return np.array(self.points_kji, dtype=np.float64)

    @property
    def told(self) -> str:
        """The mark in words of messages, as "negative click at ijk 3, 4, 5"."""
        sign = "" if self.positive else "negative "
        return f"{sign}{self.kind} at ijk {_ijk(self.array[0])}"

    def place(self, volume: Volume) -> Place:
        """The slice that the mark was drawn on; for a click without an axis that of finest pixels.

        Raises:
            PromptError: A point lies outside the volume, or the points lie on no slice.
        """
        self._check_inside(volume)
        points = self.array
        first = finest_axis(volume)
        axes = [first, *(a for a in AXES if a != first)] if self.axis is None else [self.axis]
        for axis in axes:
            index = _whole(float(points[:, axis].mean()))
            if np.abs(points[:, axis] - index).max() <= ON_SLICE:
                return axis, index
        which = "" if self.axis is None else f" along {AXIS_NAMES[self.axis]}"
        raise PromptError(
            f"the {self.told} lies on no slice{which} of the volume: draw it on one, axial, "
            "coronal or sagittal"
        )

    def on_slice(self, volume: Volume, place: Place) -> npt.NDArray[np.bool_]:
        """The pixels of a whole slice that the mark speaks of.

        Raises:
            PromptError: A lasso goes around no centre of a voxel.
        """
        axis = place[0]
        size = [n for d, n in enumerate(volume.shape) if d != axis]
        flat = np.delete(self.array, axis, axis=1)
        shape = (size[0], size[1])
        if self.kind == "lasso":
            pixels = inside(flat, shape)
            if not pixels.any():
                raise PromptError(
                    f"the {self.told} goes around no centre of a voxel: draw it larger"
                )
            return pixels
        pixels = np.zeros(shape, dtype=np.bool_)
        strokes = [flat[:2], flat[2:]] if self.kind == "line" else [flat]
        for row, column in np.concatenate([_touched(one) for one in strokes]):
            pixels[row, column] = True
        return pixels

    def _check_inside(self, volume: Volume) -> None:
        """Raise `PromptError` where a point lies outside the volume; of a lasso, where all of it.

        A lasso may go around the whole image, with each of its points beside it.
        """
        voxels = [_voxel(point) for point in self.array]
        if self.kind == "lasso":
            voxels = [functools.reduce(Window.union, voxels)]
            outside = [n for n, one in enumerate(voxels) if one.intersect(volume.window) is None]
        else:
            outside = [n for n, one in enumerate(voxels) if not volume.window.contains(one)]
        if outside:
            raise PromptError(
                f"the {self.kind} lies outside the volume: ijk {_ijk(self.array[outside[0]])}, but "
                f"{extents(volume)}"
            )


def _touched(flat: FloatArray) -> npt.NDArray[np.int64]:
    """The (row, column) pixels that a stroke through (n, 2) points touches, at half-pixel steps."""
    steps = [flat[:1]]
    for start, stop in pairwise(flat):
        count = 2 * math.ceil(float(np.abs(stop - start).max())) + 1
        steps.append(start + (stop - start) * np.linspace(0, 1, count)[:, None])
    return np.unique(np.floor(np.concatenate(steps) + 0.5).astype(np.int64), axis=0)


def _voxel(point: FloatArray) -> Window:
    """The voxel that holds a point, as a window."""
    start = tuple(_whole(v) for v in point)
    return Window(start, tuple(v + 1 for v in start))


def _whole(value: float) -> int:
    """The voxel that an index with a fraction lies in; a half counts up."""
    return math.floor(value + 0.5)


def _ijk(point: FloatArray | Sequence[float]) -> str:
    """A point in words, as (i, j, k)."""
    return text_of([float(v) for v in point[::-1]])
