"""Label maps: one value for each voxel of the volume, 0 for background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import GeometryError, PromptError
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.objects.segments import Segment

LabelArray: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
MAX_VALUE = 65535
"""Largest value of a label: uint16."""
UINT8_MAX = 255


@dataclass(frozen=True, slots=True)
class Label:
    """One object of a label map."""

    name: str
    value: int
    voxels: int
    """Number of voxels with this value in the label map."""
    voxels_segmented: int
    """Number of voxels of the object before later objects were painted over it."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """The value of the object that each voxel belongs to, and the objects; 0 is background."""

    array: LabelArray
    """(k, j, i) values; uint8 where all of them fit, else uint16."""
    labels: tuple[Label, ...]
    """One for each object, in the order in which they were painted."""


def paint(shape: tuple[int, int, int], segments: Sequence[Segment]) -> LabelMap:
    """Paint objects into one label map, the later one over the earlier one where they overlap.

    The published script of LiteMedSAM paints in the same order.

    Args:
        shape: (k, j, i) number of voxels of the volume.
        segments: Objects inside the volume, each with a value of its own.

    Raises:
        PromptError: Two objects have one value, or a value is not 1 to 65535.
        GeometryError: An object reaches out of the volume.
    """
    values = [segment.value for segment in segments]
    if len(set(values)) != len(values):
        raise PromptError(f"each object needs a value of its own, got {values}")
    if values and not 1 <= min(values) <= max(values) <= MAX_VALUE:
        raise PromptError(f"values of objects must be 1 to {MAX_VALUE}, got {values}")
    whole = Window.full(shape)
    for segment in segments:
        if not whole.contains(segment.window):
            raise GeometryError(
                f"{segment.name} covers {segment.window.start} to {segment.window.stop}, which is "
                f"not inside a volume of {shape}"
            )
    array = np.zeros(shape, dtype=label_type(max(values, default=0)))
    kept = dict.fromkeys(values, 0)
    for segment in segments:
        part = array[segment.window.slices]
        # counted under the mask: a bincount of the whole volume takes 8 bytes a voxel
        for value, voxels in zip(*np.unique(part[segment.mask], return_counts=True), strict=True):
            if value:
                kept[int(value)] -= int(voxels)
        part[segment.mask] = segment.value
        kept[segment.value] = segment.voxels
    return LabelMap(
        array=array,
        labels=tuple(
            Label(segment.name, segment.value, kept[segment.value], segment.voxels)
            for segment in segments
        ),
    )


def label_type(largest: int) -> type[np.uint8 | np.uint16]:
    """The smaller type of labels that holds values up to this one."""
    return np.uint8 if largest <= UINT8_MAX else np.uint16
