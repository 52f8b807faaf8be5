"""The one way in: a path to a volume file or a folder of DICOM becomes a `Volume`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.files import check_input

if TYPE_CHECKING:
    import os

    from sam_med.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
"""Volume files that are read; everything else is a folder of DICOM."""
DICOM_MAGIC = (128, b"DICM")
"""Offset and value of the mark of a DICOM file (PS3.10, 7.1)."""


def read_volume(path: str | os.PathLike[str], *, modality: str | None = None) -> Volume:
    """Read a NIfTI, NRRD or MetaImage file, or a folder that holds one classic DICOM series.

    Args:
        path: The file or folder.
        modality: Overrides what the file says, e.g. "CT" or "MR".

    Raises:
        InputError: No such file, an unknown format, not exactly three dimensions, no DICOM in
            the folder, several series, or pixels that cannot be decoded.
        GeometryError: DICOM slices that do not form a regular grid.
    """
    source = Path(path)
    check_input(source)
    if source.is_dir():
        from sam_med.dicom import read_series  # noqa: PLC0415  # pydicom only where it is needed

        volume = read_series(source)
    else:
        _check_format(source)
        from sam_med.nifti import read_image  # noqa: PLC0415  # the same for SimpleITK

        volume = read_image(source)
    if modality is not None:
        volume = dataclasses.replace(volume, modality=modality.upper())
    return volume


def _check_format(path: Path) -> None:
    if path.name.lower().endswith(SUFFIXES):
        return
    if _is_dicom(path):
        raise InputError(
            f"a single DICOM file is not a volume: {path} (give the folder that holds its series)"
        )
    raise InputError(
        f"unknown volume format: {path} (known: {', '.join(SUFFIXES)}, or a folder of DICOM)"
    )


def _is_dicom(path: Path) -> bool:
    offset, magic = DICOM_MAGIC
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(len(magic)) == magic
