"""Overlap: the masks of two windows, compared inside the pixels that both windows saw.

```
overlap of windows A and B      masks of B           a1 and b2 agree there and are each other's
                                b1    b2    b3       best partner: one object
masks of A              a1     0.0   0.9   0.0
                        a2     0.1   0.0   0.2       a2 agrees with nothing (IoU in the overlap)
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.instance import Instance
    from sam_common.stitching.groups import Groups
    from sam_common.window import Window

    Boxes = npt.NDArray[np.int64]

LINK_IOU = 0.5
"""Least IoU inside the overlap of two masks of one object. Above 0.5, a mask can agree with only
one of several masks that do not overlap each other."""
OUTLINES_APART_PX = 3
"""Largest distance between the boxes of two masks whose outlines agree, in pixels."""
OUTLINES_INSIDE = 0.5
"""Least part of the smaller mask that lies in the larger one, where their outlines agree."""
NESTED = 0.95
"""Least part of the smaller mask that lies in the larger one, where their outlines differ."""
NESTED_IOU = 0.3
"""Least IoU of two nested masks of one object."""
IOU_STEP = 0.03
"""IoUs that round to the same multiple of this step count as equal; areas then decide."""
EDGE_PX = 3
"""A mask that ends this near to the edge of its window, in pixels, may be cut by it."""
SLIVER_PX = 3
"""A mask no thicker than this across a seam, in pixels, is mostly edge: its IoU says little."""


@dataclass(slots=True, eq=False)
class Strip:
    """The masks of one window inside its overlap with another one, N of them."""

    numbers: npt.NDArray[np.int64]
    """(N,) numbers of the instances that reach into the overlap."""
    boxes: Boxes
    """(N, 4) top, left, bottom, right of the masks inside the overlap, in image indices."""
    bits: list[npt.NDArray[np.uint8]]
    """The masks on these boxes, eight pixels a byte."""
    areas: npt.NDArray[np.int64]
    """(N,) pixels of the whole instances."""
    is_cut_inside: npt.NDArray[np.bool_]
    """(N,) whether an instance is cut by its window's edge and lies in the overlap as a whole."""
    across: tuple[int, ...]
    """Axes across the seam: those along which the overlap is narrowest."""

    @classmethod
    def cropped(
        cls,
        instances: Sequence[Instance],
        boxes: Boxes,
        first: int,
        shared: tuple[Window, tuple[int, ...]],
        groups: Groups,
    ) -> Strip:
        """The masks of a window, cropped to one of its overlaps.

        Args:
            instances: Instances of the window in image indices.
            boxes: Their boxes, as `boxes_of` gives them.
            first: Number of the first of them.
            shared: The overlap in image indices, and the axes across the seam.
            groups: Knows which instances are cut.
        """
        place, across = shared
        (top, left), (bottom, right) = place.start, place.stop
        low, high = np.array([top, left]), np.array([bottom, right])
        inner = np.hstack([np.maximum(boxes[:, :2], low), np.minimum(boxes[:, 2:], high)])
        reach = np.flatnonzero((inner[:, :2] < inner[:, 2:]).all(axis=1))
        numbers, kept, bits, areas, is_cut_inside = [], [], [], [], []
        for i in reach.tolist():
            r0, c0, r1, c1 = inner[i].tolist()
            y, x = boxes[i, :2].tolist()
            mask = instances[i].region.mask[r0 - y : r1 - y, c0 - x : c1 - x]
            if not mask.any():
                continue
            numbers.append(first + i)
            kept.append((r0, c0, r1, c1))
            bits.append(np.packbits(mask))
            areas.append(instances[i].region.area_px)
            is_cut_inside.append(bool(groups.is_cut[first + i] and (inner[i] == boxes[i]).all()))
        return cls(
            np.array(numbers, dtype=np.int64),
            np.array(kept, dtype=np.int64).reshape(-1, 4),
            bits,
            np.array(areas, dtype=np.int64),
            np.array(is_cut_inside, dtype=np.bool_),
            across,
        )

    def slivers(self) -> npt.NDArray[np.bool_]:
        """(N,) whether a mask is thin across the seam; a narrow road along the seam is not."""
        extent = (self.boxes[:, 2:] - self.boxes[:, :2])[:, list(self.across)]
        return np.asarray((extent <= SLIVER_PX).any(axis=1))

    def mask(self, i: int) -> npt.NDArray[np.bool_]:
        """Mask number `i` of the strip, on its own box."""
        r0, c0, r1, c1 = self.boxes[i].tolist()
        count = (r1 - r0) * (c1 - c0)
        return np.unpackbits(self.bits[i], count=count).reshape(r1 - r0, c1 - c0).view(np.bool_)

    def inner_areas(self) -> npt.NDArray[np.int64]:
        """(N,) pixels of the masks inside the overlap."""
        return np.array([int(self.mask(i).sum()) for i in range(len(self.bits))], dtype=np.int64)


