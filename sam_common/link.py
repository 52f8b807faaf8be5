"""Linking: one object out of what neighbouring windows saw of it, by agreement in their overlap.

```
window A          overlap        window B
+-----------------+======+-----------------+
|        aaaaaaaaa|aaaaaa|                 |   inside the overlap both windows looked at the
|                 |bbbbbb|bbbbbb           |   same pixels: where a and b agree there (IoU),
+-----------------+======+-----------------+   they are one object
```
- Two instances of two windows are linked where their IoU **inside the overlap** is at least the
  threshold and each is the other's best partner there; a lower IoU will do where their outlines
  lie within a few pixels, or where one lies in the other and is a good part of it.
- Neighbours that only touch share no pixel and are never joined. A whole and a smaller part of it
  do not agree and stay two objects.
- No link puts two instances of one window into one object.
- A piece that its window's edge cut off and that lies in an overlap altogether is left out where
  the neighbour, who saw that place whole, has it in another object, or where it is a sliver.
- A mask that ends at its window's edge, where the neighbour has nothing that agrees, is left out if
  it spans its window and nobody confirms it anywhere (the scene around objects), or if it is
  another try at an object that has no such end.
- An object that one window saw whole is taken from that window, without any seam. Otherwise each
  pixel is decided by the window in whose core it lies, overlaps being halved between neighbours.

Two passes over the windows. What is kept between is one number an instance, the strips that can
still be linked, and the pieces of objects that are not complete yet; never the image.
"""

from __future__ import annotations

import itertools
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from sam_common.groups import Groups
from sam_common.masks import MaskRegion
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.instance import Instance

    Boxes = npt.NDArray[np.int64]

Load: TypeAlias = "Callable[[int], Sequence[Instance]]"
"""Gives the instances of a window in image indices."""

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


@dataclass(frozen=True, slots=True, eq=False)
class LinkedObject:
    """An object of the whole image."""

    pieces: tuple[MaskRegion, ...]
    """Disjoint regions in image indices; their union is the object."""
    score: float
    """Predicted IoU, weighted by the area of the pieces."""
    stability: float
    """The same of the stability."""
    seam_merged: bool
    """Whether it was put together from several windows."""
    members: tuple[tuple[int, int], ...]
    """(window, number in that window) of every instance that is this object, ascending."""


def link(
    windows: Sequence[Window],
    load: Load,
    *,
    image_hw: tuple[int, int],
    threshold: float = THRESHOLD,
) -> Iterator[LinkedObject]:
    """The objects of an image from the instances of its windows.

    Args:
        windows: Grid of overlapping windows, row by row, as `tile_grid` gives it.
        load: Gives the instances of a window in image indices. Called twice for each, ascending.
        image_hw: Size of the image.
        threshold: Least IoU in the overlap.

    Yields:
        Objects in the order in which they become complete: by the last window needed, then by
        their first member. The order of instances within a window decides ties only.
    """
    groups = find_groups(windows, load, image_hw=image_hw, threshold=threshold)
    cores = Cores.of(core_windows(windows, image_hw))
    waiting: dict[int, _Pieces] = {}
    for n in range(len(windows)):
        first = groups.offsets[n]
        if groups.offsets[n + 1] == first:
            continue
        done: list[LinkedObject] = []
        for number, instance in enumerate(load(n), start=first):
            if (group := groups.needing(number)) is None:
                continue
            pieces = waiting.setdefault(group.members[0], _Pieces())
            if group.chosen >= 0:
                pieces.take_whole(instance)
            else:
                pieces.take(instance, n, cores, {groups.window_of(m) for m in group.members})
            if number == group.last:
                done.append(waiting.pop(group.members[0]).finish(groups.named(group)))
        yield from sorted(done, key=lambda found: found.members)


