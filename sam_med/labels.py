"""Label map: one value per object on the grid of the volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sam_med.prompts import ObjectPrompt
    from sam_med.propagate import SliceMask

LabelArray: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
UINT8_MAX = 255


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
    """In the order of the prompts."""


def paint(
    shape: tuple[int, int, int], boxes: Sequence[ObjectPrompt], masks: Iterable[SliceMask]
) -> LabelMap:
    """Collect the masks of all slices and objects in one label map.

    Where objects overlap, the later one in `boxes` is kept, as in the published script.

    Args:
        shape: (k, j, i) of the volume.
        boxes: The objects; a mask names its object by the position here.
        masks: In any order.

    Raises:
        PromptError: Two objects have the same value.
    """
    values = [0, *(box.value for box in boxes)]
    if len(set(values)) != len(values):
        raise PromptError(f"each object needs a value of its own, got {values[1:]}")
    # paint 1, 2, 3 ... first: the later object has the greater number, so overlaps are a maximum
    # and the order in which the masks arrive does not matter
    order = np.zeros(shape, dtype=_type_for(len(boxes)))
    segmented = [0] * len(boxes)
    for mask in masks:
        if mask.region is None:
            continue
        part = order[mask.k][mask.region.window.slices]
        np.maximum(part, (mask.number + 1) * mask.region.mask.astype(order.dtype), out=part)
        segmented[mask.number] += mask.region.area_px
    kept = np.bincount(order.ravel(), minlength=len(values))
    return LabelMap(
        array=_renumber(order, values),
        labels=tuple(
            Label(box.label, box.value, int(kept[n + 1]), segmented[n])
            for n, box in enumerate(boxes)
        ),
    )


def _renumber(order: LabelArray, values: list[int]) -> LabelArray:
    """The numbers 0, 1, 2 ... as the values that were asked for."""
    if values == list(range(len(values))):
        return order
    table = np.array(values, dtype=_type_for(max(values)))
    return np.asarray(table[order])


def _type_for(largest: int) -> type[np.uint8 | np.uint16]:
    return np.uint8 if largest <= UINT8_MAX else np.uint16
