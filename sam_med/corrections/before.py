"""Before a correction: an object slice by slice, on whole slices of its volume along any axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_med.corrections.regions import spread_of
from sam_med.propagate.prediction import SlicePredictor, across
from sam_med.propagate.vote import SCORE_DIGITS, slice_index

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_med.corrections.reach import Reach
    from sam_med.propagate.propagated_object import PropagatedObject
    from sam_med.slices.embedded_slices import SliceEmbeddings


@dataclass(frozen=True, slots=True, eq=False)
class ObjectBefore:
    """An object that is to be corrected, with what shows and predicts its slices."""

    result: PropagatedObject
    slices: SliceEmbeddings
    predictor: SlicePredictor
    """Predicts anywhere in the volume: a mark may lie far from the object."""
    reach: Reach | None = None
    """The voxels that the mark may change; all where there is none."""

    @classmethod
    def of(
        cls, result: PropagatedObject, slices: SliceEmbeddings, reach: Reach | None = None
    ) -> ObjectBefore:
        """An object with a new predictor for the whole of its volume."""
        return cls(result, slices, SlicePredictor(slices, slices.volume.window), reach)

    @property
    def is_thin(self) -> bool:
        """Whether the mark lies right beside the object's edge."""
        return self.reach is not None and self.reach.is_thin

    def most_slices(self, axis: int) -> float:
        """The number of slices along an axis to which a change may be followed either way."""
        if self.reach is None:
            return self.size(axis)
        spacing_mm = self.slices.volume.spacing_mm[axis]
        # equal but for rounding: the order of axes may not decide
        return 0 if self.is_thin else round(self.reach.most_mm / spacing_mm, SCORE_DIGITS)

    def size(self, axis: int) -> int:
        """The number of slices along an axis."""
        return self.slices.shape[axis]

    def pixel_mm(self, axis: int) -> tuple[float, float]:
        """Distance of neighbouring (rows, columns) of the slices along an axis."""
        return self.slices.plane(axis).pixel_mm

    def shades(self, place: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """The whole slice `place` (axis, index) in 8 bits."""
        return self.slices.pixels(*place)

    def mask(self, place: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """The object on the whole slice `place` (axis, index)."""
        return self._whole(self.result.mask, place)

    def answered(self, place: tuple[int, int], *, positive: bool) -> npt.NDArray[np.bool_]:
        """The pixels of a slice of which earlier marks say that the object is, or is not, there."""
        if self.result.answered is None:
            return np.zeros(self.slices.plane(place[0]).size_hw, dtype=np.bool_)
        return self._whole(self.result.answered == (1 if positive else -1), place)

    def is_given(self, place: tuple[int, int]) -> bool:
        """Whether a person painted the slice, or drew its box."""
        known = self.result.predictions.get(place)
        return known is not None and known.given

    def nearest(self, place: tuple[int, int]) -> tuple[int, int]:
        """The slice that shows the object nearest to one of the same axis; itself where it does.

        Itself, too, where no slice shows the object. Of two at the same distance it is the one on
        which the object is larger, then the lower one.
        """
        axis, index = place
        if self.mask(place).any():
            return place
        rest = tuple(d for d in range(3) if d != axis)
        areas = np.count_nonzero(self.result.mask, axis=rest)
        shown = np.flatnonzero(areas)
        if not len(shown):
            return place
        first = self.result.window.start[axis]
        return axis, first + int(min(shown, key=lambda n: (abs(first + n - index), -areas[n], n)))

    def spread(self, place: tuple[int, int]) -> float:
        """Standard deviation of the object's shades on the nearest slice that shows it."""
        near = self.nearest(place)
        return spread_of(self.shades(near), self.mask(near))

    def _whole(self, part: npt.NDArray[np.bool_], place: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """A slice of an array of the object's window, on the whole slice of the volume."""
        axis, index = place
        window = self.result.window
        whole = np.zeros(self.slices.plane(axis).size_hw, dtype=np.bool_)
        if window.start[axis] <= index < window.stop[axis]:
            whole[across(window, axis).slices] = part[slice_index(window, axis, index)]
        return whole