def core_windows(windows: Sequence[Window], image_hw: tuple[int, int]) -> list[Window]:
    """The part of each window that is nearer to its middle than to a neighbour's: a partition.

    >>> windows = [Window((0, 0), (4, 6)), Window((0, 4), (4, 10))]
    >>> [core.shape for core in core_windows(windows, (4, 10))]
    [(4, 5), (4, 5)]
    """
    axes = []
    for axis, length in enumerate(image_hw):
        spans = sorted({(w.start[axis], w.stop[axis]) for w in windows})
        inner = [(a[1] + b[0]) // 2 for a, b in itertools.pairwise(spans)]
        edges = [0, *inner, length]
        axes.append({span: (edges[k], edges[k + 1]) for k, span in enumerate(spans)})
    cores = []
    for w in windows:
        (top, bottom), (left, right) = (axes[k][w.start[k], w.stop[k]] for k in (0, 1))
        cores.append(Window((top, left), (bottom, right)))
    return cores


@dataclass(frozen=True, slots=True, eq=False)
class Cores:
    """The cores of all windows, and their corners as arrays."""

    windows: Sequence[Window]
    starts: npt.NDArray[np.int64]
    """(N, 2)."""
    stops: npt.NDArray[np.int64]
    """(N, 2)."""

    @classmethod
    def of(cls, windows: Sequence[Window]) -> Cores:
        """Cores from their windows."""
        return cls(
            windows, np.array([w.start for w in windows]), np.array([w.stop for w in windows])
        )


def find_groups(
    windows: Sequence[Window],
    load: Load,
    *,
    image_hw: tuple[int, int],
    threshold: float = THRESHOLD,
) -> Groups:
    """First pass: which instances are one object."""
    groups = Groups()
    starts = np.array([w.start for w in windows]).reshape(-1, 2)
    stops = np.array([w.stop for w in windows]).reshape(-1, 2)
    strips: dict[int, list[tuple[int, _Strip]]] = {}
    found = _Evidence()
    for n, window in enumerate(windows):
        instances = load(n)
        groups.add_window(
            (_is_cut(found.region.window, window, image_hw), found.score) for found in instances
        )
        first = groups.offsets[n]
        boxes = _boxes(instances)
        found.look(window, instances, first)
        for earlier, strip in strips.pop(n, []):
            shared = _shared(windows[earlier], window)
            mine = _Strip.cut(instances, boxes, first, shared, groups)
            found.add(_Side(earlier, windows[earlier], strip), _Side(n, window, mine), threshold)
        if not instances:
            continue
        for later in _overlapping_later(n, starts, stops):
            strip = _Strip.cut(instances, boxes, first, _shared(window, windows[later]), groups)
            strips.setdefault(later, []).append((n, strip))
    found.settle(groups)
    return groups


@dataclass(slots=True, eq=False)
class _Strip:
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
        shared: Window,
        groups: Groups,
    ) -> _Strip:
        (top, left), (bottom, right) = shared.start, shared.stop
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
            tuple(np.flatnonzero(np.array(shared.shape) == min(shared.shape)).tolist()),
        )

    def slivers(self) -> npt.NDArray[np.bool_]:
        """(N,) parts that hardly reach across the seam; a thin road along the way is none."""
        extent = (self.boxes[:, 2:] - self.boxes[:, :2])[:, list(self.across)]
        return np.asarray((extent <= SLIVER_PX).any(axis=1))

    def mask(self, i: int) -> npt.NDArray[np.bool_]:
        r0, c0, r1, c1 = self.boxes[i].tolist()
        count = (r1 - r0) * (c1 - c0)
        return np.unpackbits(self.bits[i], count=count).reshape(r1 - r0, c1 - c0).view(np.bool_)


class _Side(NamedTuple):
    """One of the two windows that share an overlap."""

    n: int
    window: Window
    strip: _Strip

    def open_ends(self, other: Window) -> npt.NDArray[np.bool_]:
        """(N,) whether an instance reaches the edge where its window ends and the other goes on."""
        boxes, ends = self.strip.boxes, np.zeros(len(self.strip.bits), dtype=np.bool_)
        for axis in (0, 1):
            if self.window.stop[axis] < other.stop[axis]:
                ends |= boxes[:, 2 + axis] >= self.window.stop[axis] - EDGE_PX
            if self.window.start[axis] > other.start[axis]:
                ends |= boxes[:, axis] <= self.window.start[axis] + EDGE_PX
        return ends


