"""Changes: what a mark changes on its slice, by the evidence of the network.

The network of a volume often takes boxes and nothing else, so a mark becomes boxes to try:

```
positive mark *             whole: around object and mark       part: around the mark alone
    +-----------+                +--------------+                          +----+
    | object    |   *            | object     * |                          |  * |
    +-----------+                +--------------+                          +----+
negative mark -             whole: without the side of the mark   part: around the mark alone
    +---------+-+                +---------+                             +----+
    | object  |-|                | object  | -                             | -  |
    +---------+-+                +---------+                             +----+
```
Of each prediction the piece counts by which it differs from the object at the mark: of a *whole*
one what it adds or leaves out there, of a *part* what lies in it. The prediction with the largest
merit decides: its quality times (1 + Dice) / 2, where the Dice says how like the object a whole one
is, or how much of the object a part leaves as it was. A piece adds only, or takes away only, so the
rest of the slice stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_med.corrections.regions import nearer_part, pieces_at, similar_around
from sam_med.objects.segments import crop
from sam_med.propagate.object_ends import LEAST_QUALITY
from sam_med.propagate.track import MARGIN_PX
from sam_med.propagate.vote import SCORE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_med.corrections.before import ObjectBefore
    from sam_med.propagate.prediction import Box, Prediction

SCALES = (0.125, 0.25, 0.5)
"""Rooms around a mark in the boxes of parts that are tried, in longer sides of the object."""


SURE_WHOLE = 0.7
"""Merit of a prediction of the whole object from which parts are not looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The pixels of a slice that a mark adds to an object, or takes from it."""

    place: tuple[int, int]
    """Axis and index of the slice."""
    pixels: npt.NDArray[np.bool_]
    """Array of the whole slice."""
    merit: float
    """0 to 1; 0 where no prediction agreed with the mark."""
    is_whole: bool
    """Whether a prediction of the whole object shows the change, not one of a part alone."""


def change_on_slice(
    before: ObjectBefore,
    place: tuple[int, int],
    at: npt.NDArray[np.bool_],
    *,
    positive: bool,
) -> Change:
    """What a mark changes on its slice; the pixels of the mark are always part of it.

    Args:
        before: The object.
        place: Axis and index of the slice.
        at: Pixels of the mark on the whole slice, at least one.
        positive: Whether the object is there.
    """
    old = before.mask(place)
    todo = at & (~old if positive else old)
    if not todo.any():
        return Change(place, todo, 1.0, is_whole=True)
    alike = _alike(before, place, todo, old, positive=positive)
    # what is a voxel thick is shaded by both sides: the network sees no more of it than anyone
    found = [] if before.is_thin else _seen(before, place, todo, alike, positive=positive)
    if found:
        best = _best(found)
    else:
        best = _without_network(before, place, todo, alike, positive=positive)
    return Change(place, best.pixels | todo, best.merit, best.is_whole)


def _seen(
    before: ObjectBefore,
    place: tuple[int, int],
    todo: npt.NDArray[np.bool_],
    alike: npt.NDArray[np.bool_],
    *,
    positive: bool,
) -> list[Change]:
    """What predictions change at a mark, of parts only where none of the whole object is sure."""
    unlike = before.predictor.unlike
    whole = unlike(_whole_boxes(before, place, todo, alike, positive=positive), place[0])
    found = _changes_of(before, place, whole, todo, positive=positive, is_whole=True)
    if max((one.merit for one in found), default=0.0) < SURE_WHOLE:
        every = unlike([*whole, *_part_boxes(before, place, todo, alike)], place[0])
        part = every[len(whole) :]
        found += _changes_of(before, place, part, todo, positive=positive, is_whole=False)
    return found


def _changes_of(
    before: ObjectBefore,
    place: tuple[int, int],
    boxes: Sequence[Box],
    todo: npt.NDArray[np.bool_],
    *,
    positive: bool,
    is_whole: bool,
) -> list[Change]:
    """What the predictions in some boxes change at a mark, of those that agree with it."""
    changes = [
        change_of(before, one, todo, positive=positive, is_whole=is_whole)
        for one in before.predictor.predict(place, boxes)
    ]
    return [change for change in changes if change is not None]


def change_of(
    before: ObjectBefore,
    one: Prediction,
    todo: npt.NDArray[np.bool_],
    *,
    positive: bool,
    is_whole: bool,
) -> Change | None:
    """What a prediction changes at some pixels of its slice; None where it agrees with none.

    Args:
        before: The object.
        one: A prediction of the whole slice.
        todo: Pixels that are to change.
        positive: Whether the object is to be there.
        is_whole: Whether the prediction is one of the whole object.
    """
    place = one.axis, one.index
    old = before.mask(place)
    if positive:
        changed = pieces_at(one.mask & ~old, todo)
    elif is_whole:
        changed = pieces_at(old & ~one.mask, todo)
    else:
        changed = pieces_at(old & one.mask, todo)
    changed &= ~before.answered(place, positive=not positive)
    share = np.count_nonzero(changed & todo) / np.count_nonzero(todo)
    if one.quality < LEAST_QUALITY or share == 0:
        return None
    # a whole is to be like the object itself, a part leaves most of the object as it is
    shown = one.mask if is_whole else old ^ changed
    like = dice(shown, before.mask(before.nearest(place)))
    return Change(place, changed, float(share * one.quality * (1 + like) / 2), is_whole)


def _best(found: list[Change]) -> Change:
    """The change of the largest merit; of equals the smallest; of these all together."""

    def key(one: Change) -> tuple[float, int]:
        return -round(one.merit, SCORE_DIGITS), int(np.count_nonzero(one.pixels))

    first = min(found, key=key)
    equal = [one for one in found if key(one) == key(first)]
    # neither the order of boxes nor that of voxels may decide
    pixels = np.logical_or.reduce([one.pixels for one in equal])
    return Change(first.place, pixels, first.merit, any(one.is_whole for one in equal))


def _without_network(
    before: ObjectBefore,
    place: tuple[int, int],
    todo: npt.NDArray[np.bool_],
    alike: npt.NDArray[np.bool_],
    *,
    positive: bool,
) -> Change:
    """The change where no prediction agrees with the mark: by shades and distances."""
    if positive:
        return Change(place, alike, 0.0, is_whole=False)
    pixels = nearer_part(
        before.shades(place),
        before.mask(place),
        todo,
        before.answered(place, positive=True),
        spread=before.spread(place),
        pixel_mm=before.pixel_mm(place[0]),
    )
    return Change(place, pixels, 0.0, is_whole=False)


def _alike(
    before: ObjectBefore,
    place: tuple[int, int],
    todo: npt.NDArray[np.bool_],
    old: npt.NDArray[np.bool_],
    *,
    positive: bool,
) -> npt.NDArray[np.bool_]:
    """The pixels around a mark that are shaded like it, as far as the object's nearest edge."""
    edge = before.mask(before.nearest(place)) if positive else ~old
    pixel_mm = before.pixel_mm(place[0])
    reach = 0.0
    if edge.any():
        reach = float(ndimage.distance_transform_edt(~edge, sampling=pixel_mm)[todo].min())
    return similar_around(
        before.shades(place),
        todo,
        (~old if positive else old) & ~before.answered(place, positive=not positive),
        spread=before.spread(place),
        reach_mm=reach,
        pixel_mm=pixel_mm,
    )


