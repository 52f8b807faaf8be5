"""SEG DICOM: the objects of DICOM SEG and RTSTRUCT files.

A DICOM SEG stores only slices that show an object. Where its frames lie on an even grid, empty
slices are added between them; else each frame keeps its own position:

```
frames at 0, 2, 4, 10 mm, 2 mm apart  ->  6 slices, two of them empty
```
Frames in one plane with different corners, as tiles have, and two different frames of one segment
in one plane, as time points have, do not fit into one grid and are refused.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.dicom.encoding import DAMAGE, quiet_pydicom, read_header
from sam_med.geometry import frame as frames
from sam_med.objects.segments import Segment, crop
from sam_med.segmentations.object_file import RTSTRUCT, open_dicom, stated_modality
from sam_med.segmentations.objects import (
    SegmentationFile,
    described_values,
    grid_of,
    plain_name,
)
from sam_med.segmentations.seg_frames import SegFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    from pydicom.dataset import Dataset

    from sam_common.frame import FloatArray
    from sam_med.geometry.volume import Volume
    from sam_med.segmentations.seg_frames import SegFrame

GAP_TOLERANCE = 0.02
"""Part of the slice distance by which a slice may lie off its position on an even grid."""
SAME_PLACE = 1e-3
"""Part of the pixel spacing within which two frames lie in one plane."""
ASIDE = 0.1
"""Part of the pixel spacing by which frames may be shifted in their plane, because files round."""
MAX_SLICES = 100_000
"""A SEG with more slices than this from first to last frame has a damaged position."""
FRAME_UID = "FrameOfReferenceUID"
ELSEWHERE = (
    "the file of objects states another frame of reference than the images: its objects lie right "
    "only where both have been aligned"
)
DECODE_ERRORS = (*DAMAGE, RuntimeError, MemoryError)


def read_dicom(
    path: Path, grid: Volume | None = None, *, is_part: bool = False
) -> SegmentationFile:
    """Read a DICOM SEG, or an RTSTRUCT whose contours become voxels of a grid.

    Args:
        path: The file.
        grid: The images that the objects were drawn on, where they are known; contours need them.
        is_part: Whether the grid may be smaller than the images that contours were drawn on.

    Raises:
        InputError: The file is neither a SEG nor an RTSTRUCT, its frames have no position, or
            contours have no grid.
        GeometryError: A contour lies beside the slices of the grid.
    """
    dataset = open_dicom(path)
    with quiet_pydicom():
        if stated_modality(dataset) == RTSTRUCT:
            from sam_med.segmentations.rt_contours import read_structures  # noqa: PLC0415  # not for SEG

            file = read_structures(dataset, grid, is_part=is_part)
        else:
            try:
                file = segments_of(SegFile.of(dataset))
            except DECODE_ERRORS as error:
                raise InputError("the DICOM SEG is damaged: its segments cannot be read") from error
        elsewhere = is_elsewhere(dataset, grid)
    return replace(file, notes=(*file.notes, ELSEWHERE)) if elsewhere else file


def is_elsewhere(dataset: Dataset, grid: Volume | None) -> bool:
    """Whether a file of objects states another frame of reference than the images.

    The header of the first image is read.

    Args:
        dataset: A SEG or an RTSTRUCT; each structure of the latter may state a frame of reference.
        grid: The images; only DICOM images state a frame of reference.
    """
    try:
        listed = dataset.get("StructureSetROISequence", None) or (dataset,)
        stated = {
            str(one.get("ReferencedFrameOfReferenceUID", None) or one.get(FRAME_UID, None) or "")
            for one in listed
        }
        read = read_header(grid.files[0], [FRAME_UID]) if grid is not None and grid.files else None
        known = "" if read is None else str(read[0].get(FRAME_UID, None) or "")
    except DAMAGE:
        return False
    return bool(known) and bool(stated - {known, ""})


def segments_of(file: SegFile) -> SegmentationFile:
    """The segments of an opened DICOM SEG.

    Raises:
        InputError: The frames have no position, or do not fit into one grid.
    """
    # whole frames of a file of a hundred organs would take gigabytes: only what they show is kept
    listed = [_Part.of(frame) for frame in file.frames()]
    spacing, orientation = file.pixel_spacing_mm, file.orientation
    if not listed or not orientation or any(not frame.position for frame in listed):
        raise InputError(
            "the frames of the DICOM SEG have no place, so nothing says where its objects are"
            if listed
            else "the DICOM SEG has no frames: it holds no object"
        )
    if not spacing:
        raise InputError("the DICOM SEG does not say how far apart its pixels are")
    along_rows, along_columns = np.reshape(orientation, (2, 3))
    normal = np.cross(along_rows, along_columns)
    places = np.array([frame.position for frame in listed], dtype=np.float64)
    along = places @ normal
    first, number = _slices(along, SAME_PLACE * min(spacing))
    origins = places[first]
    aside = float(np.linalg.norm(places - origins[number], axis=1).max())
    if aside > ASIDE * min(spacing):
        raise InputError(
            f"frames of one plane begin {frames.mm(aside)} apart, as tiles do: only frames that "
            "lie on each other are read"
        )
    stated = (file.slice_measure_mm(tag) for tag in ("SpacingBetweenSlices", "SliceThickness"))
    steps = _even(along[first], *stated)
    if steps is not None and _is_bent(origins, steps[1], ASIDE * min(spacing)):
        steps = None
    if steps is None:
        step = (origins[-1] - origins[0]) / (len(origins) - 1)
        uneven, index, count = origins, number, len(origins)
    else:
        distance, of_slice = steps
        uneven, index, count = None, of_slice[number], int(of_slice[-1]) + 1
        step = (origins[-1] - origins[0]) / (count - 1) if count > 1 else normal * distance
    frame = frames.from_dicom(origins[0].tolist(), orientation, spacing, step.tolist())
    found = sorted(_segments(file, listed, index.tolist()), key=lambda pair: pair[1].value)
    return SegmentationFile(
        grid=grid_of((count, *file.size), frame, uneven),
        segments=tuple(segment for _, segment in found),
        named=True,
        sparse=True,
        exact=True,
        notes=file.notes,
        numbers=tuple(number for number, _ in found),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The part of one frame that shows its segment."""

    segment: int
    """Number of the segment."""
    position: tuple[float, ...]
    """LPS mm of the first pixel of the whole frame; empty where the frame has no place."""
    window: Window
    """(row, column) pixels around what the frame shows."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`; all False where the frame shows nothing."""

    @classmethod
    def of(cls, frame: SegFrame) -> _Part:
        """The frame without the empty pixels around its segment."""
        return cls(frame.segment, frame.position, *crop(frame.mask))


