"""Alternatives: other masks of an object on a slice, for when a person says that it is not this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.errors import PromptError
from sam_common.metrics.agreement import dice
from sam_med.geometry.slice_box import AXIS_NAMES
from sam_med.propagate.correction import UNCHANGED
from sam_med.propagate.track import MARGIN_PX

if TYPE_CHECKING:
    from sam_med.corrections.before import ObjectBefore
    from sam_med.propagate.prediction import Box, Prediction

SHARES = (-0.25, -0.125, 0.0, 0.125, 0.25, 0.5)
"""Shares of its longer side by which the box of an object is made larger on every side."""


def next_best(before: ObjectBefore, place: tuple[int, int]) -> Prediction:
    """The mask that follows the one of now among those that a slice may show, the surest first.

    After the last one comes the first again, so whoever refuses often enough sees them all.

    Args:
        before: The object.
        place: Axis and index of the slice.

    Raises:
        PromptError: The object has no voxel on the slice, or nothing else was found there.
    """
    axis, index = place
    now = before.mask(place)
    name = f"slice {AXIS_NAMES[axis]}={index}"
    if not now.any():
        raise PromptError(f"the object is not on {name}: there is nothing to refuse")
    masks = ranked(before, place)
    at = next((n for n, one in enumerate(masks) if dice(one.mask, now) >= UNCHANGED), -1)
    others = [*masks[at + 1 :], *masks[: max(at, 0)]]
    if not others:
        raise PromptError(f"no other mask was found on {name}: draw it, by a box, line or lasso")
    return others[0]


def ranked(before: ObjectBefore, place: tuple[int, int]) -> list[Prediction]:
    """Masks of an object on a slice that are unlike each other, of the largest quality first."""
    axis, index = place
    predictor = before.predictor
    boxes: list[Box] = []
    for beside in (index, index - 1, index + 1):
        if not 0 <= beside < before.size(axis):
            continue
        if (box := predictor.box_of(before.mask((axis, beside)), axis)) is None:
            continue
        if beside == index:
            side = predictor.side_px(box, axis)
            boxes += [predictor.grow(box, axis, share * side) for share in SHARES]
        boxes.append(predictor.grow(box, axis, MARGIN_PX))
    # a narrow box is made smaller by more than its width
    boxes = [box for box in boxes if box[0] < box[2] and box[1] < box[3]]
    found = sorted(predictor.predict(place, boxes), key=lambda one: -one.quality)
    unlike: list[Prediction] = []
    for one in found:
        if one.mask.any() and all(dice(one.mask, other.mask) < UNCHANGED for other in unlike):
            unlike.append(one)
    return unlike
