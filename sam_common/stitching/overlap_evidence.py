"""Overlap evidence: what shared pixels of windows say about which instances are one object.

Everything that is kept until the decision is a few bytes for each link, doubt and open end.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion
    from sam_common.masks.instance import Instance
    from sam_common.stitching.groups import Groups
    from sam_common.window import Window

    Boxes = npt.NDArray[np.int64]

THRESHOLD = 0.5
"""Least IoU in the overlap; above, masks without overlap have one partner at most."""
SLIVER_PX = 3
"""A piece no thicker than this is as much edge as object: its IoU says nothing."""
EDGE_PX = 3
"""How far outlines of one object may lie apart, and how near to its window's edge an instance ends
that may be cut by it."""
INSIDE = 0.5
"""Part of the smaller that lies in the larger, where their outlines agree so."""
NESTED, NESTED_IOU = 0.95, 0.3
"""Part of the smaller that lies in the larger, and least IoU, where outlines do not agree."""
SAME_IOU = 0.03
"""Agreements that differ by less are equal."""
TWIN_IOU = 0.8
"""Masks of one window that overlap more are two tries at one object."""
OPEN_PX = 100
"""Least part in the overlap of an object that is looked for in the neighbouring window."""
COVERED = 0.5
"""Part of a cut piece that the neighbour must have in other objects for it to be left out."""


@dataclass(slots=True, eq=False)
class Strip:
    """What the instances of one window look like inside one overlap."""

    numbers: npt.NDArray[np.int64]
    """(N,) of the instances that reach into it."""
    boxes: Boxes
    """(N, 4) top, left, bottom, right of their parts inside."""
    bits: list[npt.NDArray[np.uint8]]
    """Their masks there, eight pixels a byte."""
    areas: npt.NDArray[np.int64]
    """(N,) pixels of the whole instances."""
    removable: npt.NDArray[np.bool_]
    """(N,) whether it is a cut piece that lies inside the overlap altogether."""
    across: tuple[int, ...]
    """The axes along which the overlap is narrow: across the seam."""

    @classmethod
    def cut(
        cls,
        instances: Sequence[Instance],
        boxes: Boxes,
        first: int,
        shared: tuple[Window, tuple[int, ...]],
        groups: Groups,
    ) -> Strip:
        """What the instances of a window, numbered from `first`, have inside an overlap.

        Args:
            instances: Of the window.
            boxes: Theirs, as `boxes_of`.
            first: Number of the first of them.
            shared: The overlap, and the axes across its seam.
            groups: Where they are numbered.
        """
        place, across = shared
        (top, left), (bottom, right) = place.start, place.stop
        low, high = np.array([top, left]), np.array([bottom, right])
        inner = np.hstack([np.maximum(boxes[:, :2], low), np.minimum(boxes[:, 2:], high)])
        reach = np.flatnonzero((inner[:, :2] < inner[:, 2:]).all(axis=1))
        numbers, kept, bits, areas, removable = [], [], [], [], []
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
            removable.append(bool(groups.cut[first + i] and (inner[i] == boxes[i]).all()))
        return cls(
            np.array(numbers, dtype=np.int64),
            np.array(kept, dtype=np.int64).reshape(-1, 4),
            bits,
            np.array(areas, dtype=np.int64),
            np.array(removable, dtype=np.bool_),
            across,
        )

    def slivers(self) -> npt.NDArray[np.bool_]:
        """(N,) parts that hardly reach across the seam; a thin road along the way is none."""
        extent = (self.boxes[:, 2:] - self.boxes[:, :2])[:, list(self.across)]
        return np.asarray((extent <= SLIVER_PX).any(axis=1))

    def mask(self, i: int) -> npt.NDArray[np.bool_]:
        """The part of an instance inside, on its own box."""
        r0, c0, r1, c1 = self.boxes[i].tolist()
        count = (r1 - r0) * (c1 - c0)
        return np.unpackbits(self.bits[i], count=count).reshape(r1 - r0, c1 - c0).view(np.bool_)


class Side(NamedTuple):
    """One of the two windows that share an overlap."""

    n: int
    window: Window
    strip: Strip

    def open_ends(self, other: Window) -> npt.NDArray[np.bool_]:
        """(N,) whether an instance reaches the edge where its window ends and the other goes on."""
        boxes, ends = self.strip.boxes, np.zeros(len(self.strip.bits), dtype=np.bool_)
        for axis in (0, 1):
            if self.window.stop[axis] < other.stop[axis]:
                ends |= boxes[:, 2 + axis] >= self.window.stop[axis] - EDGE_PX
            if self.window.start[axis] > other.start[axis]:
                ends |= boxes[:, axis] <= self.window.start[axis] + EDGE_PX
        return ends


class Evidence:
    """What the overlaps say, before it is decided: links and doubts, a few bytes each."""

    def __init__(self) -> None:
        self._steps, self._areas = array("d"), array("d")
        self._firsts, self._seconds = array("q"), array("q")
        self._doubts, self._ends, self._twins = array("q"), array("q"), array("q")
        self._spanning: set[int] = set()

    def look(
        self,
        window: Window,
        instances: Sequence[Instance],
        first: int,
        image_hw: Sequence[int],
    ) -> None:
        """What one window alone tells: twins, and what reaches from edge to edge."""
        boxes = boxes_of(instances)
        # along an axis on which the window is the whole image, everything in a narrow image does
        is_part = np.array(window.shape) < np.array(image_hw)
        spans = (
            is_part
            & (boxes[:, :2] <= np.array(window.start) + EDGE_PX)
            & (boxes[:, 2:] >= np.array(window.stop) - EDGE_PX)
        )
        self._spanning.update((np.flatnonzero(spans.any(axis=1)) + first).tolist())
        low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        both = (high - low).clip(min=0).prod(axis=2)
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        # a mask is at most its box: twins have a good part of both boxes in common
        near = 2 * both > np.minimum(sizes[:, None], sizes[None])
        for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
            if mask_iou(instances[i].region, instances[j].region) >= TWIN_IOU:
                self._twins.extend((first + int(i), first + int(j)))

    def add(self, one: Side, two: Side, threshold: float) -> None:
        """What agrees in one overlap, cut pieces that the other window knows, and open ends."""
        a, b = one.strip, two.strip
        shared = _intersections(a, b)
        areas_a = np.array([int(a.mask(i).sum()) for i in range(len(a.bits))], dtype=np.int64)
        areas_b = np.array([int(b.mask(j).sum()) for j in range(len(b.bits))], dtype=np.int64)
        union = areas_a[:, None] + areas_b[None, :] - shared
        iou = shared / np.maximum(union, 1)
        # a small object whose edges moved by a pixel or two: its IoU is low, its outlines agree
        apart = np.abs(a.boxes[:, None] - b.boxes[None]).max(axis=2, initial=0)
        inside = shared >= INSIDE * np.minimum(areas_a[:, None], areas_b[None])
        agreeing = (iou >= threshold) | ((apart <= EDGE_PX) & inside)
        # or a sharp corner that one of them lacks: one lies in the other and is a good part of it
        nested = shared >= NESTED * np.minimum(areas_a[:, None], areas_b[None])
        agreeing |= nested & (iou >= NESTED_IOU)
        for i, j, step in _matches(iou, agreeing, a.areas, b.areas):
            self._steps.append(step)
            self._areas.append(float(a.areas[i] + b.areas[j]))
            self._firsts.append(int(a.numbers[i]))
            self._seconds.append(int(b.numbers[j]))
        for side, other, covered, areas in (
            (one, two, shared.sum(axis=1), areas_a),
            (two, one, shared.sum(axis=0), areas_b),
        ):
            strip = side.strip
            doubtful = strip.removable & (strip.slivers() | (covered >= COVERED * areas))
            ending = side.open_ends(other.window) & ~strip.slivers() & (areas >= OPEN_PX)
            for pairs, chosen in ((self._doubts, doubtful), (self._ends, ending)):
                for number in strip.numbers[chosen].tolist():
                    pairs.extend((number, other.n))

    def settle(self, groups: Groups) -> None:
        """Links with the best agreement first: a wrong one may exclude a right one."""
        for k in np.lexsort((np.asarray(self._areas), -np.asarray(self._steps))).tolist():
            groups.join(self._firsts[k], self._seconds[k])
        for number, other in _pairs(self._doubts):
            if not groups.holds(number, other):
                groups.left_out.add(number)
        for number, other in _pairs(self._ends):
            if number not in groups.left_out and not groups.holds(number, other):
                groups.open_ends.append((number, other))
        self._leave_unconfirmed_out(groups)
        groups.settle()

    def _leave_unconfirmed_out(self, groups: Groups) -> None:
        """Masks with an open end that are the scene around objects, or another's worse twin."""
        # a window without any instance, failed or plain, denies nothing
        filled = np.diff(groups.offsets) > 0
        open_ended = {number for number, other in groups.open_ends if filled[other]}
        groups.left_out.update(n for n in open_ended if n in self._spanning and groups.is_alone(n))
        for i, j in _pairs(self._twins):
            for worse, better in ((i, j), (j, i)):
                if worse in open_ended and better not in open_ended:
                    groups.left_out.add(worse)


