"""SEG check: a written DICOM SEG, compared with its segments voxel by voxel, and its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError, OutputError
from sam_med.derived_objects.dicom_object import label_text
from sam_med.dicom.encoding import DAMAGE
from sam_med.geometry import frame as frames
from sam_med.segmentations.seg_frames import read_seg

if TYPE_CHECKING:
    from pathlib import Path

    from sam_med.derived_objects.referenced_images import SourceImages
    from sam_med.derived_objects.seg_pixels import SegPixels
    from sam_med.geometry.volume import Volume
    from sam_med.segmentations.seg_frames import SegFile, SegFrame

TOLERANCE = 0.1
"""Part of `frame.tolerance_mm` by which the position of a frame may be off the position of its
image: DICOM holds ten digits or more."""


def check_seg(path: Path, pixels: SegPixels, volume: Volume, source: SourceImages) -> None:
    """Decode a DICOM SEG that was just written, and compare it with what it was made from.

    Args:
        path: The file.
        pixels: The objects that it must hold, with their numbers.
        volume: The volume that the objects lie in.
        source: The images of the volume.

    Raises:
        OutputError: The file cannot be decoded, or differs in a voxel, a position, a name or a
            reference.
    """
    try:
        file = read_seg(path)
        _check_header(file, pixels, volume, source)
        missing = _expected(pixels)
        for frame in file.frames():
            _check_frame(frame, pixels, source, missing)
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


def _expected(pixels: SegPixels) -> set[tuple[int, int]]:
    """Number of the segment and index of the slice of each frame that must be in the file."""
    found = {
        (number, k)
        for number, segment in zip(pixels.numbers, pixels.segments, strict=True)
        for k in segment.occupied_slices
    }
    if pixels.seg_type != "labelmap":
        return found
    # of objects that overlap, a label map shows the later one only
    slices = sorted({k for _, k in found})
    return {(int(number), k) for k in slices for number in np.unique(pixels.labels(k)) if number}


def _check_header(file: SegFile, pixels: SegPixels, volume: Volume, source: SourceImages) -> None:
    """Raise `OutputError` where names, size, frame of reference or axes differ."""
    names = {
        n: label_text(segment.name)
        for n, segment in zip(pixels.numbers, pixels.segments, strict=True)
    }
    if file.seg_type != pixels.seg_type:
        raise _differs(f"its type is {file.seg_type}, not {pixels.seg_type}")
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
    frame: SegFrame, pixels: SegPixels, source: SourceImages, missing: set[tuple[int, int]]
) -> None:
    """Raise `OutputError` where a frame differs; else remove it from the missing ones."""
    k = _slice_of(frame, source)
    if frame.sources != (source.planes[k].identifier,):
        raise _differs(f"the frame of slice {k} refers to another image")
    meant = pixels.shown(frame.segment, k)
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
