"""SEG check: whether a DICOM SEG says what was meant, voxel for voxel and place for place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError, OutputError
from sam_med.derived.inherited import label_text
from sam_med.dicom.encoding import DAMAGE
from sam_med.geometry import frame as frames
from sam_med.segmentations.seg_frames import read_seg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.derived.referenced_images import Source
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.segmentations.seg_frames import SegFile, SegFrame

TOLERANCE = 0.1
"""Part of `frame.tolerance_mm` by which a frame may be off: DICOM holds ten digits or more."""


def check_seg(path: Path, segments: Sequence[Segment], volume: Volume, source: Source) -> None:
    """Decode a file that was just written and compare it with what was meant.

    Raises:
        OutputError: It cannot be decoded, or differs in a voxel, a place, a name or a reference.
    """
    try:
        file = read_seg(path)
        _check_header(file, segments, volume, source)
        missing = _expected(segments)
        for frame in file.frames():
            _check_frame(frame, segments, source, missing)
    except (InputError, *DAMAGE) as error:
        raise _differs(f"it cannot be decoded: {error}") from error
    if missing:
        number, k = min(missing)
        raise _differs(f"segment {number} has no frame on slice {k}")


def _differs(what: str) -> OutputError:
    return OutputError(
        f"the DICOM SEG that was written is not what was meant, and was not kept: {what}"
    )


def _expected(segments: Sequence[Segment]) -> set[tuple[int, int]]:
    """Number of the segment and index of the slice of every frame that must be there."""
    return {
        (number, segment.window.start[0] + int(k))
        for number, segment in enumerate(segments, start=1)
        for k in np.flatnonzero(segment.mask.any(axis=(1, 2)))
    }


def _check_header(
    file: SegFile, segments: Sequence[Segment], volume: Volume, source: Source
) -> None:
    names = {n: label_text(segment.name) for n, segment in enumerate(segments, start=1)}
    if file.names != names:
        raise _differs(f"segments are {file.names}, not {names}")
    if file.size != volume.shape[1:]:
        raise _differs(f"frames have {file.size} pixels, not {volume.shape[1:]}")
    if not source.placed:
        return
    if file.dataset.FrameOfReferenceUID != source.first.FrameOfReferenceUID:
        raise _differs("its frame of reference is another one")
    axes = np.reshape(file.orientation, (2, 3)) * np.reshape(file.pixel_spacing_mm[::-1], (2, 1))
    off = np.abs(axes - volume.frame.array[:3, 2:0:-1].T).max() * max(volume.shape[1:])
    if not off <= frames.tolerance_mm(min(volume.spacing_mm)):
        raise _differs(f"the far corner of its frames is {frames.mm(float(off))} off")


def _check_frame(
    frame: SegFrame,
    segments: Sequence[Segment],
    source: Source,
    missing: set[tuple[int, int]],
) -> None:
    k = _slice_of(frame, source)
    plane = source.planes[k]
    if frame.sources != ((str(plane.image.SOPInstanceUID), plane.frame_number),):
        raise _differs(f"the frame of slice {k} refers to another image")
    meant = _slice(segments[frame.segment - 1], k, frame.mask.shape)
    if not np.array_equal(frame.mask, meant):
        count = int(np.count_nonzero(frame.mask != meant))
        raise _differs(f"{count} voxels of segment {frame.segment} on slice {k} differ")
    if meant.any():
        if (frame.segment, k) not in missing:
            raise _differs(f"segment {frame.segment} has two frames on slice {k}")
        missing.remove((frame.segment, k))


def _slice_of(frame: SegFrame, source: Source) -> int:
    if not source.placed:
        return 0
    k, off = source.nearest(frame.position)
    if not off <= TOLERANCE * frames.tolerance_mm(min(source.pixel_spacing_mm)):
        raise _differs(f"a frame is {frames.mm(off)} off the nearest slice")
    return k


def _slice(segment: Segment, k: int, size_hw: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """One slice of a segment, in the whole slice."""
    whole = np.zeros(size_hw, dtype=np.bool_)
    first, rows, columns = segment.window.slices
    if first.start <= k < first.stop:
        whole[rows, columns] = segment.mask[k - first.start]
    return whole
