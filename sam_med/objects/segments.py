"""Segments: the objects that were found in a volume, each by itself, so that they may overlap.

A mask is held inside the window of its object only; a label map or a DICOM SEG is made of them
when it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_common.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.window import Window
    from sam_med.objects.snomed import Code


@dataclass(frozen=True, slots=True)
class SliceConfidence:
    """How far the result on one slice can be trusted."""

    k: int
    """Index of the slice along the first array axis."""
    confidence: float
    """0 to 1, the smallest of what is known below."""
    predicted_iou: float
    """Of the network, 0 to 1."""
    stability: float
    """IoU of the masks at two thresholds, 0 to 1."""
    neighbours: float
    """Dice with the neighbouring slices' masks, 0 to 1."""
    planes: float | None
    """Dice between what the planes say on this slice; None where one plane was used."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One object: its name, its value, its voxels."""

    name: str
    value: int
    """In label maps, 1 to 65535."""
    window: Window
    """(k, j, i) part of the volume that the mask covers."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`."""
    code: Code | None = None
    """What it is in SNOMED CT, where that is known."""
    slices: tuple[SliceConfidence, ...] = ()
    """One for each slice on which the object was looked for, ascending."""

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
        """Whether the two share a voxel."""
        if (shared := self.window.intersect(other.window)) is None:
            return False
        return bool((self.part(shared) & other.part(shared)).any())

    def part(self, window: Window) -> npt.NDArray[np.bool_]:
        """The mask in a window inside its own."""
        return self.mask[window.within(self.window).slices]

    @property
    def confidence(self) -> float | None:
        """Median over its slices, 0 to 1; None where nobody measured it."""
        return median_confidence(self.slices)

    def full(self, shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
        """The mask in a whole volume of this (k, j, i) shape."""
        whole = np.zeros(shape, dtype=np.bool_)
        whole[self.window.slices] = self.mask
        return whole


def median_confidence(slices: Sequence[SliceConfidence]) -> float | None:
    """Median confidence, 0 to 1; None where nobody measured it."""
    if not slices:
        return None
    return round(float(np.median([at.confidence for at in slices])), 3)
