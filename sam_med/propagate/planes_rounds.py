"""Rounds of method `planes`: one object found in three planes at once, which correct each other.

```
3-D box -> first guesses   the box itself on every slice; tracks from the middle of each axis
           paths, vote     of all predictions on the slices of an axis those that go together;
                           then the sum over the axes
           round           the voted object's box on every slice; paths and vote again
           doubtful?       tracks from four more slices of each axis; each guess is corrected by
                           a round of its own; paths, vote and round again
           last vote
        -> mask, and the confidence of each slice
```
Why it works: along one axis an error in one slice is the prompt of the next one. A slice of another
axis crosses all of them, so what is wrong in one plane is outvoted by the others, and the voted
object gives every slice a box that owes nothing to its neighbour. The page `docs/propagation.md`
draws the steps and says what each is worth.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_med.geometry.slice_box import AXES
from sam_med.propagate.first_guesses import (
    MOST_IN_DOUBT,
    MOST_SLICES,
    nothing_anywhere,
    predict_tracks,
    predict_whole_box,
    shown_slices,
)
from sam_med.propagate.paths import interpolate, settle
from sam_med.propagate.prediction import FULL, SlicePredictor, across, painted
from sam_med.propagate.propagated_object import PropagatedObject
from sam_med.propagate.track import EIGHTHS, MARGIN_PX
from sam_med.propagate.vote import (
    in_slab,
    last_vote,
    merit,
    place_of,
    reach,
    rows_in,
    slice_index,
    tally,
    vote,
    weight,
)
from sam_med.slices.embedded_slices import plane_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.propagate.prediction import Box, Prediction, Predictions
    from sam_med.slices.embedded_slices import SliceEmbeddings

MAX_ASPECT = 3.0
"""An axis is used where the pixels of its slices are at most this many times as long as wide."""
NEAR = 2
"""Voxels around the voted object within which two axes may correct the third."""
SURE = 0.5
"""Score from which no further tracks are tried; a single axis, which no other confirms, is never
sure."""
STARTS = (2, 3, 4, 5, 6)
"""Eighths of the slices at which tracks start where the first guesses are in doubt."""
LEAST_REACH = 0.5
"""Reach in a tight box from which a guess may be its object."""
FIRST_PASSES, MORE_PASSES = 3, 13
"""Passes over the slices that are shown, in which progress is counted: two guesses and a round; six
guesses, a round of each, and a round of all."""
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
    """The object in a 3-D box, by guesses, paths, votes and rounds.

    Args:
        slices: Embeddings of the volume.
        window: (k, j, i) box around the object, inside the volume.
        seeds: Predictions in this window from which tracks start; the given ones stay as they are.
        step: Called with the number of slices done, `count_steps` in all.
        tight: Whether the object is known to reach the faces of the window, nearly at least.
    """
    predictor = SlicePredictor(slices, window)
    axes = usable_axes(slices.volume)
    fixed = {(seed.axis, seed.index): seed for seed in seeds}
    total = count_steps(slices.volume, window)
    step = _at_most(total, step)
    found = [_by_first_guesses(predictor, axes, fixed, step)]
    if len(axes) == 1 or found[0].score < SURE:
        found.append(_by_many_guesses(predictor, axes, fixed, step))
    made = list(found)
    if tight and max(reach(one.mask) for one in found) < LEAST_REACH:
        # what lies in a corner of its box is another object: the box itself says more
        found = [_by_whole_box(predictor, axes, fixed)]
        made += found
    step(total)
    return choose(found, tight=tight).chosen_from(made)


def choose(found: Sequence[PropagatedObject], *, tight: bool) -> PropagatedObject:
    """The object whose axes agree best and are surest; the earlier where two are as good.

    Args:
        found: At least one, of one window.
        tight: Whether the object is known to reach the faces of the window: then what reaches
            less than half of it is another object, however sure the axes are, and is taken only
            where nothing else was found.
    """
    reaching = [one for one in found if not tight or reach(one.mask) >= LEAST_REACH]
    return max(reaching or found, key=lambda one: one.score)


def _by_whole_box(
    predictor: SlicePredictor, axes: Sequence[int], fixed: Predictions
) -> PropagatedObject:
    """The object by the vote of the whole box alone."""
    guess = predict_whole_box(predictor, shown_slices(predictor.window, axes, fixed))
    return _voted(guess | fixed, predictor.window)


def _voted(guess: Predictions, window: Window) -> PropagatedObject:
    """The vote of one guess."""
    every = interpolate(guess, window)
    return PropagatedObject(window, vote(every, window), every)


def _by_first_guesses(
    predictor: SlicePredictor,
    axes: Sequence[int],
    fixed: Predictions,
    step: Callable[[int], None],
) -> PropagatedObject:
    """The object by the whole box and one track along each axis, on a few slices."""
    shown = shown_slices(predictor.window, axes, fixed)
    predict_whole_box(predictor, shown, step)
    predict_tracks(predictor, shown, fixed, EIGHTHS // 2, step)
    return _agreed(predictor, shown, fixed, step)


def _by_many_guesses(
    predictor: SlicePredictor,
    axes: Sequence[int],
    fixed: Predictions,
    step: Callable[[int], None],
) -> PropagatedObject:
    """The object by tracks from five slices of each axis, each guess corrected by the others."""
    shown = shown_slices(predictor.window, axes, fixed, MOST_IN_DOUBT)
    guesses = [predict_whole_box(predictor, shown, step)]
    guesses += [predict_tracks(predictor, shown, fixed, eighths, step) for eighths in STARTS]
    for guess in guesses:
        ask_again(predictor, _voted(guess | fixed, predictor.window), shown, step)
    return _agreed(predictor, shown, fixed, step)


def _agreed(
    predictor: SlicePredictor,
    shown: Mapping[int, Sequence[int]],
    fixed: Predictions,
    step: Callable[[int], None],
) -> PropagatedObject:
    """The object of all predictions so far, after one more round."""
    ask_again(predictor, settle(predictor, shown, fixed), shown, step)
    return _last_voted(settle(predictor, shown, fixed))


def ask_again(
    predictor: SlicePredictor,
    before: PropagatedObject,
    shown: Mapping[int, Sequence[int]],
    step: Callable[[int], None] = lambda _done: None,
) -> None:
    """One round: the boxes of a voted object as prompts of the slices that are shown.

    Two boxes are tried on each slice: of the voted object, and of what the other axes alone say
    near it. The predictor keeps what comes of them.

    Args:
        predictor: Predicts in the window of the object.
        before: The object, in the window of the predictor.
        shown: Axis to the slices that are asked.
        step: Called with 1 after each slice.
    """
    window, mask = before.window, before.mask
    near = ndimage.binary_dilation(mask, iterations=NEAR)
    others = _by_other_axes(before, shown)
    for axis, indices in shown.items():
        for index in indices:
            place = slice_index(window, axis, index)
            masks = (mask[place], others[axis, index] & near[place])
            boxes = _boxes_around(predictor, axis, masks)
            if boxes and not before.predictions[axis, index].given:
                predictor.predict((axis, index), boxes)
            step(1)


def _by_other_axes(
    before: PropagatedObject, shown: Mapping[int, Sequence[int]]
) -> dict[tuple[int, int], npt.NDArray[np.bool_]]:
    """What the predictions of all other axes together say of each slice that is shown."""
    window, predictions = before.window, before.predictions
    asked = [(axis, index) for axis, indices in shown.items() for index in indices]
    said = {place: np.zeros(across(window, place[0]).shape, dtype=np.bool_) for place in asked}
    for rows, votes in tally(predictions.values(), window):
        for place in asked:
            one = predictions[place]
            if (there := in_slab(one, window, rows)) is None:
                continue
            own = np.float32(weight(one) / FULL) * rows_in(one, rows)
            here = slice(None) if one.axis == 0 else rows
            said[place][here] = votes[there] - own > 0
    return said


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
    window = predictor.window
    axes = usable_axes(predictor.slices.volume)
    start = _mask_as_predictions(mask, window, axes)
    start |= {(seed.axis, seed.index): seed for seed in seeds}
    every = {axis: range(window.start[axis], window.stop[axis]) for axis in axes}
    ask_again(predictor, PropagatedObject(window, mask, start), every, step)
    best = {
        place: old if old.given else _best([old, *predictor.seen(place)], window, mask)
        for place, old in start.items()
    }
    return _last_voted(PropagatedObject(window, vote(best, window), best))


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
    total = 0
    for passes, most in ((FIRST_PASSES, MOST_SLICES), (MORE_PASSES, MOST_IN_DOUBT)):
        shown = shown_slices(window, usable_axes(volume), {}, most)
        total += passes * sum(len(indices) for indices in shown.values())
    return total


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


def _best(options: Sequence[Prediction], window: Window, mask: npt.NDArray[np.bool_]) -> Prediction:
    """Of predictions on one slice the one of the largest merit; of equals the first."""
    return max(options, key=lambda one: merit(one, mask[place_of(one, window)]))
