"""Linking: one object out of the masks of neighbouring windows that agree in their overlap.

```
window A          overlap        window B
+-----------------+======+-----------------+
|        aaaaaaaaa|aaaaaa|                 |   inside the overlap both windows saw the
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
  a second prediction of an object that has no such end.
- An object that one window saw whole is taken from that window, without any seam. Otherwise each
  pixel is decided by the window in whose core it lies, overlaps being halved between neighbours.

Two passes over the windows, the first of them by neighbourhoods. What is kept between is a byte
an instance, the groups of several, and the pieces of objects that are not complete yet; never the
image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.stitching.layout import Layout
from sam_common.stitching.neighbourhood import SIDE, joined, linked_within, neighbourhoods
from sam_common.stitching.overlap import LINK_IOU
from sam_common.stitching.regions import crop, minus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sam_common.masks.decoded import MaskRegion
    from sam_common.masks.instance import Instance
    from sam_common.stitching.groups import Group, Groups
    from sam_common.stitching.neighbourhood import Load
    from sam_common.window import Window


def ignored(_done: int) -> None:
    """A progress callback that does nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class LinkedObject:
    """An object of the whole image."""

    pieces: tuple[MaskRegion, ...]
    """Disjoint masks in image indices; their union is the object."""
    score: float
    """Predicted IoU, weighted by the area of the pieces."""
    stability: float
    """Stability score, weighted by the area of the pieces."""
    seam_merged: bool
    """Whether the object was put together from several windows."""
    members: tuple[tuple[int, int], ...]
    """(window, number within that window) of every instance that is this object, ascending."""
    last: int
    """Number of the last window that the object needs: objects come in the order of these."""
    is_cut: bool = False
    """Whether the object is known to go on where it ends."""


def link(
    windows: Sequence[Window],
    load: Load,
    *,
    image_hw: tuple[int, int],
    threshold: float = LINK_IOU,
) -> Iterator[LinkedObject]:
    """The objects of an image from the instances of its windows.

    Args:
        windows: Grid of overlapping windows (row, col), row by row, as `tile_grid` gives it.
        load: Gives the instances of a window in image indices. Called twice for each, ascending.
        image_hw: Rows and columns of the image.
        threshold: Least IoU inside an overlap.

    Yields:
        Objects in the order of `objects_of`.
    """
    layout = Layout(windows, image_hw)
    yield from objects_of(find_groups(layout, load, threshold=threshold), layout, load)


def objects_of(
    groups: Groups,
    layout: Layout,
    load: Load,
    *,
    only: Sequence[Group] | None = None,
    advance: Callable[[int], None] = ignored,
) -> Iterator[LinkedObject]:
    """Second pass over the windows: the objects of the groups that `find_groups` found.

    Args:
        groups: Groups of instances, as `find_groups` gives them.
        layout: The windows that were given to `find_groups`.
        load: Gives the instances of a window. Called once for each that is needed, ascending.
        only: The groups that are wanted, or None for all. Only their windows are loaded.
        advance: Called with the number of windows that were gone through since the last call.

    Yields:
        Objects in the order in which they become complete: by the last window needed, then by
        their first member. The order of instances within a window decides ties only.
    """
    waiting: dict[int, _Pieces] = {}
    wanted = None if only is None else {group.members[0] for group in only}
    for n in _needed(groups, layout, only):
        first = groups.offsets[n]
        done: list[LinkedObject] = []
        for number, instance in enumerate(load(n), start=first):
            if (group := groups.group_using(number)) is None:
                continue
            name = group.members[0]
            if wanted is not None and name not in wanted:
                continue
            if name not in waiting:
                waiting[name] = _Pieces({groups.window_of(m) for m in group.members})
            if group.chosen >= 0:
                waiting[name].take_whole(instance)
            else:
                waiting[name].take_core(instance, n, layout)
            if number == group.last:
                done.append(waiting.pop(name).finish(groups.members_of(group), n))
        yield from sorted(done, key=lambda found: found.members)
        advance(1)


def _needed(groups: Groups, layout: Layout, only: Sequence[Group] | None) -> Iterator[int]:
    """Windows that have instances of the wanted groups, ascending."""
    offsets = groups.offsets
    if only is not None:
        yield from sorted({groups.window_of(m) for group in only for m in group.members})
        return
    yield from (n for n in range(len(layout.windows)) if offsets[n + 1] > offsets[n])


def find_groups(
    layout: Layout,
    load: Load,
    *,
    threshold: float = LINK_IOU,
    side: int = SIDE,
    advance: Callable[[int], None] = ignored,
) -> Groups:
    """First pass over the windows: which instances are one object, neighbourhood by neighbourhood.

    Args:
        layout: Windows of the image.
        load: Gives the instances of a window in image indices. Called once for each window of a
            neighbourhood, ascending, and again for those at the edges of others.
        threshold: Least IoU inside an overlap.
        side: Rows and columns of windows in a neighbourhood; no group depends on it.
        advance: Called with the number of windows that were gone through since the last call.
    """
    found = []
    for place in neighbourhoods(layout, side):
        found.append(linked_within(place, load, threshold))
        advance(len(place.own))
    return joined(len(layout.windows), found)


class _Pieces:
    """The pieces of one object, collected window by window.

    Args:
        members: Numbers of the windows that have an instance of the object.
    """

    def __init__(self, members: set[int]) -> None:
        self._members = members
        self._largest: Instance | None = None
        self._pieces: list[MaskRegion] = []
        self._weights: list[tuple[int, float, float]] = []
        self._foreign: dict[int, list[MaskRegion]] = {}
        self._windows: set[int] = set()

    def take_whole(self, instance: Instance) -> None:
        """Take an instance that is the whole object."""
        self._windows.add(0)
        self._keep(instance.region, instance)

    def take_core(self, instance: Instance, n: int, layout: Layout) -> None:
        """Take the pixels of the window's own core, and of cores whose window has no instance."""
        self._windows.add(n)
        if self._largest is None or instance.region.area_px > self._largest.region.area_px:
            self._largest = instance
        if (own := crop(instance.region, layout.cores[n])) is not None:
            self._keep(own, instance)
        for other in layout.cores_at(instance.region.window):
            if (
                other == n
                or other in self._members
                or (part := crop(instance.region, layout.cores[other])) is None
            ):
                continue
            for before in self._foreign.get(other, []):
                part = None if part is None else minus(part, before)
            if part is not None:
                self._foreign.setdefault(other, []).append(part)
                self._keep(part, instance)

    def finish(self, members: tuple[tuple[int, int], ...], last: int) -> LinkedObject:
        """The object, with its scores weighted by area; `last` is the window it ends in."""
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
            last,
        )

    def _keep(self, piece: MaskRegion, instance: Instance) -> None:
        """Add a piece, which counts with the scores of its instance."""
        self._pieces.append(piece)
        self._weights.append((piece.area_px, instance.score, instance.stability))
