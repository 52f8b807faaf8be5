"""The one way in: a path to a volume file or to DICOM becomes a `Volume`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.files import check_input
from sam_med.formats.suffixes import ITK_SUFFIXES, MGH_SUFFIXES, is_volume_file
from sam_med.geometry.volume import UNSPECIFIED
from sam_med.series import fill

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

    What is unambiguous is read exactly, and `Volume.diagnostics` says what is unusual about it.
    What is ambiguous is refused with the list of choices.

    Args:
        path: The file or folder.
        modality: Overrides what the file says, e.g. "CT" or "MR". Values of what is called CT
            here are HU, unless the file is of a CT and states another unit.
        series: Of DICOM: number from 1 in the list of `sam_med.find_series`, which
            `sam-med info` shows, or a SeriesInstanceUID.
        time: Number of the time point of a 4-D input (or of the layer of a .seg.nrrd), from 1.
        join_series: Of DICOM: read slices that differ in their series or frame of reference only
            as one series, see `sam_med.series.find.scan`.

    Raises:
        InputError: No such file, an unknown format, not three dimensions, no DICOM images, no
            such series or time point, or pixels that cannot be decoded.
        RefusedError: A choice is missing, or the input is damaged; its `diagnostics` say why.
    """
    source = Path(path)
    check_input(source)
    volume = fill.told(_read(source, series, time, join_series=join_series))
    return volume if modality is None else _as_modality(volume, modality.upper())


def _as_modality(volume: Volume, modality: str) -> Volume:
    """As the user says; CT is then in HU, unless the file of a CT states another unit."""
    stated = volume.units if volume.modality == modality else None
    units = None if stated == UNSPECIFIED else stated
    if modality != "CT":
        units = volume.units
    return dataclasses.replace(volume, modality=modality, units=units)


def _read(source: Path, series: int | str | None, time: int | None, *, join_series: bool) -> Volume:
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