class _Evidence:
    """What the overlaps say, before it is decided: links and doubts, a few bytes each."""

    def __init__(self) -> None:
        self._steps, self._areas = array("d"), array("d")
        self._firsts, self._seconds = array("q"), array("q")
        self._doubts, self._ends, self._twins = array("q"), array("q"), array("q")
        self._spanning: set[int] = set()

    def look(self, window: Window, instances: Sequence[Instance], first: int) -> None:
        """What one window alone tells: twins, and what reaches from edge to edge."""
        boxes = _boxes(instances)
        spans = (boxes[:, :2] <= np.array(window.start) + EDGE_PX) & (
            boxes[:, 2:] >= np.array(window.stop) - EDGE_PX
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

    def add(self, one: _Side, two: _Side, threshold: float) -> None:
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


def _intersections(a: _Strip, b: _Strip) -> npt.NDArray[np.int64]:
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


class _Pieces:
    """The pieces of one object, as its windows come by."""

    def __init__(self) -> None:
        self._largest: Instance | None = None
        self._pieces: list[MaskRegion] = []
        self._weights: list[tuple[int, float, float]] = []
        self._foreign: dict[int, list[MaskRegion]] = {}
        self._windows: set[int] = set()

    def take_whole(self, instance: Instance) -> None:
        self._windows.add(0)
        self._keep(instance.region, instance)

    def take(self, instance: Instance, n: int, cores: Cores, members: set[int]) -> None:
        """Pixels in the window's own core, and in cores whose window does not know the object."""
        self._windows.add(n)
        if self._largest is None or instance.region.area_px > self._largest.region.area_px:
            self._largest = instance
        if (own := crop(instance.region, cores.windows[n])) is not None:
            self._keep(own, instance)
        for other in _touched(instance.region.window, cores):
            if (
                other == n
                or other in members
                or (part := crop(instance.region, cores.windows[other])) is None
            ):
                continue
            for before in self._foreign.get(other, []):
                part = None if part is None else _without(part, before)
            if part is not None:
                self._foreign.setdefault(other, []).append(part)
                self._keep(part, instance)

    def finish(self, members: tuple[tuple[int, int], ...]) -> LinkedObject:
        if not self._pieces and self._largest is not None:
            # every pixel lay in the core of another window, which saw the edge elsewhere
            self._windows = {0}
            self._keep(self._largest.region, self._largest)
        areas = np.array([weight[0] for weight in self._weights], dtype=np.float64)
        scores, stabilities = (np.array([weight[k] for weight in self._weights]) for k in (1, 2))
        return LinkedObject(
            tuple(self._pieces),
            float(np.average(scores, weights=areas)),
            float(np.average(stabilities, weights=areas)),
            len(self._windows) > 1,
            members,
        )

    def _keep(self, piece: MaskRegion, instance: Instance) -> None:
        self._pieces.append(piece)
        self._weights.append((piece.area_px, instance.score, instance.stability))


def crop(region: MaskRegion, window: Window) -> MaskRegion | None:
    """The part of a mask inside a window, None where there is none."""
    if (shared := region.window.intersect(window)) is None:
        return None
    mask = region.mask[shared.shift([-s for s in region.window.start]).slices]
    return MaskRegion(shared, mask) if mask.any() else None


def _without(region: MaskRegion, other: MaskRegion) -> MaskRegion | None:
    if (shared := region.window.intersect(other.window)) is None:
        return region
    mask = region.mask.copy()
    here = shared.shift([-s for s in region.window.start]).slices
    mask[here] &= ~other.mask[shared.shift([-s for s in other.window.start]).slices]
    return MaskRegion(region.window, mask) if mask.any() else None


def mask_iou(a: MaskRegion, b: MaskRegion) -> float:
    """IoU of two masks of one image."""
    shared = a.window.intersect(b.window)
    if shared is None:
        return 0.0
    masks = [r.mask[shared.shift([-s for s in r.window.start]).slices] for r in (a, b)]
    both = int(np.count_nonzero(masks[0] & masks[1]))
    return both / (a.area_px + b.area_px - both)


def _touched(box: Window, cores: Cores) -> list[int]:
    """Cores that a box reaches into."""
    inside = (cores.starts < box.stop).all(axis=1) & (cores.stops > box.start).all(axis=1)
    found: list[int] = np.flatnonzero(inside).tolist()
    return found


def _shared(a: Window, b: Window) -> Window:
    shared = a.intersect(b)
    if shared is None:
        raise ValueError(f"windows do not overlap: {a}, {b}")
    return shared


def _boxes(instances: Sequence[Instance]) -> Boxes:
    boxes = [(*i.region.window.start, *i.region.window.stop) for i in instances]
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)


def _is_cut(box: Window, window: Window, image_hw: Sequence[int]) -> bool:
    return any(
        (start > 0 and low <= start + EDGE_PX) or (stop < length and high >= stop - EDGE_PX)
        for low, high, start, stop, length in zip(
            box.start, box.stop, window.start, window.stop, image_hw, strict=True
        )
    )


def _overlapping_later(
    n: int, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]
) -> list[int]:
    # rows are ascending: nothing after the first window that starts below this one
    end = int(np.searchsorted(starts[:, 0], stops[n, 0], side="left"))
    later = slice(n + 1, end)
    over = (starts[later] < stops[n]).all(axis=1) & (stops[later] > starts[n]).all(axis=1)
    return (np.flatnonzero(over) + n + 1).tolist()
