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
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.evidence import EDGE_PX, THRESHOLD, Evidence, Side, Strip, boxes_of
from sam_common.groups import Groups
from sam_common.masks import MaskRegion
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.groups import Group
    from sam_common.instance import Instance

    Boxes = npt.NDArray[np.int64]

Load: TypeAlias = "Callable[[int], Sequence[Instance]]"
"""Gives the instances of a window in image indices."""


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
    is_cut: bool = False
    """Whether it is known to go on where it ends."""


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
        As `objects_of`.
    """
    groups = find_groups(windows, load, image_hw=image_hw, threshold=threshold)
    yield from objects_of(groups, windows, load, image_hw=image_hw)


def objects_of(
    groups: Groups,
    windows: Sequence[Window],
    load: Load,
    *,
    image_hw: tuple[int, int],
    only: Sequence[Group] | None = None,
) -> Iterator[LinkedObject]:
    """Second pass: the objects of groups that are known.

    Args:
        groups: As `find_groups` gives them.
        windows: As it was given them.
        load: As it was given it. Called once for each window that is needed, ascending.
        image_hw: Size of the image.
        only: The groups that are wanted; all where None.

    Yields:
        Objects in the order in which they become complete: by the last window needed, then by
        their first member. The order of instances within a window decides ties only.
    """
    cores = Cores.of(core_windows(windows, image_hw))
    waiting: dict[int, _Pieces] = {}
    wanted = None if only is None else {group.members[0] for group in only}
    needed = None if only is None else {groups.window_of(m) for g in only for m in g.members}
    for n in range(len(windows)):
        first = groups.offsets[n]
        if groups.offsets[n + 1] == first or (needed is not None and n not in needed):
            continue
        done: list[LinkedObject] = []
        for number, instance in enumerate(load(n), start=first):
            if (group := groups.needing(number)) is None:
                continue
            if wanted is not None and group.members[0] not in wanted:
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
    strips: dict[int, list[tuple[int, Strip]]] = {}
    found = Evidence()
    for n, window in enumerate(windows):
        instances = load(n)
        groups.add_window(
            (ends_at_edge(seen.region.window, window, image_hw), seen.score) for seen in instances
        )
        first = groups.offsets[n]
        boxes = boxes_of(instances)
        found.look(window, instances, first)
        for earlier, strip in strips.pop(n, []):
            shared = _shared(windows[earlier], window)
            mine = Strip.cut(instances, boxes, first, shared, groups)
            found.add(Side(earlier, windows[earlier], strip), Side(n, window, mine), threshold)
        if not instances:
            continue
        for later in _overlapping_later(n, starts, stops):
            strip = Strip.cut(instances, boxes, first, _shared(window, windows[later]), groups)
            strips.setdefault(later, []).append((n, strip))
    found.settle(groups)
    return groups


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


def ends_at_edge(box: Window, window: Window, image_hw: Sequence[int]) -> bool:
    """Whether something ends at the edge of a window that is not the edge of the image."""
    return any(
        (start > 0 and low <= start + EDGE_PX) or (stop < length and high >= stop - EDGE_PX)
        for low, high, start, stop, length in zip(
            box.start, box.stop, window.start, window.stop, image_hw, strict=True
        )
    )


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


def _overlapping_later(
    n: int, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]
) -> list[int]:
    # rows are ascending: nothing after the first window that starts below this one
    end = int(np.searchsorted(starts[:, 0], stops[n, 0], side="left"))
    later = slice(n + 1, end)
    over = (starts[later] < stops[n]).all(axis=1) & (stops[later] > starts[n]).all(axis=1)
    return (np.flatnonzero(over) + n + 1).tolist()