def _matches(
    iou: npt.NDArray[np.float64],
    agreeing: npt.NDArray[np.bool_],
    areas_a: npt.NDArray[np.int64],
    areas_b: npt.NDArray[np.int64],
) -> Iterator[tuple[int, int, float]]:
    """Pairs that are each other's best.

    A part and its whole can be the same inside the overlap: of equals the smaller one is taken, in
    every overlap, so that parts are linked with parts.
    """
    if not iou.size:
        return
    step = np.round(iou / SAME_IOU)
    # less than a step: areas decide between equal steps only
    best_b = (step - areas_b[None] / (2.0 * areas_b.max() + 1)).argmax(axis=1)
    best_a = (step - areas_a[:, None] / (2.0 * areas_a.max() + 1)).argmax(axis=0)
    for i, j in enumerate(best_b.tolist()):
        if agreeing[i, j] and best_a[j] == i:
            yield i, j, float(step[i, j])


def _pairs(flat: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _intersections(a: Strip, b: Strip) -> npt.NDArray[np.int64]:
    """(M, N) pixels that the parts of two windows have in common."""
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


def mask_iou(a: MaskRegion, b: MaskRegion) -> float:
    """IoU of two masks of one image."""
    shared = a.window.intersect(b.window)
    if shared is None:
        return 0.0
    masks = [r.mask[shared.within(r.window).slices] for r in (a, b)]
    both = int(np.count_nonzero(masks[0] & masks[1]))
    return both / (a.area_px + b.area_px - both)


def boxes_of(instances: Sequence[Instance]) -> Boxes:
    """(N, 4) top, left, bottom, right of instances."""
    boxes = [(*i.region.window.start, *i.region.window.stop) for i in instances]
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)
