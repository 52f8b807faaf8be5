"""Segments: the objects found in a volume, each with a mask of its own, so that they may overlap.

A mask covers the window of its object only; a label map or a DICOM SEG is made from the segments
when it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_common.errors import GeometryError
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.objects.snomed import Code


@dataclass(frozen=True, slots=True)
class SliceConfidence:
    """How far the mask of an object on one slice can be trusted."""

    k: int
    """Index of the slice along the first array axis."""
    confidence: float
    """0 to 1: the smallest of the four numbers that follow."""
    predicted_iou: float
    """IoU that the network predicts for its own mask, 0 to 1."""
    stability: float
    """IoU of the masks at two thresholds of the logits, 0 to 1."""
    neighbours: float
    """Dice with the masks on the neighbouring slices, 0 to 1."""
    planes: float | None
    """Dice between the masks from axial, coronal and sagittal propagation on this slice, 0 to 1;
    None where the object was propagated along one axis only."""
    at_least: float | None = None
    """Dice with the truth that nine of ten such slices have, 0 to 1, see
    `sam_med.objects.calibration`; None where there is not enough evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One of the answers that an object was chosen from."""

    score: float
    """How sure it is, 0 to 1: agreement of the axes times quality of the predictions."""
    dice: float
    """Dice with the chosen one, which has 1."""
    window: Window
    """(k, j, i) part of the volume that the mask covers."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One object: its name, its value in label maps, and its mask."""

    name: str
    value: int
    """Value in label maps, 1 to 65535."""
    window: Window
    """(k, j, i) part of the volume that the mask covers."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`, True for voxels of the object."""
    code: Code | None = None
    """SNOMED CT code of the structure; None where it is not known."""
    slices: tuple[SliceConfidence, ...] = ()
    """Confidence on each slice on which the object was looked for, ascending by slice."""
    candidates: tuple[Candidate, ...] = ()
    """The chosen answer, then those that are unlike it, the surest first; empty where nothing was
    chosen from."""
    score: float | None = None
    """Agreement of the axes times quality of the predictions, 0 to 1; None where not known."""
    at_least: float | None = None
    """Dice with the truth that nine of ten such objects have, 0 to 1, see
    `sam_med.objects.calibration`; None where there is not enough evidence."""

    def __post_init__(self) -> None:
        if self.mask.shape != self.window.shape or self.mask.dtype != np.bool_:
            raise GeometryError(
                f"the mask of {self.name} must be boolean of shape {self.window.shape}, got "
                f"{self.mask.dtype} of {self.mask.shape}"
            )

    @property
    def voxels(self) -> int:
        """Number of object voxels."""
        return int(np.count_nonzero(self.mask))

    def overlaps(self, other: Segment) -> bool:
        """Whether this object and another one share a voxel."""
        if (shared := self.window.intersect(other.window)) is None:
            return False
        return bool((self.part(shared) & other.part(shared)).any())

    def part(self, window: Window) -> npt.NDArray[np.bool_]:
        """The mask in a (k, j, i) window that lies inside `self.window`."""
        return self.mask[window.within(self.window).slices]

    def on_slice(
        self, index: int, size_hw: tuple[int, ...], *, axis: int = 0
    ) -> npt.NDArray[np.bool_]:
        """The mask on one slice of the volume; all False where the window does not reach it.

        Args:
            index: Of the slice in the volume.
            size_hw: (rows, columns) of the whole slice.
            axis: Array axis (k, j, i) of the volume that the slice is at right angles to.

        Returns:
            Array of `size_hw`.
        """
        whole = np.zeros(size_hw, dtype=np.bool_)
        place: list[slice | int] = [slice(None)] * 3
        place[axis] = index - self.window.start[axis]
        part = [one for other, one in enumerate(self.window.slices) if other != axis]
        if 0 <= index - self.window.start[axis] < self.window.shape[axis]:
            whole[tuple(part)] = self.mask[tuple(place)]
        return whole

    @property
    def occupied_slices(self) -> list[int]:
        """Indices k of the slices of the volume that show the object, ascending."""
        inside = np.flatnonzero(self.mask.any(axis=(1, 2)))
        return (self.window.start[0] + inside).tolist()

    @property
    def confidence(self) -> float | None:
        """Median confidence over the slices, 0 to 1; None where no slice has a confidence."""
        return median_confidence(self.slices)

    def full(self, shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
        """The mask in a whole volume of this (k, j, i) shape."""
        whole = np.zeros(shape, dtype=np.bool_)
        whole[self.window.slices] = self.mask
        return whole


def crop(mask: npt.NDArray[np.bool_]) -> tuple[Window, npt.NDArray[np.bool_]]:
    """The smallest window around the True part of a mask, and that part.

    An empty mask gives a window of its first element.
    """
    axes = range(mask.ndim)
    shown = [np.flatnonzero(mask.any(axis=tuple({*axes} - {axis}))) for axis in axes]
    if not len(shown[0]):
        shown = [np.zeros(1, dtype=np.intp)] * mask.ndim
    window = Window(tuple(index[0] for index in shown), tuple(index[-1] + 1 for index in shown))
    return window, mask[window.slices].copy()


def median_confidence(slices: Sequence[SliceConfidence]) -> float | None:
    """Median confidence of some slices, 0 to 1; None for no slice."""
    if not slices:
        return None
    return round(float(np.median([at.confidence for at in slices])), 3)
