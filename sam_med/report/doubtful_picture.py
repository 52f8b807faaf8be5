"""Doubtful picture: one object of a finished case, drawn from its scan and its results.

```
scan + results + what the record says of an object -> object on the grid of the scan -> its slice
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError
from sam_common.pages.object_page import Shot
from sam_common.window import Window
from sam_med.objects.segments import Segment
from sam_med.report.plates import Shown, draw_plane, plane_at
from sam_med.segmentations.align import onto_grid
from sam_med.segmentations.read import read_segmentation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_med.geometry.volume import Volume
    from sam_med.report.study_report import ObjectFigures
    from sam_med.slices.window_level import Stretch

SIDE_PX = 330
"""Longer side of a picture."""
READ = ("seg.nrrd", "nifti", "nrrd", "mha", "dicom_seg", "dicom_rtstruct")
"""Formats of results that are read again, the first one that is there."""


def draw_doubtful(
    volume: Volume, stretch: Stretch, results: Mapping[str, Path], told: ObjectFigures
) -> Shot:
    """The slice on which an object is least sure, with its outline.

    Args:
        volume: The scan.
        stretch: How its values become 8 bits.
        results: The files of the case, by the names of their formats.
        told: The object; nothing is drawn over the slice where it is empty.

    Raises:
        InputError: No result is in a format that is read, or the object is in none.
        GeometryError: The result lies on another grid than the scan.
    """
    segment = _empty(told) if told.is_empty else _segment(volume, results, told)
    k, doubt = _slice(segment, told)
    if not 0 <= k < volume.shape[0]:
        raise InputError(f"the record tells of slice {k}, but the scan has {volume.shape[0]}")
    plane = plane_at(volume, 0, k)
    canvas = draw_plane(Shown(volume, stretch, [segment]), plane, SIDE_PX, only=0)
    caption = f"{plane.name}, k = {k}{doubt}"
    return Shot.of(canvas, f"{told.name}, {caption}", caption)


def _slice(segment: Segment, told: ObjectFigures) -> tuple[int, str]:
    """The slice to show, and what is to be said of it."""
    if told.k is not None:
        return told.k, f", the most doubtful: confidence {told.k_confidence:.2f}"
    if not segment.voxels:
        return told.prompt_k, ", the middle of the prompt"
    areas = np.count_nonzero(segment.mask, axis=(1, 2))
    return segment.window.start[0] + int(np.argmax(areas)), ", where it is largest"


def _empty(told: ObjectFigures) -> Segment:
    """An object without a voxel."""
    return Segment(told.name, told.value, Window((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), bool))


def _segment(volume: Volume, results: Mapping[str, Path], told: ObjectFigures) -> Segment:
    """The object as it was written, on the grid of the scan."""
    path = next((results[name] for name in READ if name in results), None)
    if path is None:
        raise InputError(f"the result is in {', '.join(results)} only, which is not read again")
    file = onto_grid(read_segmentation(path, grid=volume), volume)
    for segment in file.segments:
        same = segment.name == told.name if file.named else segment.value == told.value
        if same and segment.voxels:
            return segment
    raise InputError(f"{told.name} has no voxels in the result: another object has them all")
