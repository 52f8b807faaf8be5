"""Rounds of method `planes`: one object found in three planes at once, which correct each other.

```
3-D box -> hypotheses  the box itself on every slice; tracks from the middle of each axis; and
                       where these two disagree, tracks from four more slices of each axis, of
                       which any two axes give the pair that agrees best
           vote        the predictions of all axes on each voxel
           round       the voted object's box on every slice -> predictions -> vote
           choice      the hypothesis whose axes agree best and are surest, of those that
                       reach half of a tight box; a last round and a last vote
        -> mask, and the confidence of each slice
```
Why it works: along one axis an error in one slice is the prompt of the next one. A slice of another
axis crosses all of them, so what is wrong in one plane is outvoted by the others, and the voted
object gives every slice a box that owes nothing to its neighbour. The page `docs/propagation.md`
draws the steps and says what each is worth.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_med.geometry.slice_box import AXES
from sam_med.propagate.planes_hypotheses import (
    nothing_anywhere,
    pair_tracks,
    predict_tracks,
    predict_whole_box,
)
from sam_med.propagate.prediction import SlicePredictor, painted
from sam_med.propagate.propagated_object import PropagatedObject
from sam_med.propagate.track import MARGIN_PX, middle_slices, slice_at_eighth
from sam_med.propagate.vote import (
    by_axis,
    last_vote,
    most_voted_piece,
    reach,
    slice_index,
    tally,
    vote,
)
from sam_med.slices.embedded_slices import plane_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.propagate.prediction import Box, Prediction, Predictions
    from sam_med.slices.embedded_slices import SliceEmbeddings

MAX_ASPECT = 3.0
"""An axis is used where the pixels of its slices are at most this many times as long as wide."""
NEAR = 2
"""Voxels around the voted object within which two axes may correct the third."""
SAME_OBJECT = 0.9
"""Dice from which two hypotheses are one object, and no further one is tried."""
OTHER_STARTS = (2, 3, 5, 6)
"""Eighths of the box's length at which tracks start, beside those from the middle."""
LONE_STARTS = (3, 5)
"""`OTHER_STARTS` for a single axis, on which no other can tell a good start from a bad one."""
LEAST_REACH = 0.5
"""Reach in a tight box from which a hypothesis may be its object."""
PASSES = 12
"""Most passes over the slices of the box, in which progress is counted: the box itself, tracks
from the middles, a round of either; more tracks; a round of each pair; the last round."""
MORE_TRACKS, MOST_PAIRS = 4, 3
"""Passes that more tracks and the rounds of their pairs count for."""
KEPT_QUALITY = 0.8
"""Quality of a mask to refine: a prediction of quality 0.9 replaces it from a Dice of 0.78 on."""
MIN_PX = 3
"""Least pixels of the voted object on a slice from which a box is made."""


