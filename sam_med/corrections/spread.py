"""Spread: a change on one slice followed along its axis, as far as the network sees it.

```
slice        3     4     5     6     7
before       a     b     c     d     e
marked                   C                     the mark's change: C differs from c in one piece
asked              b'          d'              the box of the object with that piece, or of the part
taken              pieces of b' and d' that differ from b and d, and touch the change beside them
```
A slice on which no such piece is left comes out as it was, and ends the way. So does one where the
network is unsure, where the change is unlike the one beside it, or is shaded unlike that of the
marked slice or much smaller, where the object itself has ended, and one that a person painted. A
part, of which no prediction of the whole object says that it belongs to it, goes no farther than it
is wide, and none goes beyond the reach of the mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_med.corrections.changes import change_of
from sam_med.propagate.object_ends import LEAST_AREA, MOST_SDS, SAME_CROSSING
from sam_med.propagate.track import MARGIN_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_med.corrections.before import ObjectBefore
    from sam_med.corrections.changes import Change


class Spread:
    """A change followed slice by slice along its axis, as far as it is asked for.

    Args:
        before: The object.
        seed: What the mark changes on its slice.
        positive: Whether it adds to the object.
    """

    def __init__(self, before: ObjectBefore, seed: Change, *, positive: bool) -> None:
        self.seed = seed
        self._before = before
        self._positive = positive
        self._found = {seed.place[1]: seed.pixels}
        self._is_over = {1: False, -1: False}
        axis = seed.place[0]
        depth = before.size(axis) if seed.is_whole else _depth(before, seed)
        self._reach = min(depth, before.most_slices(axis))

    @property
    def slices(self) -> dict[int, npt.NDArray[np.bool_]]:
        """The pixels that change, by the index of their slice, ascending."""
        return dict(sorted(self._found.items()))

    def extent(self, axis: int) -> tuple[int, int] | None:
        """The first and the last slice along an axis that hold a voxel which changes."""
        along, _ = self.seed.place
        if axis == along:
            shown = [index for index, pixels in self._found.items() if pixels.any()]
        else:
            across = 1 if axis == max(d for d in range(3) if d != along) else 0
            either = np.logical_or.reduce(list(self._found.values()))
            shown = np.flatnonzero(either.any(axis=1 - across)).tolist()
        return (min(shown), max(shown)) if shown else None

    def follow(self, first: int, last: int) -> bool:
        """Follow the change both ways, but not beyond two slices; whether any was gone on to."""
        gone_on = False
        for way in (1, -1):
            while not self._is_over[way]:
                index = (max if way > 0 else min)(self._found) + way
                if not first <= index <= last:
                    break
                pixels = self._beside(index, index - way)
                self._is_over[way] = pixels is None
                if pixels is not None:
                    self._found[index] = pixels
                    gone_on = True
        return gone_on

    def _beside(self, index: int, known: int) -> npt.NDArray[np.bool_] | None:
        """The pixels that change on a slice beside a known one; None where the way ends."""
        axis, marked = self.seed.place
        if not 0 <= index < self._before.size(axis) or abs(index - marked) > self._reach:
            return None
        last = self._found[known]
        return _beside(self._before, (axis, index), last, self.seed, positive=self._positive)


def follow_change(
    before: ObjectBefore, seed: Change, *, positive: bool
) -> dict[int, npt.NDArray[np.bool_]]:
    """The pixels that change on each slice along the axis of a marked one, that one included.

    Args:
        before: The object.
        seed: What the mark changes on its slice.
        positive: Whether it adds to the object.

    Returns:
        Index of each slice to an array of the whole slice, ascending.
    """
    spread = Spread(before, seed, positive=positive)
    spread.follow(0, before.size(seed.place[0]) - 1)
    return spread.slices


def follow_together(spreads: Sequence[Spread]) -> None:
    """Follow changes along several axes, each only to slices on which another changes something.

    Where most axes must agree, a slice that no other axis reaches changes nothing. All go on in
    turns from what all had found before, so that no order of the axes decides.

    Args:
        spreads: One for each axis, at least two.
    """
    gone_on = True
    while gone_on:
        reaches = [_reach_of_others(one, spreads) for one in spreads]
        went = [one.follow(*reach) for one, reach in zip(spreads, reaches, strict=True)]
        gone_on = any(went)


def _reach_of_others(one: Spread, spreads: Sequence[Spread]) -> tuple[int, int]:
    """The first and last slice along the axis of a spread that any other one changes."""
    axis, index = one.seed.place
    extents = [other.extent(axis) for other in spreads if other is not one]
    known = [each for each in extents if each is not None]
    return min([index, *(a for a, _ in known)]), max([index, *(b for _, b in known)])


def _depth(before: ObjectBefore, seed: Change) -> int:
    """The slices that a part may reach to either side: no farther than it is wide on its own."""
    axis = seed.place[0]
    inner = np.pad(seed.pixels, 1)
    radius = ndimage.distance_transform_edt(inner, sampling=before.pixel_mm(axis)).max()
    return int(np.floor(radius / before.slices.volume.spacing_mm[axis] + 0.5))


def _beside(
    before: ObjectBefore,
    place: tuple[int, int],
    last: npt.NDArray[np.bool_],
    seed: Change,
    *,
    positive: bool,
) -> npt.NDArray[np.bool_] | None:
    """The pixels that change on the slice beside one of which they are known; None for no more."""
    old = before.mask(place)
    todo = last & (~old if positive else old)
    ended = positive and not old.any() and before.mask(seed.place).any()
    if before.is_given(place) or ended or not todo.any():
        return None
    rest = old | last if positive else old & ~last
    is_whole = seed.is_whole and bool(rest.any())
    box = before.predictor.box_of(rest if is_whole else last, place[0])
    if box is None:
        return None
    grown = before.predictor.grow(box, place[0], MARGIN_PX)
    one = before.predictor.predict(place, [grown])[0]
    change = change_of(before, one, todo, positive=positive, is_whole=is_whole)
    if change is None or dice(change.pixels, todo) < SAME_CROSSING:
        return None
    if not _is_like(before, change, seed):
        return None
    return change.pixels


def _is_like(before: ObjectBefore, change: Change, seed: Change) -> bool:
    """Whether a change is large enough beside that of the marked slice, and shaded like it."""
    area, drawn = np.count_nonzero(change.pixels), np.count_nonzero(seed.pixels)
    if area < LEAST_AREA * drawn:
        return False
    shades = before.shades(seed.place)[seed.pixels]
    here = before.shades(change.place)[change.pixels]
    spread = max(1.0, float(np.std(shades)))
    return abs(float(np.mean(here)) - float(np.mean(shades))) <= MOST_SDS * spread
