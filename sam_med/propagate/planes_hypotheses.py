"""Hypotheses of method `planes`: first guesses of an object in its box, to be voted and refined.

```
whole box        the 3-D box itself as the prompt of every slice of three axes
tracks           along each axis from its middle slice outwards; more from other slices
pairs            of all tracks of any two axes, the two that found the same object
```
Whether a track finds the object depends on the slice that it starts from, and on another axis
another slice may be the right one. Two tracks of different axes have nothing in common but what
they found, so the pair with the largest (Dice of the two) x (mean quality) x (reach of their vote)
is a good first guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from sam_med.propagate.prediction import box_of_window, nothing
from sam_med.propagate.track import follow
from sam_med.propagate.vote import (
    SCORE_DIGITS,
    by_axis,
    mean_quality,
    most_voted_piece,
    reach,
    stack,
    tally,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.propagate.prediction import Prediction, Predictions, SlicePredictor

SET_BITS = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)
"""Number of set bits of each byte."""


def predict_whole_box(
    predictor: SlicePredictor, axes: Sequence[int], step: Callable[[int], None]
) -> Predictions:
    """The hypothesis of the 3-D box as the prompt on every slice, which suits plump objects.

    Args:
        predictor: Predicts in the 3-D box.
        axes: Array axes whose slices are used.
        step: Called with 1 after each slice.
    """
    window = predictor.window
    found: Predictions = {}
    for axis in axes:
        for index in range(window.start[axis], window.stop[axis]):
            found[axis, index] = _whole_box_on(predictor, axis, index)
            step(1)
    return found


def predict_tracks(
    predictor: SlicePredictor,
    axes: Sequence[int],
    fixed: Predictions,
    starts: Callable[[Window, int], Sequence[int]],
) -> Predictions:
    """The hypothesis of one track along each axis, which suits long or bent objects.

    Args:
        predictor: Predicts in the 3-D box.
        axes: Array axes whose slices are used.
        fixed: Predictions for what a person drew; the tracks of their axes start from them.
        starts: Gives the slices that the track of any other axis starts from, with the whole box.
    """
    found: Predictions = {}
    known = by_axis(fixed)
    for axis in axes:
        seeds = list(known.get(axis, {}).values()) or [
            _whole_box_on(predictor, axis, index) for index in starts(predictor.window, axis)
        ]
        found |= {(axis, index): one for index, one in follow(predictor, seeds).items()}
    return found


def pair_tracks(
    window: Window, axes: Sequence[int], hypotheses: Sequence[Predictions], *, tight: bool
) -> list[Predictions]:
    """For any two axes the pair of tracks that agrees best; a third axis has found nothing.

    Args:
        window: (k, j, i) part of the volume in which the object is searched.
        axes: Array axes whose slices are used.
        hypotheses: Tracks along all of these axes.
        tight: Whether the object is known to reach the faces of the window, nearly at least.
    """
    tracks: dict[int, list[Track]] = {axis: [] for axis in axes}
    for predictions in hypotheses:
        for axis, part in by_axis(predictions).items():
            own = {(axis, index): one for index, one in part.items()}
            tracks[axis].append(Track.of(own, window))
    empty = nothing_anywhere(window, axes)
    return [
        empty | best_pair(tracks[one], tracks[other], window, tight=tight)
        for one, other in combinations(axes, 2)
    ]


def nothing_anywhere(window: Window, axes: Sequence[int]) -> Predictions:
    """Predictions that found nothing, on every slice of a window along some axes."""
    return {
        (axis, index): nothing((axis, index), window)
        for axis in axes
        for index in range(window.start[axis], window.stop[axis])
    }


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A track along one axis, with its mask in a form that many tracks can be held in at once."""

    predictions: Predictions
    """One on each slice of the window along the axis."""
    bits: npt.NDArray[np.uint8]
    """The mask in the whole window, eight voxels in a byte."""
    area: int
    """Voxels of the mask."""
    quality: float
    """Mean quality of the predictions, each weighted by its area."""

    @classmethod
    def of(cls, predictions: Predictions, window: Window) -> Track:
        """The track of the predictions on each slice of a window along one axis."""
        mask = stack(predictions.values(), window)
        quality = mean_quality(predictions, mask, window)
        return cls(predictions, np.packbits(mask), int(np.count_nonzero(mask)), quality)

    def dice(self, other: Track) -> float:
        """Dice with another track of the same window; 1 where both are empty."""
        total = self.area + other.area
        both = int(SET_BITS[self.bits & other.bits].sum(dtype=np.int64))
        return 2 * both / total if total else 1.0


def best_pair(
    one: Sequence[Track], other: Sequence[Track], window: Window, *, tight: bool
) -> Predictions:
    """The predictions of the two tracks with the largest (Dice) x (mean quality) x (reach).

    Args:
        one: Tracks along one axis, at least one.
        other: Tracks along another axis, at least one.
        window: (k, j, i) part of the volume that they cover.
        tight: Whether the object is known to reach the faces of the window; else reach counts
            for nothing.
    """
    likely = [
        (
            round(a.dice(b) * (a.quality + b.quality) / 2, SCORE_DIGITS),
            a.predictions | b.predictions,
        )
        for a, b in product(one, other)
    ]
    likely.sort(key=lambda pair: -pair[0])
    best, rank = likely[0][1], (-1.0, 0)
    for score, predictions in likely:
        if score < rank[0]:
            # reach is 1 at most, so no later pair can exceed the best one
            break
        mask = most_voted_piece(tally(predictions.values(), window))
        merit = round(score * reach(mask) if tight else score, SCORE_DIGITS)
        # of equals the larger one, whatever the order of the axes
        if (new := (merit, int(np.count_nonzero(mask)))) > rank:
            best, rank = predictions, new
    return best


def _whole_box_on(predictor: SlicePredictor, axis: int, index: int) -> Prediction:
    """The prediction for the whole 3-D box on one slice."""
    return predictor.predict((axis, index), [box_of_window(predictor.window, axis)])[0]
