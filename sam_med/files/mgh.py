"""FreeSurfer's .mgz and .mgh, read through nibabel; their affine leads to scanner RAS in mm."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from nibabel.freesurfer.mghformat import MGHImage

from sam_med.files.nibabel_image import REST_BYTES, readable, shape_of, voxels_of
from sam_med.geometry import frame as frames
from sam_med.geometry.anatomical_plane import check_frame
from sam_med.geometry.diagnostics import found
from sam_med.geometry.volume import NDIM, Volume

if TYPE_CHECKING:
    from pathlib import Path

WHAT = "MGH"
PLACED_START, PLACED_END = 28, 30
"""First and last byte, half-open, of the header field that tells whether directions are set."""


def read_mgh(path: Path, *, time: int | None = None) -> Volume:
    """Read a FreeSurfer volume as it is stored.

    Args:
        path: `.mgz` or `.mgh`.
        time: Number of the time point of a 4-D file, from 1.

    Raises:
        InputError: The file is damaged, cut off, or not three-dimensional.
        RefusedError: The file is 4-D, and no time point is chosen.
    """
    packed = path.name.lower().endswith(".mgz")
    # nibabel would leave the file open
    with readable(WHAT, path), gzip.open(path) if packed else path.open("rb") as file:
        head = file.read(PLACED_END)
        file.seek(0)
        image: Any = MGHImage.from_stream(file)
        _, told = shape_of(image, time, WHAT)
        if not any(head[PLACED_START:]):
            # nibabel then assumes coronal slices around the origin, without a warning
            told.append(found("no-affine", "the header says that its directions are not set"))
        array = voxels_of(image, time if len(image.shape) > NDIM else None)
        file.read(REST_BYTES)  # gzip verifies its checksum at the end
        frame = frames.from_ras_affine(image.affine)
    told = [*told, *check_frame(frame)]
    return Volume(
        array=array,
        frame=frame,
        source=path,
        files=(path,),
        notes=tuple(d.line for d in told),
        diagnostics=tuple(told),
    )
