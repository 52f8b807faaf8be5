"""Label map: one value per object on the grid of the volume."""

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
UINT8_MAX, UINT16_MAX = 255, 65535


@dataclass(frozen=True, slots=True)
class Label:
    """One object of a label map."""

    name: str
    value: int
    voxels: int
    """In the label map."""
    voxels_segmented: int
    """Before later objects were painted over it."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """Which object each voxel belongs to; 0 is none."""

    array: LabelArray
    """(k, j, i); uint8 where all values fit, else uint16."""
    labels: tuple[Label, ...]
    """In the order of the objects."""


def paint(shape: tuple[int, int, int], segments: Sequence[Segment]) -> LabelMap:
    """Put all objects in one label map.

    Where objects overlap, the later one in `segments` is kept, as in the published script.

    Args:
        shape: (k, j, i) of the volume.
        segments: Inside the volume, each with a value of its own.

    Raises:
        PromptError: Two objects have the same value, or one that no label map holds.
        GeometryError: An object reaches out of the volume.
    """
    values = [segment.value for segment in segments]
    if len(set(values)) != len(values):
        raise PromptError(f"each object needs a value of its own, got {values}")
    if values and not 1 <= min(values) <= max(values) <= UINT16_MAX:
        raise PromptError(f"values of objects must be 1 to {UINT16_MAX}, got {values}")
    whole = Window.full(shape)
    for segment in segments:
        if not whole.contains(segment.window):
            raise GeometryError(
                f"{segment.name} covers {segment.window.start} to {segment.window.stop}, which is "
                f"not inside a volume of {shape}"
            )
    array = np.zeros(shape, dtype=_type_for(max(values, default=0)))
    kept = dict.fromkeys(values, 0)
    for segment in segments:
        part = array[segment.window.slices]
        # counted where objects are, not in the whole volume: a bincount of it takes 8 bytes a voxel
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


def _type_for(largest: int) -> type[np.uint8 | np.uint16]:
    return np.uint8 if largest <= UINT8_MAX else np.uint16
