"""Volumes that a server may open: those whose files lie in its folders, and uploaded arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError, SuiteError
from sam_common.frame import Frame
from sam_med.source import read_volume
from sam_med.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.server.sources import Context

READ_ERRORS = (
    SuiteError,
    OSError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What damaged files raise in the libraries that read them."""
HEADER_BYTES = 1 << 16
"""Of a NRRD or MetaImage header that are looked at."""


def read(request: Mapping[str, Any], path: Path, context: Context) -> Volume:
    """The volume that a client asks for.

    Raises:
        InputError: It may not be opened, or is an array without a frame; any of `READ_ERRORS` where
            it is damaged.
    """
    if request.get("upload") is not None:
        return _uploaded(path, request.get("frame"), request.get("modality"))
    _check_header(path, context)
    volume = read_volume(
        path,
        modality=request.get("modality"),
        series=request.get("series"),
        time=request.get("time"),
    )
    if any(not context.is_allowed(file) for file in volume.files):
        raise InputError("the volume names a file outside the folders of this server")
    return volume


def _uploaded(path: Path, frame: Mapping[str, Any] | None, modality: str | None) -> Volume:
    affine = None if frame is None else np.asarray(frame["affine"], dtype=np.float64)
    if affine is None or affine.shape != (4, 4):
        raise InputError("an uploaded volume needs its frame: a 4x4 affine from ijk to LPS mm")
    array = np.load(path, allow_pickle=False)
    name = None if modality is None else modality.upper()
    return Volume(array, Frame.from_array(affine[:, [2, 1, 0, 3]]), modality=name)


def _check_header(path: Path, context: Context) -> None:
    """Raise `InputError` where a NRRD or MetaImage header names voxels that may not be read."""
    if not path.is_file() or path.suffix.lower() not in {".nrrd", ".nhdr", ".mha", ".mhd"}:
        return
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
    for line in header.replace(b"\r", b"").split(b"\n"):
        if not line.strip():
            return
        name, _, value = line.replace(b"=", b":", 1).partition(b":")
        if name.strip().lower().replace(b" ", b"") not in {b"datafile", b"elementdatafile"}:
            continue
        file = value.strip().decode("utf-8", "replace")
        if file.upper() == "LOCAL":
            return
        if not (path.parent / file).is_file() or not context.is_allowed(path.parent / file):
            raise InputError("the header names voxels in files that this server may not open")
