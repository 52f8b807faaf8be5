"""Label maps: one value for each voxel of the volume, 0 for background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import GeometryError, PromptError
from sam_common.window import Window
from sam_med.objects.overlap import DEFAULT_OVERWRITE, takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.objects.overlap import OverwriteLabels
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
    """Number of voxels of the object, those that went to other objects included."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """The value of the object that each voxel belongs to, and the objects; 0 is background."""

    array: LabelArray
    """(k, j, i) values; uint8 where all of them fit, else uint16."""
    labels: tuple[Label, ...]
    """One for each object, in the order in which they were painted."""


def paint(
    shape: tuple[int, int, int],
    segments: Sequence[Segment],
    overwrite: OverwriteLabels = DEFAULT_OVERWRITE,
) -> LabelMap:
    """Paint objects into one label map; where they overlap, the first one keeps its voxels.

    Args:
        shape: (k, j, i) number of voxels of the volume.
        segments: Objects inside the volume, each with a value of its own.
        overwrite: Whether later objects take voxels of earlier ones, see `sam_med.objects.overlap`.

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
    for n, segment in enumerate(segments):
        part = array[segment.window.slices]
        stay = [one.value for one in segments[:n] if not takes(segment, one, overwrite)]
        mask = segment.mask & ~np.isin(part, stay) if stay else segment.mask
        # counted under the mask: a bincount of the whole volume takes 8 bytes a voxel
        for value, voxels in zip(*np.unique(part[mask], return_counts=True), strict=True):
            if value:
                kept[int(value)] -= int(voxels)
        part[mask] = segment.value
        kept[segment.value] = int(np.count_nonzero(mask))
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


def apart(segments: Sequence[Segment], labels: LabelMap) -> list[Segment]:
    """Objects without the voxels that went to other objects in the label map of all of them."""
    return [
        replace(one, mask=one.mask & (labels.array[one.window.slices] == one.value))
        for one in segments
    ]
