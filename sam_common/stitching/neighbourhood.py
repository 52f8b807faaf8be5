"""Neighbourhoods: blocks of windows that are linked by themselves, here or in other processes.

```
windows   0  1 | 2  3     neighbourhood of 2, 3, 6, 7: also loads 1 and 5, which came before and
          4  5 | 6  7     share overlaps with it; what reaches into 8 to 11, which come later, is
         ------+------    compared there
          8  9 |10 11
```
Instances that are linked, or twins, are decided together: a chain of them that lies inside one
neighbourhood is decided there, and one that reaches beyond it where all of its links are known, in
`joined`. What passes between is numbers: no mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sam_common.stitching.evidence import Evidence, Findings
from sam_common.stitching.groups import Groups
from sam_common.stitching.overlap import EDGE_PX, Side, Strip, overlap_of
from sam_common.stitching.regions import boxes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.instance import Instance
    from sam_common.stitching.layout import Layout
    from sam_common.window import Window

    Numbers = npt.NDArray[np.int64]

Load: TypeAlias = "Callable[[int], Sequence[Instance]]"
"""Gives the instances of a window, by its number, in image indices."""
SIDE = 16
"""Rows and columns of windows in a neighbourhood: a fifth more windows are loaded than without, and
most chains lie inside one."""
BITS = 32
"""Bits of the number of an instance in its window; those above are the number of the window."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A block of windows, with the earlier windows that share overlaps with it."""

    image_hw: tuple[int, int]
    own: tuple[int, ...]
    """Numbers of the windows of the block, ascending."""
    numbers: tuple[int, ...]
    """Numbers of all windows that are loaded, ascending."""
    windows: tuple[Window, ...]
    """Their places in the image."""
    earlier: tuple[tuple[int, ...], ...]
    """For each of them the positions of earlier ones that it is compared with, ascending."""
    beyond: tuple[tuple[Window, ...], ...]
    """For each of them its overlaps with later windows that are not loaded."""


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """What was found in a neighbourhood; instances are named by window and number there (`BITS`).

    A neighbourhood of W windows has N instances, of which M are in groups that were decided.
    """

    own: tuple[int, ...]
    """Numbers of the windows."""
    counts: Numbers
    """(W,) number of instances of each window."""
    is_cut: npt.NDArray[np.uint8]
    """(N,) whether an instance ends at an inner edge of its window."""
    scores: npt.NDArray[np.float64]
    """(N,) scores of the instances."""
    undecided: Findings
    """What is known of chains that reach beyond the neighbourhood."""
    members: Numbers
    """(M,) instances of the groups of several, one group after the other."""
    sizes: Numbers
    """Number of instances of each group."""
    views: Numbers
    """For each group the instance that is the whole object, or -1."""
    left_out: Numbers
    """Instances that are no part of any object."""
    open_ends: Numbers
    """(E, 2) instances without a partner beyond their window's edge, with the window there."""


def neighbourhoods(layout: Layout, side: int) -> Iterator[Neighbourhood]:
    """Divide a grid of windows into blocks, each with what it takes to link it.

    Args:
        layout: The windows.
        side: Rows and columns of windows in a block.
    """
    for own in layout.blocks(side):
        mine, near = set(own), {n: layout.near(n) for n in own}
        before = {m for n in own for m in near[n] if m < n and m not in mine}
        numbers = sorted(mine | before)
        at = {n: k for k, n in enumerate(numbers)}
        windows = layout.windows
        yield Neighbourhood(
            layout.image_hw,
            tuple(own),
            tuple(numbers),
            tuple(windows[n] for n in numbers),
            tuple(tuple(at[m] for m in near.get(n, ()) if m < n) for n in numbers),
            tuple(
                tuple(
                    overlap_of(windows[n], windows[m])[0]
                    for m in near.get(n, ())
                    if m > n and m not in mine
                )
                for n in numbers
            ),
        )


def linked_within(place: Neighbourhood, load: Load, threshold: float) -> Linked:
    """Compare the instances of a neighbourhood, and decide what lies inside it.

    Args:
        place: The neighbourhood.
        load: Gives the instances of a window, by its number; called once for each, ascending.
        threshold: Least IoU inside an overlap.
    """
    groups, evidence = Groups(), Evidence()
    strips: dict[tuple[int, int], Strip] = {}
    later: dict[int, list[int]] = {}
    for k, earlier in enumerate(place.earlier):
        for j in earlier:
            later.setdefault(j, []).append(k)
    reaching: list[Numbers] = []
    mine = set(place.own)
    for k, window in enumerate(place.windows):
        instances = load(place.numbers[k])
        groups.add_window(
            (ends_at_edge(seen.region.window, window, place.image_hw), seen.score)
            for seen in instances
        )
        first, boxes = groups.offsets[k], boxes_of(instances)
        if place.numbers[k] in mine:
            evidence.add_window(window, instances, first, place.image_hw)
            reaching += [first + _inside(boxes, overlap) for overlap in place.beyond[k]]
        else:
            reaching.append(first + np.arange(len(instances)))
        for j in place.earlier[k]:
            if (strip := strips.pop((j, k), None)) is None:
                continue
            own = Strip.cropped(
                instances, boxes, first, overlap_of(place.windows[j], window), groups
            )
            evidence.add_overlap(Side(j, place.windows[j], strip), Side(k, window, own), threshold)
        for m in later.get(k, ()) if instances else ():
            shared = overlap_of(window, place.windows[m])
            strips[k, m] = Strip.cropped(instances, boxes, first, shared, groups)
    return _decided(place, groups, evidence.findings(), reaching)


