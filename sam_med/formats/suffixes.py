"""Suffixes of volume files: what is read by its name, in which files, and what is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NIFTI_SUFFIXES = (".nii.gz", ".nii")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
MGH_SUFFIXES = (".mgz", ".mgh")
SUFFIXES = (*NIFTI_SUFFIXES, *ITK_SUFFIXES, *MGH_SUFFIXES)
"""Suffixes of the volume files that are read; other paths are DICOM, or one of `PAIRS`."""
PAIRS = {".hdr": ".img", ".img": ".hdr", ".hdr.gz": ".img.gz", ".img.gz": ".hdr.gz"}
"""Suffixes of NIfTI in two files; either one is given, and the other one lies beside it."""
ANALYZE_BYTES = 348
"""Size of the header of Analyze and NIfTI-1, which is the first number in it."""

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
    (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"): "the file is a picture, which does not say "
    "where the patient is: give the scan that it was made of; sam-geo segments pictures",
    (".npy", ".npz"): "the file is an array without a place: give the scan, or open the array in "
    "Python with a frame",
}
"""Suffixes of files that are not read, and the advice that the error gives."""


def is_volume_file(path: Path) -> bool:
    """Whether a path is a volume file and not DICOM, judged by its name.

    `.img` is also common for DICOM files: such a file is NIfTI only where its `.hdr` lies beside.
    """
    if not path.is_file():
        return False
    return path.name.lower().endswith(SUFFIXES) or pair_of(path) is not None


def pair_of(path: Path) -> Path | None:
    """The other file of a NIfTI pair; None where the path is none of a pair, or is alone."""
    for suffix, other in PAIRS.items():
        if path.name.lower().endswith(suffix):
            stem = path.name[: -len(suffix)]
            beside = (path.with_name(stem + name) for name in (other, other.upper()))
            return next((file for file in beside if file.is_file()), None)
    return None


def files_of(path: Path) -> tuple[Path, ...]:
    """A volume file and the files beside it that hold its voxels or its header.

    Raises:
        OSError: The header cannot be read.
    """
    if path.name.lower().endswith(ITK_SUFFIXES):
        from sam_med.formats.text_header import data_files  # noqa: PLC0415  # only for such files

        return (path, *data_files(path))
    other = pair_of(path)
    return (path,) if other is None else tuple(sorted((path, other)))


def reading_advice(source: Path, names: Iterable[str] = ()) -> str:
    """Advice for an error about a path that holds no DICOM; empty where its kind is unknown.

    Args:
        source: A file, folder or archive.
        names: Names of the files in the folder or archive.
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
    """Whether a file starts with the size of an Analyze or NIfTI-1 header, in any byte order."""
    with source.open("rb") as file:
        head = file.read(4)
    return ANALYZE_BYTES in {int.from_bytes(head, "little"), int.from_bytes(head, "big")}
