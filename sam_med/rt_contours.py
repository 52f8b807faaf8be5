"""Contours of a DICOM RTSTRUCT as voxels of a grid: those whose centres lie inside.

```
one contour on a slice         what it goes around, the channel of a keyhole included
several                        a contour inside another one cuts a hole, one in the hole an island
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import GeometryError, InputError
from sam_med.dicom_file import DAMAGE
from sam_med.seg_dicom import stated_values
from sam_med.seg_files import SegmentationFile, by_value, crop, grid_of, plain_name
from sam_med.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from pydicom.dataset import Dataset

    from sam_common.frame import FloatArray
    from sam_med.volume import Volume

CLOSED = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"})
OFF_SLICE = 0.1
"""Part of the slice distance by which a contour may lie off its slice."""
NDIM = 3


def read_structures(dataset: Dataset, grid: Volume | None) -> SegmentationFile:
    """The structures of an opened RTSTRUCT on the voxels of a grid.

    Args:
        dataset: The file.
        grid: The volume that the contours were drawn on.

    Raises:
        InputError: There is no grid, or the file is damaged.
        GeometryError: A contour lies beside the slices of the grid.
    """
    if grid is None:
        raise InputError(
            "an RTSTRUCT has contours, but no voxels: compare it with a file that has "
            "(a label map, a .seg.nrrd or a DICOM SEG)"
        )
    try:
        contours, notes = _contours_of(dataset)
        rois = {int(item.ROINumber): item for item in dataset.StructureSetROISequence}
        values = stated_values({n: str(item.get("ROIDescription", "")) for n, item in rois.items()})
        names = {n: plain_name(str(item.get("ROIName", "") or "")) for n, item in rois.items()}
    except DAMAGE as error:
        raise InputError("the RTSTRUCT is damaged: its structures cannot be read") from error
    if min(values.values(), default=1) < 1:
        values = {number: n for n, number in enumerate(values, start=1)}
    segments, told = [], []
    for number, value in values.items():
        name = names[number] or str(value)
        if number in notes:
            told.append(f"structure {name} has no closed contours, but {notes[number]}: no voxels")
        parts = [grid.to_index(points) for points in contours.get(number, ())]
        segments.append(Segment(name, value, *crop(_filled(parts, grid.shape, name))))
    place = grid_of(grid.shape, grid.frame, grid.origins_lps)
    return SegmentationFile(place, by_value(segments), named=True, exact=True, notes=tuple(told))


def _contours_of(dataset: Dataset) -> tuple[dict[int, list[FloatArray]], dict[int, str]]:
    """Closed contours (N, 3) in LPS mm by structure; and of what kind the others are."""
    closed: dict[int, list[FloatArray]] = {}
    others: dict[int, str] = {}
    for item in dataset.get("ROIContourSequence", None) or ():
        number = int(item.ReferencedROINumber)
        for contour in item.get("ContourSequence", None) or ():
            kind = str(contour.ContourGeometricType)
            if kind in CLOSED:
                points = np.asarray(contour.ContourData, dtype=np.float64).reshape(-1, NDIM)
                closed.setdefault(number, []).append(points)
            else:
                others[number] = kind
    return closed, {number: kind for number, kind in others.items() if number not in closed}


def _filled(
    parts: Sequence[FloatArray], shape: tuple[int, int, int], name: str
) -> npt.NDArray[np.bool_]:
    """Contours in (k, j, i) indices as a mask."""
    mask = np.zeros(shape, dtype=np.bool_)
    for index in parts:
        k = round(float(index[:, 0].mean()))
        off = float(np.abs(index[:, 0] - k).max())
        if not off <= OFF_SLICE or not 0 <= k < shape[0]:
            raise GeometryError(
                f"a contour of {name} lies at slice {float(index[:, 0].mean()):.2f} of 0 to "
                f"{shape[0] - 1}: give the volume that it was drawn on"
            )
        # each contour turns inside into outside, so that one inside another is a hole
        mask[k] ^= inside(index[:, 1:], shape[1:])
    return mask


def inside(points_rc: FloatArray, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The pixels whose centres lie inside a closed outline, by the even-odd rule.

    A centre on the outline counts as above and left of it.

    Args:
        points_rc: (N, 2) rows and columns of the corners; the last one joins the first.
        size_hw: Of the image.

    >>> inside(np.array([[-0.5, 0.5], [-0.5, 2.5], [1.5, 2.5], [1.5, 0.5]]), (2, 4)).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]])
    """
    height, width = size_hw
    flips = np.zeros((height, width + 1), dtype=np.int64)
    for (row, column), (to_row, to_column) in zip(
        points_rc, np.roll(points_rc, -1, axis=0), strict=True
    ):
        low, high = sorted((row, to_row))
        # rows whose centres the side crosses; a corner belongs to the side below it
        rows = np.arange(max(0, int(np.ceil(low))), min(height, int(np.ceil(high))))
        if len(rows):
            crossed = column + (rows - row) / (to_row - row) * (to_column - column)
            np.add.at(flips, (rows, np.clip(np.ceil(crossed), 0, width).astype(np.int64)), 1)
    return np.asarray(np.cumsum(flips, axis=1)[:, :width] % 2 == 1)