def _whole_boxes(
    before: ObjectBefore,
    place: tuple[int, int],
    todo: npt.NDArray[np.bool_],
    alike: npt.NDArray[np.bool_],
    *,
    positive: bool,
) -> Iterator[Box]:
    """Boxes in which the network may see the whole object as a mark says it is."""
    if positive:
        near = before.mask(before.nearest(place))
        masks = [near | todo, near | alike] if near.any() else []
    else:
        old = before.mask(place)
        marked, _ = crop(todo)
        (top, left), (bottom, right) = marked.start, marked.stop
        rows, columns = np.ogrid[: old.shape[0], : old.shape[1]]
        sides = (rows < top, rows >= bottom, columns < left, columns >= right)
        kept = [old & side for side in sides]
        # a smaller rest is unlike the object, whatever the network sees of it
        least = np.count_nonzero(old) / 2
        masks = [old, *(one for one in kept if np.count_nonzero(one) >= least)]
    yield from _grown(before, place, masks)


def _part_boxes(
    before: ObjectBefore,
    place: tuple[int, int],
    todo: npt.NDArray[np.bool_],
    alike: npt.NDArray[np.bool_],
) -> Iterator[Box]:
    """Boxes in which the network may see what lies at a mark."""
    axis = place[0]
    predictor = before.predictor
    near = before.mask(before.nearest(place))
    side = predictor.side_px(_box(before, near if near.any() else todo, axis), axis)
    start = _box(before, todo, axis)
    for scale in SCALES:
        yield predictor.grow(start, axis, max(float(MARGIN_PX), scale * side))
    yield from _grown(before, place, [alike])


def _grown(
    before: ObjectBefore, place: tuple[int, int], masks: list[npt.NDArray[np.bool_]]
) -> Iterator[Box]:
    """Boxes `MARGIN_PX` larger than masks of a slice, those that are not empty."""
    for mask in masks:
        if mask.any():
            yield before.predictor.grow(_box(before, mask, place[0]), place[0], MARGIN_PX)


def _box(before: ObjectBefore, mask: npt.NDArray[np.bool_], axis: int) -> Box:
    """The box of a mask of a whole slice, which is not empty."""
    found = before.predictor.box_of(mask, axis)
    if found is None:
        raise AssertionError("the mask of a box is not empty")
    return found
