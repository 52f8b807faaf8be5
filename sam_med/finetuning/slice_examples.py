"""Slice examples: slices of volumes as a network is shown them, with the masks of their objects.

```
three volumes or more   parted by patient; slices along all three axes
fewer                   each object parted along the first axis into three slabs that lie apart;
                        slices along that axis only, as others would cross the slabs
```
"""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.training_data.examples import (
    PARTS,
    TrainingImage,
    TrainingObject,
    split_by_group,
    split_by_place,
)
from sam_med.geometry.slice_box import AXES
from sam_med.slices.embedded_slices import plane_of, shown_slice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.training_data.examples import Part
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.slices.window_level import Stretch

LEAST_PX = 16
"""Pixels of the smallest cut through an object that a network is taught."""
SLICES = 12
"""Slices of each object that are taken along each axis at most, evenly over its extent."""
APART = 1
"""Slices between two parts of one object, which belong to neither."""
TOGETHER = 3
"""Neighbouring slices of one object that count as one observation."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledVolume:
    """A volume in memory with its objects, which is dropped once its slices are taken."""

    name: str
    volume: Volume
    stretch: Stretch
    segments: Sequence[Segment]
    """Objects on the grid of the volume."""


def parts_of_cases(
    names: Sequence[str], given: Sequence[Part | None], seed: int
) -> list[Part | None]:
    """The part of each volume: as given, by patient where there are three or more, else None.

    Args:
        names: Name of each volume, one for each patient.
        given: Parts of the list; None where they are to be chosen.
        seed: Another one gives other parts.
    """
    if all(part is not None for part in given):
        return list(given)
    if len(names) < len(PARTS):
        return [None] * len(names)
    return list(split_by_group(names, seed=seed))


def slices_of(case: LabelledVolume, part: Part | None, *, seed: int = 0) -> list[TrainingImage]:
    """The slices of a volume that are taught or judged.

    Args:
        case: The volume and its objects.
        part: What the whole volume is for; None where each object is parted into slabs.
        seed: An odd one begins the slabs at the other end.

    Returns:
        One image for each slice, with square pixels, and with every chosen object of that slice.

    Raises:
        InputError: If no object has a cut that is large enough.
    """
    members: dict[tuple[int, int], list[TrainingObject]] = defaultdict(list)
    for axis in AXES if part is not None else (0,):
        for segment in case.segments:
            for index, own in _chosen(segment, axis, part, seed):
                region = _cut(case.volume, segment, axis, index)
                if region is not None and region.area_px >= LEAST_PX:
                    name = f"{case.name}: {segment.name}"
                    unit = name if part is not None else f"{name} {index // TOGETHER}"
                    members[axis, index].append(
                        TrainingObject(region, own, f"{name}, axis {axis} slice {index}", unit)
                    )
    if not members:
        raise InputError(f"{case.name} has no object with {LEAST_PX} pixels on a slice")
    return [
        _image(shown_slice(case.volume, case.stretch, axis, index), objects)
        for (axis, index), objects in sorted(members.items(), key=lambda item: item[0])
    ]


def _image(pixels: npt.NDArray[np.uint8], objects: Sequence[TrainingObject]) -> TrainingImage:
    load = functools.partial(_same, pixels)
    return TrainingImage(load, (pixels.shape[0], pixels.shape[1]), tuple(objects))


def _same(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return pixels


def _chosen(
    segment: Segment, axis: int, part: Part | None, seed: int
) -> Iterator[tuple[int, Part]]:
    """Slices of an object along an axis, and the part of each."""
    others = tuple(a for a in AXES if a != axis)
    shown = np.flatnonzero(segment.mask.any(axis=others)) + segment.window.start[axis]
    if not len(shown):
        return
    if part is not None:
        for index in _evenly(shown, SLICES):
            yield int(index), part
        return
    parts = np.array(split_by_place(shown[:, None].astype(np.float64), seed=seed))
    for own in PARTS:
        slab = shown[parts == own]
        others_at = shown[parts != own]
        # the part that comes first keeps its slices, so that the gap is not cut twice
        later = shown[np.isin(parts, PARTS[PARTS.index(own) + 1 :])]
        near = np.array([bool(len(later)) and np.abs(later - k).min() <= APART for k in slab])
        kept = slab[~near] if len(slab) and len(others_at) else slab
        for index in _evenly(kept, SLICES):
            yield int(index), own


def _evenly(values: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """At most so many of some sorted values, evenly over all of them."""
    if len(values) <= most:
        return values
    return np.asarray(values[np.linspace(0, len(values) - 1, most).round().astype(int)])


def _cut(volume: Volume, segment: Segment, axis: int, index: int) -> MaskRegion | None:
    """The pixels of an object on a slice, as the network is shown it."""
    plane = plane_of(volume, axis)
    whole = np.zeros(plane.size_hw, dtype=np.uint8)
    place = (slice(None),) * axis + (index - segment.window.start[axis],)
    rows_cols = tuple(segment.window.slices[a] for a in AXES if a != axis)
    whole[rows_cols] = segment.mask[place]
    if plane.shown_hw != plane.size_hw:
        whole = np.asarray(
            cv2.resize(whole, plane.shown_hw[::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8
        )
    return MaskRegion.tight((0, 0), whole > 0)