class Side(NamedTuple):
    """One of the two windows that share an overlap, with its number and its strip."""

    n: int
    window: Window
    strip: Strip

    def reaching_edge(self, other: Window) -> npt.NDArray[np.bool_]:
        """(N,) whether a mask ends at an edge of this window beyond which the other one goes on."""
        boxes, ends = self.strip.boxes, np.zeros(len(self.strip.bits), dtype=np.bool_)
        for axis in (0, 1):
            if self.window.stop[axis] < other.stop[axis]:
                ends |= boxes[:, 2 + axis] >= self.window.stop[axis] - EDGE_PX
            if self.window.start[axis] > other.start[axis]:
                ends |= boxes[:, axis] <= self.window.start[axis] + EDGE_PX
        return ends


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """M masks of one window and N of another one, compared pair by pair inside their overlap."""

    shared: npt.NDArray[np.int64]
    """(M, N) pixels that two masks have in common."""
    areas_a: npt.NDArray[np.int64]
    """(M,) pixels of the masks of the first window."""
    areas_b: npt.NDArray[np.int64]
    """(N,) pixels of the masks of the second window."""
    apart: npt.NDArray[np.int64]
    """(M, N) largest distance between the sides of their boxes, in pixels."""
    iou: npt.NDArray[np.float64]
    """(M, N) IoU inside the overlap."""

    @classmethod
    def of(cls, a: Strip, b: Strip) -> Comparison:
        """Compare the masks of two strips of one overlap."""
        shared, areas_a, areas_b = _intersections(a, b), a.inner_areas(), b.inner_areas()
        apart = np.abs(a.boxes[:, None] - b.boxes[None]).max(axis=2, initial=0)
        union = areas_a[:, None] + areas_b[None, :] - shared
        return cls(shared, areas_a, areas_b, apart, shared / np.maximum(union, 1))

    @property
    def least(self) -> npt.NDArray[np.int64]:
        """(M, N) pixels of the smaller mask of each pair."""
        return np.minimum(self.areas_a[:, None], self.areas_b[None])

    def agreeing(self, threshold: float) -> npt.NDArray[np.bool_]:
        """(M, N) whether two masks may be one object, by any of three rules."""
        return np.asarray(
            (self.iou >= threshold) | self.outlines_agree() | self.nested(), dtype=np.bool_
        )

    def outlines_agree(self) -> npt.NDArray[np.bool_]:
        """(M, N) whether boxes differ by pixels only: small objects whose IoU one pixel halves."""
        inside = self.shared >= OUTLINES_INSIDE * self.least
        return np.asarray((self.apart <= OUTLINES_APART_PX) & inside)

    def nested(self) -> npt.NDArray[np.bool_]:
        """(M, N) whether one mask is a good part of the other: one of them lacks a sharp corner."""
        inside = self.shared >= NESTED * self.least
        return np.asarray(inside & (self.iou >= NESTED_IOU))


def mutual_best(
    iou: npt.NDArray[np.float64],
    agreeing: npt.NDArray[np.bool_],
    areas_a: npt.NDArray[np.int64],
    areas_b: npt.NDArray[np.int64],
) -> Iterator[tuple[int, int, float]]:
    """Agreeing pairs in which each mask is the other's best partner.

    A part and its whole can look alike inside the overlap: of equal partners the smaller instance
    is taken, in every overlap, so that parts are linked with parts.

    Args:
        iou: (M, N) IoU inside the overlap.
        agreeing: (M, N) whether two masks may be one object.
        areas_a: (M,) pixels of the whole instances of the first window.
        areas_b: (N,) pixels of the whole instances of the second window.

    Yields:
        Row, column, and the IoU in multiples of `IOU_STEP`.
    """
    if not iou.size:
        return
    step = np.round(iou / IOU_STEP)
    # less than a step: areas decide between equal steps only
    best_b = (step - areas_b[None] / (2.0 * areas_b.max() + 1)).argmax(axis=1)
    best_a = (step - areas_a[:, None] / (2.0 * areas_a.max() + 1)).argmax(axis=0)
    for i, j in enumerate(best_b.tolist()):
        if agreeing[i, j] and best_a[j] == i:
            yield i, j, float(step[i, j])


def overlap_of(a: Window, b: Window) -> tuple[Window, tuple[int, ...]]:
    """The overlap of two windows, and the axes across the seam: those along which it is narrowest.

    Only axes along which one window goes on beyond the other count: an image may be narrower than
    any overlap.

    Raises:
        ValueError: The windows do not overlap.
    """
    shared = a.intersect(b)
    if shared is None:
        raise ValueError(f"windows do not overlap: {a}, {b}")
    moved = [k for k in (0, 1) if a.start[k] != b.start[k]] or [0, 1]
    least = min(shared.shape[k] for k in moved)
    return shared, tuple(k for k in moved if shared.shape[k] == least)


def _intersections(a: Strip, b: Strip) -> npt.NDArray[np.int64]:
    """(M, N) pixels that the masks of two strips have in common."""
    shared = np.zeros((len(a.bits), len(b.bits)), dtype=np.int64)
    low = np.maximum(a.boxes[:, None, :2], b.boxes[None, :, :2])
    high = np.minimum(a.boxes[:, None, 2:], b.boxes[None, :, 2:])
    masks_a: dict[int, npt.NDArray[np.bool_]] = {}
    masks_b: dict[int, npt.NDArray[np.bool_]] = {}
    for i, j in zip(*np.nonzero((low < high).all(axis=2)), strict=True):
        if i not in masks_a:
            masks_a[i] = a.mask(i)
        if j not in masks_b:
            masks_b[j] = b.mask(j)
        (r0, c0), (r1, c1) = low[i, j].tolist(), high[i, j].tolist()
        parts = []
        for mask, box in ((masks_a[i], a.boxes[i]), (masks_b[j], b.boxes[j])):
            y, x = int(box[0]), int(box[1])
            parts.append(mask[r0 - y : r1 - y, c0 - x : c1 - x])
        shared[i, j] = np.count_nonzero(parts[0] & parts[1])
    return shared