def _decided(
    place: Neighbourhood, groups: Groups, found: Findings, reaching: Sequence[Numbers]
) -> Linked:
    """Decide the chains of a neighbourhood that do not reach beyond it."""
    offsets = np.array(groups.offsets)
    is_open = _chained(found, int(offsets[-1]), reaching)
    numbers = np.array(place.numbers, dtype=np.int64)
    is_own = np.repeat(np.isin(numbers, place.own), np.diff(offsets))
    is_cut = np.frombuffer(bytes(groups.is_cut), dtype=np.uint8)[is_own]
    scores = np.array([groups.score_of(n) for n in np.flatnonzero(is_own).tolist()])

    def named(own: Numbers) -> Numbers:
        """Instances by window and number in it; -1 stays."""
        at = np.searchsorted(offsets, own, side="right") - 1
        return np.where(own < 0, own, (numbers[at] << BITS) + own - offsets[at])

    Evidence.of(found.of_instances(~is_open)).decide(groups)
    ends = np.array(groups.open_ends, dtype=np.int64).reshape(-1, 2)
    return Linked(
        place.own,
        np.diff(offsets)[np.isin(numbers, place.own)],
        is_cut,
        scores,
        found.of_instances(is_open).renumbered(named, numbers.__getitem__),
        named(np.array(groups.members, dtype=np.int64)),
        np.array(groups.sizes, dtype=np.int64),
        named(np.array(groups.views, dtype=np.int64)),
        named(np.array(sorted(groups.left_out), dtype=np.int64)),
        np.stack([named(ends[:, 0]), numbers[ends[:, 1]]], axis=1),
    )


def _chained(found: Findings, count: int, reaching: Sequence[Numbers]) -> npt.NDArray[np.bool_]:
    """(count,) whether an instance is linked, over others, with one of those that reach beyond."""
    pairs = np.concatenate([found.links, found.twins])
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), tuple(pairs.T)), shape=(count, count))
    chains, chain = connected_components(graph, directed=False)
    is_open = np.zeros(chains, dtype=np.bool_)
    for some in reaching:
        is_open[chain[some]] = True
    return np.asarray(is_open[chain])


def _inside(boxes: Numbers, place: Window) -> Numbers:
    """Positions of the boxes that overlap a window."""
    low, high = np.array(place.start), np.array(place.stop)
    return np.flatnonzero(((boxes[:, :2] < high) & (boxes[:, 2:] > low)).all(axis=1))


def joined(windows: int, found: Sequence[Linked]) -> Groups:
    """The groups of all windows from what was found in every neighbourhood, in any order.

    Args:
        windows: Number of all windows.
        found: What was found, each window being in one neighbourhood.
    """
    counts = np.zeros(windows, dtype=np.int64)
    for each in found:
        counts[list(each.own)] = each.counts
    offsets = np.concatenate([[0], np.cumsum(counts)])
    is_cut = np.zeros(offsets[-1], dtype=np.uint8)
    scores = np.zeros(offsets[-1])
    for each in found:
        at = np.arange(each.counts.sum()) + np.repeat(
            offsets[list(each.own)] - np.cumsum(each.counts) + each.counts, each.counts
        )
        is_cut[at], scores[at] = each.is_cut, each.scores

    def numbered(names: Numbers) -> Numbers:
        """Numbers among all instances; -1 stays."""
        return np.where(names < 0, names, offsets[names >> BITS] + (names & ((1 << BITS) - 1)))

    groups = Groups.numbered(offsets, is_cut, scores)
    undecided = [each.undecided.renumbered(numbered, np.asarray) for each in found]
    if undecided:

        def window_of(instances: Numbers) -> Numbers:
            return np.searchsorted(offsets, instances, side="right")

        Evidence.of(Findings.joined(undecided, window_of)).decide(groups)
        members, sizes, views = (
            np.concatenate([getattr(each, name) for each in found])
            for name in ("members", "sizes", "views")
        )
        groups.take_groups(numbered(members), sizes, numbered(views))
    for each in found:
        groups.left_out.update(numbered(each.left_out).tolist())
        ends, beyond = each.open_ends.T
        groups.open_ends.extend(zip(numbered(ends).tolist(), beyond.tolist(), strict=True))
    groups.open_ends.sort()
    return groups


def ends_at_edge(box: Window, window: Window, image_hw: Sequence[int]) -> bool:
    """Whether a mask's box ends at an edge of its window that is not an edge of the image."""
    return any(
        (start > 0 and low <= start + EDGE_PX) or (stop < length and high >= stop - EDGE_PX)
        for low, high, start, stop, length in zip(
            box.start, box.stop, window.start, window.stop, image_hw, strict=True
        )
    )
