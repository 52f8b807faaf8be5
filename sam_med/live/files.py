"""Files of live volumes: those that the server may open are held, and then read."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError, SuiteError
from sam_common.frame import Frame
from sam_med.dicom import progress
from sam_med.files.read import read_volume
from sam_med.formats.suffixes import is_volume_file
from sam_med.geometry.volume import Volume
from sam_med.live.headers import META_SUFFIXES, NRRD_SUFFIXES, hold_header
from sam_med.series import zip_input
from sam_med.series.tree import DICOMDIR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
"""Errors that damaged files raise in the libraries that read them."""
KIND = re.compile(r"(?i)(\.(nii|hdr|img|dcm|mgh)\.gz|\.(seg\.nrrd|mrk\.json)|\.\w{1,8}|)$")
"""The end of a file's name, by which readers tell formats apart."""
PAIRS = {".hdr": ".img", ".img": ".hdr"}
"""Suffixes of NIfTI in two files: a reader finds one file by the name of the other."""


def hold(path: Path, held: Held, stem: str) -> Path:
    """Hold a volume or a file of prompts; gives the path under which it is to be read.

    Args:
        path: The real path of a file or folder.
        held: Opens the files that may be read, in a private folder.
        stem: Begins the names in that folder.

    Raises:
        InputError: The file is a header that cannot be read.
        RefusedPathError: One of the files may not be read.
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


@contextmanager
def heard(context: Context, path: Path) -> Iterator[None]:
    """While the block runs, tell the context's reporter of each file that is read.

    Args:
        context: Its reporter hears twice of each file of DICOM, or nothing where there is none.
        path: The path that `hold` gave.
    """
    if (reporter := context.reporter) is None:
        yield
        return
    files = zip_input.count_in(path) if path.is_file() else context.held.count(path)
    # once for the headers, once for the pixels
    reporter.begin("files", 2 * files)
    with progress.listening(reporter.step):
        yield


def read(request: Mapping[str, Any], path: Path, context: Context) -> Volume:
    """The volume that a client asks for, from a held file or from an uploaded array.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenVolume`.
        path: The uploaded .npy file, or the path that `hold` gave.
        context: The held files of the server.

    Raises:
        InputError: An array is given without its frame; a damaged file raises any of `READ_ERRORS`.
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
    """The volume of an uploaded array, and of its affine from (i, j, k) to LPS mm."""
    affine = None if frame is None else np.asarray(frame["affine"], dtype=np.float64)
    if affine is None or affine.shape != (4, 4):
        raise InputError("an uploaded volume needs its frame: a 4x4 affine from ijk to LPS mm")
    array = np.load(path, allow_pickle=False)
    name = None if modality is None else modality.upper()
    return Volume(array, Frame.from_array(affine[:, [2, 1, 0, 3]]), modality=name)


def _kind(path: Path) -> str:
    """The suffix of a file, with those before it that belong to it, in small letters."""
    found = KIND.search(path.name)
    return "" if found is None else found[0].lower()