def segment_window(
    slices: SliceEmbeddings,
    window: Window,
    seeds: Sequence[Prediction] = (),
    step: Callable[[int], None] = lambda _done: None,
    *,
    tight: bool = True,
) -> PropagatedObject:
    """The object in a 3-D box, by hypotheses, votes and rounds.

    Args:
        slices: Embeddings of the volume.
        window: (k, j, i) box around the object, inside the volume.
        seeds: Predictions in this window from which tracks start; the given ones stay as they are.
        step: Called with the number of slices done, `count_steps` in all.
        tight: Whether the object is known to reach the faces of the window, nearly at least.
    """
    predictor = SlicePredictor(slices, window)
    axes = usable_axes(slices.volume)
    count = sum(window.shape[axis] for axis in axes)
    fixed = {(seed.axis, seed.index): seed for seed in seeds}
    step = _at_most(count_steps(slices.volume, window), step)

    def tried(predictions: Predictions) -> PropagatedObject:
        start = predictions | fixed
        return refine(predictor, start, vote(start, window), step)

    whole_box = predict_whole_box(predictor, axes, step)
    middle_tracks = predict_tracks(predictor, axes, fixed, middle_slices)
    step(count)
    found = [tried(whole_box), tried(middle_tracks)]
    if dice(found[0].mask, found[1].mask) >= SAME_OBJECT:
        best = join(*found)
        step((MORE_TRACKS + MOST_PAIRS) * count)
    else:
        starts = OTHER_STARTS if len(axes) > 1 else LONE_STARTS
        more = []
        for n in starts:
            start = partial(slice_at_eighth, count=n)
            more.append(predict_tracks(predictor, axes, fixed, start))
            step(MORE_TRACKS * count // len(starts))
        if len(axes) > 1:
            more = pair_tracks(window, axes, [whole_box, middle_tracks, *more], tight=tight)
        found += [tried(predictions) for predictions in more]
        step((MOST_PAIRS - len(more)) * count)
        best = choose(found, tight=tight)
    last = refine(predictor, best.predictions, best.mask, step)
    return _last_voted(last)


def choose(found: Sequence[PropagatedObject], *, tight: bool) -> PropagatedObject:
    """The hypothesis whose axes agree best and are surest; the earlier where two are as good.

    Args:
        found: At least one, of one window.
        tight: Whether the object is known to reach the faces of the window: then what reaches
            less than half of it is another object, however sure the axes are, and is taken only
            where nothing else was found.
    """
    reaching = [one for one in found if not tight or reach(one.mask) >= LEAST_REACH]
    return max(reaching or found, key=lambda one: one.score)


def refine(
    predictor: SlicePredictor,
    predictions: Predictions,
    mask: npt.NDArray[np.bool_],
    step: Callable[[int], None] = lambda _done: None,
) -> PropagatedObject:
    """One round: every slice is predicted again from the box of a mask, and the vote is taken.

    Args:
        predictor: Predicts in the window of the object.
        predictions: The prediction on each slice before this round.
        mask: The voted object, an array of the shape of the window.
        step: Called with 1 after each slice.
    """
    again = _predict_again(predictor, predictions, mask, step)
    return PropagatedObject(predictor.window, vote(again, predictor.window), again)


def join(one: PropagatedObject, other: PropagatedObject) -> PropagatedObject:
    """Two hypotheses of one object joined: both vote, each slice keeps the better prediction."""
    window = one.window
    votes = tally(one.predictions.values(), window) + tally(other.predictions.values(), window)
    mask = most_voted_piece(votes)
    predictions = {
        place: _best([first, other.predictions[place]], mask[slice_index(window, *place)])
        for place, first in one.predictions.items()
    }
    return PropagatedObject(window, mask, predictions)


def refine_mask(
    predictor: SlicePredictor,
    mask: npt.NDArray[np.bool_],
    seeds: Sequence[Prediction] = (),
    step: Callable[[int], None] = lambda _done: None,
) -> PropagatedObject:
    """An earlier result refined by one round: its box on every slice is the prompt.

    A box says little of a mask that is not plump, so what the network finds in it takes the place
    of the mask on a slice only where the two are alike, see `KEPT_QUALITY`.

    Args:
        predictor: Predicts in a part of the volume with some room around the mask.
        mask: Array of the shape of the predictor's window, not empty.
        seeds: Predictions in this window that take the place of the mask on their slices.
        step: Called with 1 after each slice.
    """
    start = _mask_as_predictions(mask, predictor.window, usable_axes(predictor.slices.volume))
    start |= {(seed.axis, seed.index): seed for seed in seeds}
    return _last_voted(refine(predictor, start, mask, step))


def usable_axes(volume: Volume) -> tuple[int, ...]:
    """The array axes whose slices are fine enough to segment: all of them but for thick slices.

    A slice across a stack of thick slices shows an object in a few long pixels, and one across a
    single slice shows a line.
    """
    planes = [plane_of(volume, axis) for axis in AXES]
    aspects = [max(plane.pixel_mm) / min(plane.pixel_mm) for plane in planes]
    wide = [axis for axis, plane in enumerate(planes) if min(plane.size_hw) > 1]
    axes = wide or list(AXES)
    limit = max(MAX_ASPECT, min(aspects[axis] for axis in axes))
    return tuple(axis for axis in axes if aspects[axis] <= limit)


def count_steps(volume: Volume, window: Window) -> int:
    """The number of steps that `segment_window` counts for a window of a volume."""
    return PASSES * sum(window.shape[axis] for axis in usable_axes(volume))


def _last_voted(one: PropagatedObject) -> PropagatedObject:
    """An object by the last vote over its predictions."""
    mask = last_vote(one.predictions, one.window, one.mask)
    return PropagatedObject(one.window, mask, one.predictions)


def _at_most(total: int, step: Callable[[int], None]) -> Callable[[int], None]:
    """A counter that stops at a total: a person's box may lie on an axis that is not used."""
    left = total

    def counted(done: int) -> None:
        nonlocal left
        done = min(done, left)
        left -= done
        step(done)

    return counted


def _mask_as_predictions(
    mask: npt.NDArray[np.bool_], window: Window, axes: Sequence[int]
) -> Predictions:
    """A mask as one prediction on every slice, of a quality that likely ones exceed."""
    predictions = nothing_anywhere(window, axes)
    for axis, index in predictions:
        part = mask[slice_index(window, axis, index)]
        if part.any():
            kept = painted((axis, index), part, window)
            predictions[axis, index] = replace(kept, predicted_iou=KEPT_QUALITY, given=False)
    return predictions


def _predict_again(
    predictor: SlicePredictor,
    predictions: Predictions,
    mask: npt.NDArray[np.bool_],
    step: Callable[[int], None],
) -> Predictions:
    """The best prediction on every slice: the one before, or one of those for the voted boxes.

    Two boxes are tried: of the voted object, and of what the other axes alone say near it.
    """
    window = predictor.window
    votes = tally(predictions.values(), window)
    near = ndimage.binary_dilation(mask, iterations=NEAR)
    chosen: Predictions = {}
    for axis, part in by_axis(predictions).items():
        others = (votes - tally(part.values(), window) > 0) & near
        for index, old in part.items():
            place = slice_index(window, axis, index)
            options = [old]
            if not old.given:
                boxes = _boxes_around(predictor, axis, (mask[place], others[place]))
                options += predictor.predict((axis, index), boxes) if boxes else []
            chosen[axis, index] = _best(options, mask[place])
            step(1)
    return chosen


def _boxes_around(
    predictor: SlicePredictor, axis: int, masks: Sequence[npt.NDArray[np.bool_]]
) -> list[Box]:
    """Boxes `MARGIN_PX` larger than masks on a slice, without repetition."""
    boxes: list[Box] = []
    for mask in masks:
        box = predictor.box_of(mask, axis) if np.count_nonzero(mask) >= MIN_PX else None
        if box is not None and (grown := predictor.grow(box, axis, MARGIN_PX)) not in boxes:
            boxes.append(grown)
    return boxes


def _best(options: Sequence[Prediction], voted: npt.NDArray[np.bool_]) -> Prediction:
    """The prediction that is sure of itself and like the voted object; of equals the first."""
    return max(options, key=lambda one: one.quality * (1 + dice(one.mask, voted)) / 2)
