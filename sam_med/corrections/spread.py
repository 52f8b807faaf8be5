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
is wide.
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
    import numpy.typing as npt

    from sam_med.corrections.before import ObjectBefore
    from sam_med.corrections.changes import Change


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
    axis, index = seed.place
    found = {index: seed.pixels}
    reach = before.size(axis) if seed.is_whole else _depth(before, seed)
    for way in (
        range(index + 1, min(before.size(axis), index + reach + 1)),
        range(index - 1, max(-1, index - reach - 1), -1),
    ):
        last = seed.pixels
        for beside in way:
            pixels = _beside(before, (axis, beside), last, seed, positive=positive)
            if pixels is None:
                break
            found[beside] = last = pixels
    return dict(sorted(found.items()))


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
