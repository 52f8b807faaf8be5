"""Three planes: one object found in all of them at once, in rounds that correct each other.

```
3-D box -> looks        one box a slice, along three axes
           hypotheses   the box itself on every slice; tracks from the middle of each axis; and
                        where these two disagree, tracks from four slices more of each axis, of
                        which any two axes give the pair that agrees best
           round        vote -> the voted object's box on every slice -> looks -> vote
           choice       the hypothesis whose planes agree best and are surest, of those that
                        reach half of a tight box; a last round
        -> mask, and how far each slice can be trusted
```
Why it works: along one axis an error in one slice is the next one's prompt. A slice of another
axis crosses all of them, so what is wrong in one plane is outvoted by the others, and the voted
object gives every slice a box that owes nothing to its neighbour. The page `docs/propagation.md`
draws it and says what each step is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_med.propagate.pairs import Track, best_pair
from sam_med.propagate.prediction import Look, Looker, across, painted, whole
from sam_med.propagate.track import MARGIN_PX, eighths, follow, middles
from sam_med.propagate.vote import (
    agreement,
    at,
    by_axis,
    consensus,
    last_vote,
    mean_quality,
    reach,
    tally,
    vote,
)
from sam_med.slices.embedded_slices import AXES, plane_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.propagate.prediction import Box, Looks
    from sam_med.slices.embedded_slices import SliceEmbeddings

MAX_ASPECT = 3.0
"""A plane is used where its pixels are at most this many times as long as wide."""
NEAR = 2
"""Voxels around the voted object within which two planes may correct the third."""
AGREED = 0.9
"""Dice from which two hypotheses are one, and no further one is tried."""
OTHER_STARTS = (2, 3, 5, 6)
"""Eighths of the box's length at which tracks start beside those from the middle."""
LONE_STARTS = (3, 5)
"""The same for a single axis, on which no other can tell a good start from a bad one."""
LEAST_REACH = 0.5
"""Of a tight box, from which a hypothesis may be its object."""
STEPS = 12
"""Passes over the slices of the box, at most: the box itself, tracks from the middles, both of them
again; more tracks; their pairs again; the best again."""
MORE_TRACKS, MOST_PAIRS = 4, 3
"""Of the passes."""
"""Passes over the slices of the box, at most."""
KEPT_QUALITY = 0.8
"""Of a mask to refine: a look of quality 0.9 takes its place from a Dice of 0.78 with it on."""
MIN_PX = 3
"""Pixels of the voted object on a slice from which a box is made."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An object in its window, and the looks that it was voted from."""

    window: Window
    """(k, j, i) part of the volume in which it was looked for."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`."""
    looks: Looks
    """The look on each slice of each axis that was used."""

    @property
    def score(self) -> float:
        """Agreement of the planes times mean quality of the looks, 0 to 1."""
        looks = self.looks
        return agreement(looks, self.window) * mean_quality(looks, self.mask, self.window)


