"""SEG check: a written DICOM SEG, compared with its segments voxel by voxel, and its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError, OutputError
from sam_med.dicom.encoding import DAMAGE
from sam_med.geometry import frame as frames
from sam_med.segmentations.seg_frames import read_seg
from sam_med.write.dicom_object import label_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.segmentations.seg_frames import SegFile, SegFrame
    from sam_med.write.referenced_images import SourceImages

TOLERANCE = 0.1
"""Part of `frame.tolerance_mm` by which the position of a frame may be off the position of its
image: DICOM holds ten digits or more."""


def check_seg(
    path: Path, segments: Sequence[Segment], volume: Volume, source: SourceImages
) -> None:
    """Decode a DICOM SEG that was just written, and compare it with what it was made from.

    Args:
        path: The file.
        segments: The objects that it must hold, in the order of their numbers.
        volume: The volume that the objects lie in.
        source: The images of the volume.

    Raises:
        OutputError: The file cannot be decoded, or differs in a voxel, a position, a name or a
            reference.
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
    """The error for a file that is not what it was made from."""
    return OutputError(
        f"the DICOM SEG that was written is not what was meant, and was not kept: {what}"
    )


def _expected(segments: Sequence[Segment]) -> set[tuple[int, int]]:
    """Number of the segment and index of the slice of each frame that must be in the file."""
    return {
        (number, k)
        for number, segment in enumerate(segments, start=1)
        for k in segment.occupied_slices
    }


def _check_header(
    file: SegFile, segments: Sequence[Segment], volume: Volume, source: SourceImages
) -> None:
    """Raise `OutputError` where names, size, frame of reference or axes differ."""
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
    source: SourceImages,
    missing: set[tuple[int, int]],
) -> None:
    """Raise `OutputError` where a frame differs; else remove it from the missing ones."""
    k = _slice_of(frame, source)
    if frame.sources != (source.planes[k].identifier,):
        raise _differs(f"the frame of slice {k} refers to another image")
    meant = segments[frame.segment - 1].on_slice(k, frame.mask.shape)
    if not np.array_equal(frame.mask, meant):
        count = int(np.count_nonzero(frame.mask != meant))
        raise _differs(f"{count} voxels of segment {frame.segment} on slice {k} differ")
    if meant.any():
        if (frame.segment, k) not in missing:
            raise _differs(f"segment {frame.segment} has two frames on slice {k}")
        missing.remove((frame.segment, k))


def _slice_of(frame: SegFrame, source: SourceImages) -> int:
    """The slice that a frame lies on."""
    if not source.placed:
        return 0
    k, off = source.nearest(frame.position)
    if not off <= TOLERANCE * frames.tolerance_mm(min(source.pixel_spacing_mm)):
        raise _differs(f"a frame is {frames.mm(off)} off the nearest slice")
    return k