def _segments(
    file: SegFile, listed: Sequence[_Part], index: Sequence[int]
) -> list[tuple[int, Segment]]:
    """Every segment that the file describes or its frames refer to, with its number."""
    parts_of: dict[int, list[tuple[int, _Part]]] = {n: [] for n in file.names}
    for part, k in zip(listed, index, strict=True):
        parts_of.setdefault(part.segment, []).append((k, part))
    values = described_values({n: file.descriptions.get(n, "") for n in parts_of})
    found = []
    for number, parts in parts_of.items():
        name = plain_name(file.names.get(number, "")) or str(values[number])
        found.append((number, Segment(name, values[number], *_stacked(parts))))
    return found


def _stacked(parts: Sequence[tuple[int, _Part]]) -> tuple[Window, npt.NDArray[np.bool_]]:
    """Window and mask of one segment from the parts of its frames, each with its slice index.

    Raises:
        InputError: Two frames on one slice show different pixels.
    """
    shown: dict[int, _Part] = {}
    for k, part in parts:
        if not part.mask.any():
            continue
        before = shown.setdefault(k, part)
        if before.window != part.window or not np.array_equal(before.mask, part.mask):
            raise InputError(
                "two frames of one segment lie on one plane and differ, as time points do: save "
                "each to a file of its own"
            )
    if not shown:
        return crop(np.zeros((1, 1, 1), dtype=np.bool_))
    around = functools.reduce(Window.union, (part.window for part in shown.values()))
    window = Window((min(shown), *around.start), (max(shown) + 1, *around.stop))
    mask = np.zeros(window.shape, dtype=np.bool_)
    for k, part in shown.items():
        place = part.window.shift([-n for n in around.start])
        mask[k - window.start[0]][place.slices] = part.mask
    return window, mask


def _slices(along: FloatArray, same: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Sort frames into planes.

    Args:
        along: (frames,) positions in mm along the normal.
        same: Distance in mm within which frames lie in one plane.

    Returns:
        Index of one frame in each plane, ascending by position; and the number of the plane of
        each frame.
    """
    order = np.argsort(along, kind="stable")
    new = np.diff(along[order], prepend=-np.inf) > same
    number = np.empty(len(along), dtype=np.intp)
    number[order] = np.cumsum(new) - 1
    return order[new], number


def _is_bent(origins: FloatArray, index: npt.NDArray[np.int64], most_mm: float) -> bool:
    """Whether slices at even distances do not start on one straight line.

    Args:
        origins: (planes, 3) positions in LPS mm.
        index: (planes,) index of each plane in the stack.
        most_mm: Distance from the line that is allowed.
    """
    part = (index / max(1, int(index[-1])))[:, None]
    off = origins[0] + part * (origins[-1] - origins[0]) - origins
    return bool(np.linalg.norm(off, axis=1).max() > most_mm)


def _even(
    along: FloatArray, stated_mm: float | None, thickness_mm: float | None
) -> tuple[float, npt.NDArray[np.int64]] | None:
    """Slice distance, and the index of each plane in a stack without gaps; None for uneven planes.

    The stated slice distance is used where all gaps are multiples of it, else the smallest gap.
    Because many programs round positions, the distance is refined with each larger gap: an error
    of a thousandth of it would be several slices over a long stack.

    Args:
        along: (planes,) positions in mm along the normal, ascending.
        stated_mm: SpacingBetweenSlices.
        thickness_mm: SliceThickness, the distance for a single plane.
    """
    if len(along) == 1:
        return stated_mm or thickness_mm or 1.0, np.zeros(1, dtype=np.int64)
    gaps = np.diff(along)
    for guess in (stated_mm, float(gaps.min())):
        if guess and (index := _index_of(along, gaps, guess)) is not None:
            return float(along[-1] - along[0]) / int(index[-1]), index
    return None


def _index_of(along: FloatArray, gaps: FloatArray, step: float) -> npt.NDArray[np.int64] | None:
    """The index of each plane in a stack of about this slice distance; None where they are uneven.

    Raises:
        InputError: The stack would have more than `MAX_SLICES` slices.
    """
    length, slices, counts = 0.0, 0, {}
    for gap in sorted(gaps.tolist()):
        counts[gap] = max(1, round(gap / (length / slices if slices else step)))
        length, slices = length + gap, slices + counts[gap]
        if slices > MAX_SLICES:
            raise InputError(f"the frames of the DICOM SEG lie {length:.6g} mm apart")
    index = np.cumsum([0, *(counts[gap] for gap in gaps.tolist())])
    fitted = along[0] + (along[-1] - along[0]) * index / index[-1]
    off = float(np.abs(fitted - along).max())
    usual = length / slices
    even = off <= GAP_TOLERANCE * usual and abs(usual / step - 1) <= GAP_TOLERANCE
    return np.asarray(index, dtype=np.int64) if even else None
