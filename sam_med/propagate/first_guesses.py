"""First guesses of method `planes`: the box itself on every slice, and tracks along each axis.

```
whole box        the 3-D box itself as the prompt of every slice, which suits plump objects
tracks           along each axis from its middle slice outwards, which suit long or bent ones;
                 where the first guesses are doubtful, tracks from more slices
```
Whether a track finds the object depends on the slice that it starts from, and no start is right for
all slices. What each slice owes to which guess is decided by `paths`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_med.propagate.prediction import box_of_window, nothing
from sam_med.propagate.track import follow, starts_at
from sam_med.propagate.vote import by_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sam_common.window import Window
    from sam_med.propagate.prediction import Prediction, Predictions, SlicePredictor

MOST_SLICES = 16
"""Slices of a box that are predicted on along each axis, evenly spread; those between them are
interpolated."""
MOST_IN_DOUBT = 48
"""The same where the first guesses are in doubt: long and bent objects need slices side by side."""


def shown_slices(
    window: Window, axes: Sequence[int], fixed: Predictions, most: int = MOST_SLICES
) -> dict[int, tuple[int, ...]]:
    """Axis to the slices of a window that are predicted on, ascending: the ends are among them.

    Args:
        window: (k, j, i) box around the object.
        axes: Array axes whose slices are used.
        fixed: Predictions that a person gave; their slices are among them, too.
        most: Most slices along each axis, beside the given ones.

    >>> from sam_common.window import Window
    >>> shown_slices(Window((4, 0, 0), (9, 31, 1)), (0, 1), {})[1]
    (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
    """
    shown = {}
    for axis in axes:
        length = window.shape[axis]
        # symmetric: a volume that is stored the other way round has the same slices
        half = np.linspace(0, length - 1, min(length, most))[: (most + 1) // 2]
        first = [int(place + 0.5) for place in half]
        places = {*first, *(length - 1 - place for place in first)}
        given = {index for other, index in fixed if other == axis}
        shown[axis] = tuple(sorted({window.start[axis] + place for place in places} | given))
    return shown


def predict_whole_box(
    predictor: SlicePredictor,
    shown: Mapping[int, Sequence[int]],
    step: Callable[[int], None] = lambda _done: None,
) -> Predictions:
    """The 3-D box as the prompt of every slice that is shown.

    Args:
        predictor: Predicts in the 3-D box, and keeps what it has predicted.
        shown: Axis to its slices, ascending.
        step: Called with 1 after each slice.
    """
    found: Predictions = {}
    for axis, indices in shown.items():
        for index in indices:
            found[axis, index] = _whole_box_on(predictor, axis, index)
            step(1)
    return found


def predict_tracks(
    predictor: SlicePredictor,
    shown: Mapping[int, Sequence[int]],
    fixed: Predictions,
    eighths: int,
    step: Callable[[int], None] = lambda _done: None,
) -> Predictions:
    """One track along each axis over the slices that are shown.

    Args:
        predictor: Predicts in the 3-D box, and keeps what it has predicted.
        shown: Axis to its slices, ascending.
        fixed: Predictions for what a person drew; the tracks of their axes start from them.
        eighths: Where the track of any other axis starts, with the whole box; see `starts_at`.
        step: Called with the number of slices of each axis.
    """
    known = by_axis(fixed)
    found: Predictions = {}
    for axis, indices in shown.items():
        seeds = list(known.get(axis, {}).values()) or [
            _whole_box_on(predictor, axis, index) for index in starts_at(indices, eighths)
        ]
        track = follow(predictor, seeds, indices=indices)
        found |= {(axis, index): one for index, one in track.items()}
        step(len(indices))
    return found


def nothing_anywhere(window: Window, axes: Sequence[int]) -> Predictions:
    """Predictions that found nothing, on every slice of a window along some axes."""
    return {
        (axis, index): nothing((axis, index), window)
        for axis in axes
        for index in range(window.start[axis], window.stop[axis])
    }


def _whole_box_on(predictor: SlicePredictor, axis: int, index: int) -> Prediction:
    """The prediction for the whole 3-D box on one slice."""
    return predictor.predict((axis, index), [box_of_window(predictor.window, axis)])[0]
