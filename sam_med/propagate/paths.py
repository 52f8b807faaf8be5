"""Paths: of all predictions on the slices of an axis, the ones that make one object together.

Many prompts have been tried on each slice: the whole box, boxes of tracks from several starts,
boxes of the voted object. A track that loses the object on one slice may be right on the others,
so no track is taken as a whole. Of each slice one prediction is taken, and the path over all of
them is the one whose predictions are surest and most like their neighbours:

```
slice         3      4      5      6
whole box     .      .      o------o          sum of merits of the predictions
track 1       o---.  .      .      .        + NEIGHBOURS * sum of Dice of those side by side
track 2       .    `-o------'      .          is the largest of all paths (Viterbi)
```
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sam_med.propagate.prediction import across, box_of, box_of_window
from sam_med.propagate.propagated_object import PropagatedObject
from sam_med.propagate.vote import by_axis, merit, slice_index, vote
from sam_med.slices.packed_slices import mixed, signs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.propagate.prediction import Prediction, Predictions, SlicePredictor

NEIGHBOURS = 0.5
"""Merit of a Dice of 1 between predictions on slices side by side; the quality counts 1."""
TURNS = 4
"""Times that paths and votes are taken in turn; the first path knows of no vote."""


def settle(
    predictor: SlicePredictor, shown: Mapping[int, Sequence[int]], fixed: Predictions
) -> PropagatedObject:
    """The path along each axis and the vote over all of them, in turn.

    Args:
        predictor: Has predicted on each of the slices.
        shown: Axis to the slices that are predicted on, ascending.
        fixed: Predictions that a person gave; no path leaves them out.

    Returns:
        The voted object, with a prediction on every slice of the window along each axis: on slices
        between those that are shown it is interpolated.
    """
    offered = {
        axis: [
            [fixed[axis, index]] if (axis, index) in fixed else predictor.seen((axis, index))
            for index in indices
        ]
        for axis, indices in shown.items()
    }
    # neighbours are as alike in every turn
    alike = {axis: likeness(options) for axis, options in offered.items()}

    window = predictor.window

    def chosen(mask: npt.NDArray[np.bool_] | None) -> Predictions:
        paths = [_path(offered[axis], alike[axis], window, mask) for axis in shown]
        best = {(one.axis, one.index): one for path in paths for one in path}
        return interpolate(best | fixed, window)

    predictions = chosen(None)
    mask = vote(predictions, window)
    for _ in range(TURNS - 1):
        predictions = chosen(mask)
        # the mask of the turn before is not held beside the next one
        del mask
        mask = vote(predictions, window)
    return PropagatedObject(window, mask, predictions)


def interpolate(predictions: Predictions, window: Window) -> Predictions:
    """The predictions, and on each slice between two of one axis one that lies between theirs.

    Args:
        predictions: On some slices along any axes.
        window: (k, j, i) part of the volume that each of them covers.
    """
    every = dict(predictions)
    for axis, part in by_axis(predictions).items():
        for left, right in pairwise(part.values()):
            for index in range(left.index + 1, right.index):
                share = (index - left.index) / (right.index - left.index)
                every[axis, index] = _between(left, right, index, share, window)
    return every


def _between(
    left: Prediction, right: Prediction, index: int, share: float, window: Window
) -> Prediction:
    """The prediction on slice `index`, a share of the way from one prediction to another."""
    between = mixed(left.kept, right.kept, share)
    part = across(window, left.axis)
    return replace(
        left,
        index=index,
        box_xyxy=box_of(signs_of(between), part) or box_of_window(window, left.axis),
        kept=between,
        predicted_iou=(1 - share) * left.predicted_iou + share * right.predicted_iou,
        stability=(1 - share) * left.stability + share * right.stability,
        given=False,
    )


def likeness(offered: Sequence[Sequence[Prediction]]) -> list[npt.NDArray[np.float32]]:
    """The Dice of each prediction on a slice with each on the next, for all slices but the last.

    Args:
        offered: The predictions on each slice along one axis, in order of the slices.
    """
    return [_dices(here, beside) for here, beside in pairwise(map(_flat, offered))]


def _path(
    offered: Sequence[Sequence[Prediction]],
    alike: Sequence[npt.NDArray[np.float32]],
    window: Window,
    mask: npt.NDArray[np.bool_] | None,
) -> list[Prediction]:
    """One prediction for each slice: the path with the largest sum (Viterbi 1967).

    Args:
        offered: The predictions on each slice along one axis, in order of the slices.
        alike: Their `likeness`.
        window: (k, j, i) part of the volume that they cover.
        mask: The voted object, an array of `window.shape`; None where there was no vote yet.
    """
    merits = [np.array([_merit(one, window, mask) for one in options]) for options in offered]
    best, origins = merits[0], []
    for own, dices in zip(merits[1:], alike, strict=True):
        totals = best[:, None] + NEIGHBOURS * dices
        origins.append(totals.argmax(axis=0))
        best = own + totals.max(axis=0)
    place = int(best.argmax())
    chosen = [place]
    for origin in reversed(origins):
        place = int(origin[place])
        chosen.append(place)
    return [options[n] for options, n in zip(offered, reversed(chosen), strict=True)]


def _merit(one: Prediction, window: Window, mask: npt.NDArray[np.bool_] | None) -> float:
    """The quality of a prediction, or with a voted object how sure and how like it it is."""
    if mask is None:
        return one.quality
    return merit(one, mask[slice_index(window, one.axis, one.index)])


def _flat(options: Sequence[Prediction]) -> npt.NDArray[np.float32]:
    """Masks of one slice as rows of 0 and 1."""
    return np.stack([one.mask.ravel() for one in options]).astype(np.float32)


def _dices(
    some: npt.NDArray[np.float32], others: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The Dice of each of some masks with each of others; 1 where both are empty."""
    both = some @ others.T
    total = some.sum(axis=1)[:, None] + others.sum(axis=1)[None]
    dices: npt.NDArray[np.float32] = np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)
    return dices
