"""Reading of any input: a path to a volume file or to DICOM becomes a `Volume`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.files import check_input
from sam_med.formats.suffixes import ITK_SUFFIXES, MGH_SUFFIXES, is_volume_file
from sam_med.geometry.volume import UNSPECIFIED
from sam_med.series import fill_value

if TYPE_CHECKING:
    import os

    from sam_med.geometry.volume import Volume


def read_volume(
    path: str | os.PathLike[str],
    *,
    modality: str | None = None,
    series: int | str | None = None,
    time: int | None = None,
    join_series: bool = False,
) -> Volume:
    """Read a volume file, or one series of a DICOM file, folder, zip archive or DICOMDIR.

    Voxels and their places are those of the file; `Volume.diagnostics` holds what is unusual. Where
    there are several series or time points and no choice, the error lists what there is.

    Args:
        path: The file or folder.
        modality: Replaces the modality of the file, e.g. "CT" or "MR". With "CT", values are taken
            as HU, unless the file is a CT that states another unit.
        series: For DICOM, the number from 1 in the list of `sam_med.find_series`, which
            `sam-med info` shows, or a SeriesInstanceUID.
        time: Number of the time point of a 4-D input (or of the layer of a .seg.nrrd), from 1.
        join_series: For DICOM, join slices that differ in their series or frame of reference only,
            see `sam_med.series.find.scan`.

    Returns:
        The volume, with voxels (k, j, i) as stored or rescaled and their frame to LPS mm.

    Raises:
        InputError: There is no such file, series or time point, the format is unknown, the image is
            not three-dimensional, or there are no DICOM images.
        RefusedError: A choice is missing, or the input is damaged; `diagnostics` of the exception
            says why.
    """
    source = Path(path)
    check_input(source)
    volume = fill_value.with_fill_diagnostic(_read(source, series, time, join_series=join_series))
    return volume if modality is None else _as_modality(volume, modality.upper())


def _as_modality(volume: Volume, modality: str) -> Volume:
    """The volume with another modality; values of CT become HU, see `read_volume`."""
    stated = volume.units if volume.modality == modality else None
    units = None if stated == UNSPECIFIED else stated
    if modality != "CT":
        units = volume.units
    return dataclasses.replace(volume, modality=modality, units=units)


def _read(source: Path, series: int | str | None, time: int | None, *, join_series: bool) -> Volume:
    """Read a path by the reader of its format."""
    # each format's library is imported only where it is needed
    name = source.name.lower()
    if not is_volume_file(source):
        from sam_med.series.read import read_series  # noqa: PLC0415

        return read_series(source, series=series, time=time, join_series=join_series)
    if series is not None and str(series) != "1":
        raise InputError(f"no series {series}: a volume file holds one")
    if name.endswith(ITK_SUFFIXES):
        from sam_med.files.itk_image import read_itk_image  # noqa: PLC0415

        return read_itk_image(source, time=time)
    if name.endswith(MGH_SUFFIXES):
        from sam_med.files.mgh import read_mgh  # noqa: PLC0415

        return read_mgh(source, time=time)
    from sam_med.files.nifti import read_nifti  # noqa: PLC0415

    return read_nifti(source, time=time)