def segment_window(
    slices: SliceEmbeddings,
    window: Window,
    seeds: Sequence[Look] = (),
    step: Callable[[int], None] = lambda _done: None,
    *,
    tight: bool = True,
) -> Found:
    """The object in a 3-D box.

    Args:
        slices: Embeddings of the volume.
        window: (k, j, i) box around the object, inside the volume.
        seeds: Looks in this window from which tracks start; those that are given stay as they are.
        step: Called with the number of slices looked at, of `steps` in all.
        tight: Whether the object is known to reach the faces of the window, nearly at least.
    """
    looker = Looker(slices, window)
    axes = usable_axes(slices.volume)
    count = sum(window.shape[axis] for axis in axes)
    fixed = {(seed.axis, seed.index): seed for seed in seeds}
    step = _at_most(steps(slices.volume, window), step)

    def tried(looks: Looks) -> Found:
        start = looks | fixed
        return refine(looker, start, vote(start, window), step)

    whole_looks = _whole(looker, axes, step)
    middle_looks = _tracks(looker, axes, fixed, middles)
    step(count)
    found = [tried(whole_looks), tried(middle_looks)]
    if dice(found[0].mask, found[1].mask) >= AGREED:
        best = joined(*found)
        step(7 * count)
    else:
        starts = OTHER_STARTS if len(axes) > 1 else LONE_STARTS
        more = []
        for n in starts:
            more.append(_tracks(looker, axes, fixed, partial(eighths, count=n)))
            step(MORE_TRACKS * count // len(starts))
        if len(axes) > 1:
            more = _pairs(looker, axes, [whole_looks, middle_looks, *more], tight=tight)
        found += [tried(looks) for looks in more]
        step((MOST_PAIRS - len(more)) * count)
        best = likeliest(found, tight=tight)
    last = refine(looker, best.looks, best.mask, step)
    return Found(window, last_vote(last.looks, window, last.mask), last.looks)


def likeliest(found: Sequence[Found], *, tight: bool) -> Found:
    """The hypothesis whose planes agree best and are surest; the earlier where two are as good.

    Args:
        found: At least one, of one window.
        tight: Whether the object is known to reach the faces of the window: then what reaches
            less than half of it is another object, however sure the planes are, and is taken only
            where nothing else was found.
    """
    reaching = [one for one in found if not tight or reach(one.mask) >= LEAST_REACH]
    return max(reaching or found, key=lambda one: one.score)


def refine(
    looker: Looker,
    looks: Looks,
    mask: npt.NDArray[np.bool_],
    step: Callable[[int], None] = lambda _done: None,
) -> Found:
    """Look again at every slice with the box of a mask, and vote; a step for each slice."""
    again = _again(looker, looks, mask, step)
    return Found(looker.window, vote(again, looker.window), again)


def joined(one: Found, other: Found) -> Found:
    """Two hypotheses of one object: both vote, and on each slice the look that is more like it."""
    votes = tally(one.looks.values(), one.window) + tally(other.looks.values(), one.window)
    mask = consensus(votes)
    looks = {
        place: max(
            look, other.looks[place], key=lambda each: _merit(each, mask[at(one.window, *place)])
        )
        for place, look in one.looks.items()
    }
    return Found(one.window, mask, looks)


def refine_mask(
    looker: Looker,
    mask: npt.NDArray[np.bool_],
    seeds: Sequence[Look] = (),
    step: Callable[[int], None] = lambda _done: None,
) -> Found:
    """An earlier result looked at again: its box on every slice is the prompt.

    A box says little of a mask that is no plump one, so what the network finds in it takes the
    place of the mask on a slice only where it is like it, see `KEPT_QUALITY`.

    Args:
        looker: Sees a part of the volume with some room around the mask.
        mask: Array of the shape of the looker's window, not empty.
        seeds: Looks in this window that are compared with those for the mask.
        step: Called with 1 after each slice.
    """
    window = looker.window
    start = _as_looks(mask, window, usable_axes(looker.slices.volume))
    start |= {(seed.axis, seed.index): seed for seed in seeds}
    found = refine(looker, start, mask, step)
    return Found(window, last_vote(found.looks, window, found.mask), found.looks)


def usable_axes(volume: Volume) -> tuple[int, ...]:
    """Axes whose slices are fine enough to look at: all of them, but for thick slices.

    A slice across a stack of thick slices shows an object in a few long pixels, and one across a
    single slice shows a line.
    """
    planes = [plane_of(volume, axis) for axis in range(AXES)]
    aspects = [max(plane.pixel_mm) / min(plane.pixel_mm) for plane in planes]
    wide = [axis for axis, plane in enumerate(planes) if min(plane.size_hw) > 1]
    axes = wide or list(range(AXES))
    limit = max(MAX_ASPECT, min(aspects[axis] for axis in axes))
    return tuple(axis for axis in axes if aspects[axis] <= limit)


def steps(volume: Volume, window: Window) -> int:
    """How many steps `segment_window` counts."""
    return STEPS * sum(window.shape[axis] for axis in usable_axes(volume))


def _at_most(total: int, step: Callable[[int], None]) -> Callable[[int], None]:
    """The same counter, which stops at a total: a person's box may lie on an axis not used."""
    left = total

    def counted(done: int) -> None:
        nonlocal left
        done = min(done, left)
        left -= done
        step(done)

    return counted


def _whole(looker: Looker, axes: Sequence[int], step: Callable[[int], None]) -> Looks:
    """The box itself on every slice: right for plump objects, whatever their ends look like."""
    window = looker.window
    looks: Looks = {}
    for axis in axes:
        for index in range(window.start[axis], window.stop[axis]):
            looks[axis, index] = looker.look((axis, index), [whole(window, axis)])[0]
            step(1)
    return looks


def _tracks(
    looker: Looker,
    axes: Sequence[int],
    fixed: Looks,
    starts: Callable[[Window, int], Sequence[int]],
) -> Looks:
    """Tracks from what is known of each axis, else from `starts`: right for long objects."""
    looks: Looks = {}
    known = by_axis(fixed)
    for axis in axes:
        seeds = list(known.get(axis, {}).values()) or [
            looker.look((axis, index), [whole(looker.window, axis)])[0]
            for index in starts(looker.window, axis)
        ]
        looks |= {(axis, index): one for index, one in follow(looker, seeds).items()}
    return looks


def _pairs(
    looker: Looker, axes: Sequence[int], every: Sequence[Looks], *, tight: bool
) -> list[Looks]:
    """For any two axes the looks of the tracks that agree best; a third axis has seen nothing."""
    window = looker.window
    tracks: dict[int, list[Track]] = {axis: [] for axis in axes}
    for looks in every:
        for axis, part in by_axis(looks).items():
            own = {(axis, index): one for index, one in part.items()}
            tracks[axis].append(Track.of(own, window))
    nothing = _nothing(window, axes)
    return [
        nothing | best_pair(tracks[one], tracks[other], window, tight=tight)
        for one, other in combinations(axes, 2)
    ]


def _nothing(window: Window, axes: Sequence[int]) -> Looks:
    """Looks on every slice that found nothing."""
    return {
        (axis, index): _blank(window, axis, index)
        for axis in axes
        for index in range(window.start[axis], window.stop[axis])
    }


def _as_looks(mask: npt.NDArray[np.bool_], window: Window, axes: Sequence[int]) -> Looks:
    """A mask as one look on every slice, of a quality that likely ones exceed."""
    looks = _nothing(window, axes)
    for axis, index in looks:
        part = mask[at(window, axis, index)]
        if part.any():
            kept = painted((axis, index), part, window)
            looks[axis, index] = replace(kept, predicted_iou=KEPT_QUALITY, given=False)
    return looks


def _again(
    looker: Looker, looks: Looks, mask: npt.NDArray[np.bool_], step: Callable[[int], None]
) -> Looks:
    """The best look on every slice: the one before, or one of those for the voted boxes.

    Two boxes are tried: of the voted object, and of what the other planes alone say near it.
    """
    window = looker.window
    votes = tally(looks.values(), window)
    near = ndimage.binary_dilation(mask, iterations=NEAR)
    chosen: Looks = {}
    for axis, part in by_axis(looks).items():
        others = (votes - tally(part.values(), window) > 0) & near
        for index, old in part.items():
            place = at(window, axis, index)
            options = [old]
            if not old.given:
                boxes = _boxes(looker, axis, (mask[place], others[place]))
                options += looker.look((axis, index), boxes) if boxes else []
            chosen[axis, index] = max(options, key=lambda one: _merit(one, mask[place]))
            step(1)
    return chosen


def _boxes(looker: Looker, axis: int, masks: Sequence[npt.NDArray[np.bool_]]) -> list[Box]:
    """Boxes around masks on a slice, each once."""
    boxes: list[Box] = []
    for mask in masks:
        box = looker.box_of(mask, axis) if np.count_nonzero(mask) >= MIN_PX else None
        if box is not None and (grown := looker.grow(box, axis, MARGIN_PX)) not in boxes:
            boxes.append(grown)
    return boxes


def _blank(window: Window, axis: int, index: int) -> Look:
    """A look that found nothing and counts for nothing."""
    certainty = np.full(across(window, axis).shape, -1, dtype=np.int8)
    return Look(axis, index, whole(window, axis), certainty, 0.0, 0.0)


def _merit(one: Look, voted: npt.NDArray[np.bool_]) -> float:
    """Which look is the best: sure of itself, and like the voted object."""
    return one.quality * (1 + dice(one.mask, voted)) / 2
