"""Volumes that a server may open: those whose files lie in its folders, and uploaded arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError, SuiteError
from sam_common.frame import Frame
from sam_med.files.read import read_volume
from sam_med.formats.suffixes import is_volume_file
from sam_med.geometry.volume import Volume
from sam_med.live.headers import META_SUFFIXES, NRRD_SUFFIXES, hold_header
from sam_med.series.tree import DICOMDIR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.server.files.held import Held
    from sam_common.server.sessions.live_source import Context

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
KIND = re.compile(r"(?i)(\.(nii|hdr|img|dcm|mgh)\.gz|\.(seg\.nrrd|mrk\.json)|\.\w{1,8}|)$")
"""The end of a name, by which a reader tells formats apart."""
PAIRS = {".hdr": ".img", ".img": ".hdr"}
"""NIfTI in two files: one is found by the name of the other."""


def hold(path: Path, held: Held, stem: str) -> Path:
    """The path under which a volume, or a file of prompts, is read from here on.

    Args:
        path: As it resolves.
        held: Opens what may be read.
        stem: Of the names under which it is read.

    Raises:
        InputError: A header that is none.
        RefusedPathError: One of its files may not be read.
    """
    if path.name.upper() == DICOMDIR:
        return held.link(path.parent, stem)
    if path.is_dir():
        return held.link(path, stem)
    kind = _kind(path)
    if kind.endswith((*NRRD_SUFFIXES, *META_SUFFIXES)):
        return hold_header(path, stem + kind, held)
    for suffix, other in PAIRS.items():
        if kind.startswith(suffix):
            # whichever way the name of the other file is written
            wanted = path.name[: -len(kind)].lower() + kind.replace(suffix, other)
            for file in sorted(f for f in path.parent.iterdir() if f.name.lower() == wanted)[:1]:
                held.link(file, stem + kind.replace(suffix, other))
    return held.link(path, stem + kind)


def read(request: Mapping[str, Any], path: Path, context: Context) -> Volume:
    """The volume that a client asks for.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenVolume`.
        path: Of the uploaded array, or as `hold` gave it.
        context: What the server gives.

    Raises:
        InputError: It is an array without a frame; any of `READ_ERRORS` where it is damaged.
        RefusedPathError: A folder was changed while it was read.
    """
    if request.get("upload") is not None:
        return _uploaded(path, request.get("frame"), request.get("modality"))
    volume = read_volume(
        path,
        modality=request.get("modality"),
        series=request.get("series"),
        time=request.get("time"),
    )
    context.held.check()
    if is_volume_file(path):
        # the voxels are in memory; DICOM is read once more where results of its kind are written
        context.held.release()
    return volume


def _uploaded(path: Path, frame: Mapping[str, Any] | None, modality: str | None) -> Volume:
    affine = None if frame is None else np.asarray(frame["affine"], dtype=np.float64)
    if affine is None or affine.shape != (4, 4):
        raise InputError("an uploaded volume needs its frame: a 4x4 affine from ijk to LPS mm")
    array = np.load(path, allow_pickle=False)
    name = None if modality is None else modality.upper()
    return Volume(array, Frame.from_array(affine[:, [2, 1, 0, 3]]), modality=name)


def _kind(path: Path) -> str:
    found = KIND.search(path.name)
    return "" if found is None else found[0].lower()
