"""Propagated object: the 3-D mask of one object, and the predictions that it was voted from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.metrics.agreement import dice
from sam_med.objects.segments import Candidate, Segment
from sam_med.propagate.confidence import slice_confidences
from sam_med.propagate.prediction import FULL, across
from sam_med.propagate.vote import agreement, by_axis, mean_quality
from sam_med.slices.packed_slices import padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.objects.segments import SliceConfidence
    from sam_med.objects.snomed import Code
    from sam_med.propagate.prediction import Predictions


@dataclass(frozen=True, slots=True, eq=False)
class PropagatedObject:
    """One object in a volume, with all that a later correction of it needs."""

    window: Window
    """(k, j, i) part of the volume in which the object was searched, and that the mask covers."""
    mask: npt.NDArray[np.bool_]
    """Voxels of the object, an array of `window.shape`."""
    predictions: Predictions
    """The prediction on each slice of each axis that was used."""
    answered: npt.NDArray[np.int8] | None = None
    """Array of `window.shape`: 1 where a person marked the object, -1 where that it is not there;
    None where nobody did."""
    candidates: tuple[Candidate, ...] = ()
    """What the object was chosen from, itself first, as it was then."""

    _known: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """The score, once it was asked for: each is a pass over all predictions."""

    @property
    def score(self) -> float:
        """Agreement of the axes times mean quality of the predictions, 0 to 1."""
        if "score" not in self._known:
            quality = mean_quality(self.predictions, self.mask, self.window)
            self._known["score"] = agreement(self.predictions, self.window) * quality
        return self._known["score"]

    @property
    def slices(self) -> tuple[SliceConfidence, ...]:
        """The confidence of each slice of the window along the first axis, ascending."""
        return slice_confidences(self.window, self.mask, self.predictions)

    def segment(self, name: str, value: int, code: Code | None = None) -> Segment:
        """The object under a name and a label value, to be written or measured."""
        known = self.slices, self.candidates, self.score
        return Segment(name, value, self.window, self.mask, code, *known)

    def full(self, shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
        """The mask in a whole volume of this (k, j, i) shape."""
        whole = np.zeros(shape, dtype=np.bool_)
        whole[self.window.slices] = self.mask
        return whole

    def chosen_from(self, made: Sequence[PropagatedObject]) -> PropagatedObject:
        """The object, which knows of what it was chosen from: `candidates`.

        Args:
            made: Objects of one window, this one among them; equal masks count once.
        """
        others = sorted((one for one in made if one is not self), key=lambda one: -one.score)
        different = [self]
        for one in others:
            if not any(np.array_equal(one.mask, known.mask) for known in different):
                different.append(one)
        candidates = tuple(
            Candidate(one.score, dice(one.mask, self.mask), one.window, one.mask)
            for one in different
        )
        return replace(self, candidates=candidates)

    def widened(self, window: Window) -> PropagatedObject:
        """The object in a larger (k, j, i) window, outside of whose own nothing was found."""
        if window == self.window:
            return self
        place = self.window.within(window).slices
        mask = np.zeros(window.shape, dtype=np.bool_)
        mask[place] = self.mask
        answered = None
        if self.answered is not None:
            answered = np.zeros(window.shape, dtype=np.int8)
            answered[place] = self.answered
        predictions = {}
        for axis, parts in by_axis(self.predictions).items():
            part = across(window, axis)
            inner = across(self.window, axis).within(part).slices
            wider = padded([one.kept for one in parts.values()], part.shape, inner, -FULL)
            for (index, one), certainty in zip(parts.items(), wider, strict=True):
                predictions[axis, index] = replace(one, kept=certainty)
        return replace(self, window=window, mask=mask, predictions=predictions, answered=answered)
