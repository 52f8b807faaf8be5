"""The one way in: a path to a volume file or to DICOM becomes a `Volume`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.files import check_input
from sam_med import fill
from sam_med.volume import UNSPECIFIED

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from sam_med.volume import Volume

NIFTI_SUFFIXES = (".nii.gz", ".nii")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
MGH_SUFFIXES = (".mgz", ".mgh")
SUFFIXES = (*NIFTI_SUFFIXES, *ITK_SUFFIXES, *MGH_SUFFIXES)
"""Volume files that are read; everything else is DICOM, pairs of `PAIRS` aside."""
PAIRS = {".hdr": ".img", ".img": ".hdr", ".hdr.gz": ".img.gz", ".img.gz": ".hdr.gz"}
"""NIfTI in two files: either one is given, and the other lies beside it."""
ANALYZE_BYTES = 348
"""Size of the header of Analyze and NIfTI-1, which is also its first number."""

_PACKED = (".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgh")
NOT_READ = {
    tuple(f"{name}.gz" for name in _PACKED if name != ".nii"): "the file is packed as .gz: "
    "unpack it first, e.g. with gunzip",
    (".bz2",): "the file is packed as .bz2: unpack it first, e.g. with bunzip2",
    (".xz",): "the file is packed as .xz: unpack it first, e.g. with unxz",
    (".zst",): "the file is packed as .zst: unpack it first, e.g. with unzstd",
    (".7z", ".rar", ".tar", ".tar.gz", ".tgz"): "the file is an archive: unpack it first, and give "
    "the folder or file that was in it",
    (".mnc", ".mnc2"): "the file is MINC: convert it first, e.g. with mnc2nii",
    (".par", ".rec"): "the file is Philips PAR/REC: convert it first, e.g. with dcm2niix",
    (".head", ".brik", ".brik.gz"): "the file is AFNI: convert it first, e.g. with 3dAFNItoNIFTI",
    (".vti", ".vtk"): "the file is VTK, which does not say where the patient is: save it as .nrrd "
    "from the program that made it",
    (".npy", ".npz"): "the file is an array without a place: give the scan, or open the array in "
    "Python with a frame",
}
"""Endings of files that are often given and never read, and what to do instead."""


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
        series: Of DICOM: number from 1 in the list of `sam_med.scan.find_series`, which
            `sam-med info` shows, or a SeriesInstanceUID.
        time: Number of the time point of a 4-D input (or of the layer of a .seg.nrrd), from 1.
        join_series: Of DICOM: read slices that differ in their series or frame of reference only
            as one series, see `sam_med.scan.scan`.

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


def is_volume_file(path: Path) -> bool:
    """Whether a path is, by its name, a file of one volume and not DICOM.

    `.img` is a usual name of DICOM files as well: it is one of a pair where its `.hdr` is there.
    """
    if not path.is_file():
        return False
    return path.name.lower().endswith(SUFFIXES) or pair_of(path) is not None


def pair_of(path: Path) -> Path | None:
    """The other file of a NIfTI pair; None where there is none, or no such pair."""
    for suffix, other in PAIRS.items():
        if path.name.lower().endswith(suffix):
            stem = path.name[: -len(suffix)]
            beside = (path.with_name(stem + name) for name in (other, other.upper()))
            return next((file for file in beside if file.is_file()), None)
    return None


def files_of(path: Path) -> tuple[Path, ...]:
    """Every file that a volume file stands for: itself, and those that hold its voxels.

    Raises:
        OSError: Its header cannot be read.
    """
    if path.name.lower().endswith(ITK_SUFFIXES):
        from sam_med.text_header import data_files  # noqa: PLC0415  # only for such files

        return (path, *data_files(path))
    other = pair_of(path)
    return (path,) if other is None else tuple(sorted((path, other)))


def _read(source: Path, series: int | str | None, time: int | None, *, join_series: bool) -> Volume:
    # each format's library is imported only where it is needed
    name = source.name.lower()
    if not is_volume_file(source):
        from sam_med.dicom import read_series  # noqa: PLC0415

        return read_series(source, series=series, time=time, join_series=join_series)
    if series is not None and str(series) != "1":
        raise InputError(f"no series {series}: a volume file holds one")
    if name.endswith(ITK_SUFFIXES):
        from sam_med.itk_image import read_itk_image  # noqa: PLC0415

        return read_itk_image(source, time=time)
    if name.endswith(MGH_SUFFIXES):
        from sam_med.mgh import read_mgh  # noqa: PLC0415

        return read_mgh(source, time=time)
    from sam_med.nifti import read_nifti  # noqa: PLC0415

    return read_nifti(source, time=time)


def way_in(source: Path, names: Iterable[str] = ()) -> str:
    """What to do about a path that is no DICOM and yet of a known kind; empty where unknown.

    Args:
        source: A file, folder or archive.
        names: Of the files in it, where there are any.
    """
    name = source.name.lower()
    for suffixes, way in NOT_READ.items():
        if source.is_file() and name.endswith(suffixes):
            return f"{way} (read are DICOM and {', '.join(SUFFIXES)})"
    if source.is_file() and name.endswith(tuple(PAIRS)) and _starts_as_analyze(source):
        return "the file is half of a pair .hdr and .img, and the other half is not beside it"
    held = [suffix for suffix in SUFFIXES if any(n.lower().endswith(suffix) for n in names)]
    if not held:
        return ""
    kinds, way = ", ".join(held), "give one of them" if source.is_dir() else "unpack it first"
    return f"no DICOM in it, but volume files ({kinds}): {way}"


def _starts_as_analyze(source: Path) -> bool:
    with source.open("rb") as file:
        head = file.read(4)
    return ANALYZE_BYTES in {int.from_bytes(head, "little"), int.from_bytes(head, "big")}
