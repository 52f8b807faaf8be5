"""Correction of a slice: it is drawn anew, and followed as far as that reaches.

```
slice        3    4    5    6    7    8    9
before       a    b    c    d    e    f    g
corrected                   D                    by a box or a painted mask
predicted         b    C    D    E    f          f and b come out as they were: stop
after        a    b    C    D    E    f    g
```
From the corrected slice the object is followed both ways, as in `track`, until a slice comes out
as it was, or the object ends, or a person has answered for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_common.metrics.agreement import dice
from sam_med.geometry.slice_box import SliceBox
from sam_med.propagate.object_ends import LEAST_QUALITY, seed_of
from sam_med.propagate.prediction import Prediction, SlicePredictor, across, painted
from sam_med.propagate.track import next_box
from sam_med.propagate.vote import slice_index

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.geometry.slice_box import Axis
    from sam_med.propagate.prediction import Predictions
    from sam_med.propagate.propagated_object import PropagatedObject
    from sam_med.slices.embedded_slices import SliceEmbeddings

UNCHANGED = 0.9
"""Dice with the object before from which a slice counts as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class PaintedSlice:
    """The mask of an object that a person painted on one slice."""

    axis: Axis
    """Array axis of the volume that the slice is perpendicular to."""
    index: int
    """Index of the slice along that axis."""
    window: Window
    """(row, column) part of the slice that the mask covers."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`; the object is nowhere else on the slice."""

    def __post_init__(self) -> None:
        if self.mask.shape != self.window.shape or self.mask.dtype != np.bool_:
            raise PromptError(
                f"a painted mask must be boolean of shape {self.window.shape}, got "
                f"{self.mask.dtype} of {self.mask.shape}"
            )

    @property
    def window_kji(self) -> Window:
        """The (k, j, i) voxels that the mask covers."""
        return SliceBox(self.axis, self.index, self.window).window_kji


def redraw(
    result: PropagatedObject, slices: SliceEmbeddings, correction: SliceBox | PaintedSlice
) -> PropagatedObject:
    """An object with one slice drawn anew by a box or a painted mask.

    The corrected slice is exactly as painted, or as the network draws it in the new box; slices
    that the correction does not reach are unchanged to the voxel.

    Args:
        result: The object, from any function of `sam_med.propagate.planes` or from this one.
        slices: Embeddings of the same volume.
        correction: The right mask or box on one slice; it may reach beyond the object's window.

    Raises:
        PromptError: The correction lies outside the volume.
    """
    place = correction.window_kji
    if not slices.volume.window.contains(place):
        raise PromptError(f"correction {place} lies outside the volume {slices.volume.window}")
    before = result.widened(result.window.union(place))
    predictor = SlicePredictor(slices, before.window)
    return follow_seed(before, predictor, _seed(predictor, correction))


def follow_seed(
    before: PropagatedObject, predictor: SlicePredictor, seed: Prediction
) -> PropagatedObject:
    """An object with a slice as a prediction shows it, and its neighbours as far as that reaches.

    Args:
        before: The object.
        predictor: Predicts in the window of the object.
        seed: What the slice shows from now on.
    """
    predictions: Predictions = dict(before.predictions)
    mask = before.mask.copy()
    for new in (seed, *_followed(predictor, before, seed)):
        predictions[new.axis, new.index] = new
        mask[slice_index(before.window, new.axis, new.index)] = new.mask
    return replace(before, mask=mask, predictions=predictions)


def _followed(
    predictor: SlicePredictor, before: PropagatedObject, seed: Prediction
) -> list[Prediction]:
    """New predictions on the slices that the correction reaches."""
    axis, window = seed.axis, before.window
    changed = []
    for way in (
        range(seed.index + 1, window.stop[axis]),
        range(seed.index - 1, window.start[axis] - 1, -1),
    ):
        last = seed
        for index in way:
            old = before.predictions.get((axis, index))
            if (old is not None and old.given) or not last.mask.any():
                break
            last = predictor.predict((axis, index), [next_box(predictor, last)])[0]
            mask = before.mask[slice_index(window, axis, index)]
            if last.quality < LEAST_QUALITY or dice(last.mask, mask) >= UNCHANGED:
                break
            changed.append(last)
    return changed


def _seed(predictor: SlicePredictor, correction: SliceBox | PaintedSlice) -> Prediction:
    """The correction as a prediction that a person gave."""
    if isinstance(correction, SliceBox):
        return replace(seed_of(predictor, correction), given=True)
    part = across(predictor.window, correction.axis)
    whole = np.zeros(part.shape, dtype=np.bool_)
    whole[correction.window.within(part).slices] = correction.mask
    return painted((correction.axis, correction.index), whole, predictor.window)
