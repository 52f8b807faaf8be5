"""Output paths: which files a run writes for the formats asked for, checked before the work.

```
-o organs.nii.gz                        organs.nii.gz
-o organs.seg.nrrd                      organs.seg.nrrd
-o organs.dcm                           organs.dcm, a DICOM SEG
-o organs -ot nifti dicom_seg           organs.nii.gz, organs.seg.dcm
-o out/ -ot dicom_seg dicom_rtstruct    out/segmentation.seg.dcm, out/segmentation.rtstruct.dcm
-o organs -ot dicom_seg dicom_sr        organs.seg.dcm, organs.sr.dcm with its measurements
```
The manifest, organs.job.json, lies beside them.
"""

from __future__ import annotations

import json
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import check_no_address, check_output, same_file
from sam_med.files.grid_files import GRID_SUFFIXES, check_perpendicular
from sam_med.series.tree import DICOMDIR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sam_med.geometry.volume import Volume

FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nifti": (".nii.gz", ".nii"),
        "nrrd": (".nrrd",),
        "seg.nrrd": (".seg.nrrd",),
        "dicom_seg": (".seg.dcm", ".dcm"),
        "dicom_rtstruct": (".rtstruct.dcm", ".dcm"),
        "dicom_sr": (".sr.dcm", ".dcm"),
        "mha": (".mha",),
        "npz": (".npz",),
    }
)
"""Names of formats, as TotalSegmentator has them, with their suffixes; a file without a suffix gets
the first one."""
LABEL_MAPS = ("nifti", "nrrd", "mha", "npz")
"""Formats with one value for each voxel, so that of two overlapping objects one is kept."""
DICOM = ("dicom_seg", "dicom_rtstruct", "dicom_sr")
SEG, REPORT = "dicom_seg", "dicom_sr"
WITHOUT_SEG = (
    "dicom_sr measures the DICOM SEG of the same run: ask for dicom_seg too (-ot dicom_seg -ot "
    "dicom_sr), or measure a SEG that is there with `sam-med stats`"
)
CONTOURS = ("dicom_rtstruct", "dicom_sr")
"""Formats with coordinates in mm, which images without a place in the patient cannot give."""
RECORD = ".job.json"
"""Suffix of manifests."""
STEM = "segmentation"
"""Stem of the files that are written into a folder."""
_BY_SUFFIX = {
    ".seg.nrrd": "seg.nrrd",
    ".rtstruct.dcm": "dicom_rtstruct",
    ".sr.dcm": "dicom_sr",
    ".nii.gz": "nifti",
    ".nii": "nifti",
    ".nrrd": "nrrd",
    ".mha": "mha",
    ".npz": "npz",
    ".seg.dcm": "dicom_seg",
    ".dcm": "dicom_seg",
}
"""Suffix to the format that it stands for, longer suffixes before their endings."""


def plan_targets(output: Path, formats: Sequence[str] = ()) -> dict[str, Path]:
    """The file of each format, in the order asked for.

    Args:
        output: A file, a stem to which suffixes are added, or a folder that exists.
        formats: Names in `FORMATS`; none for the format of the suffix of `output`.

    Raises:
        OutputError: An unknown format or suffix, or a suffix that the one format does not have.
    """
    check_no_address(output)
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise OutputError(f"unknown format: {', '.join(unknown)} (known: {', '.join(FORMATS)})")
    suffix = suffix_of(output)
    if REPORT in formats and SEG not in formats:
        raise OutputError(WITHOUT_SEG)
    if not formats:
        if suffix is None:
            known = ", ".join(_BY_SUFFIX)
            raise OutputError(
                f"unknown format for a segmentation: {output.name} (known suffixes: {known}; or "
                f"name formats: {', '.join(FORMATS)})"
            )
        if _BY_SUFFIX[suffix] == REPORT:
            raise OutputError(WITHOUT_SEG)
        return {_BY_SUFFIX[suffix]: output}
    if len(formats) == 1 and suffix is not None:
        if not output.name.lower().endswith(FORMATS[formats[0]]):
            raise OutputError(
                f"{output.name} does not have the suffix of {formats[0]}: "
                f"{' or '.join(FORMATS[formats[0]])}"
            )
        return {formats[0]: output}
    base = output / STEM if output.is_dir() else output.with_name(stem_of(output))
    return {name: base.with_name(base.name + FORMATS[name][0]) for name in formats}


def check_targets(
    output: Path,
    formats: Sequence[str] = (),
    *,
    overwrite: bool,
    volume: Volume | None = None,
    others: Sequence[Path] = (),
    inputs: Sequence[Path] = (),
) -> dict[str, Path]:
    """The files of `plan_targets`, after a check that they and the manifest can be written.

    Args:
        output: See `plan_targets`.
        formats: See `plan_targets`.
        overwrite: Whether existing files may be replaced.
        volume: The source, where it has been read: nothing is written over it or into its folder,
            and formats that cannot hold its grid, or that refer to images without positions or
            identifiers, are refused.
        others: Further files that the run writes: pictures, tables.
        inputs: Files and folders that the run reads, which are never written over.

    Returns:
        The file of each format, in the order asked for.

    Raises:
        OutputError: See `plan_targets` and `check_writable`; also where two outputs are one file,
            or a format cannot hold the volume.
    """
    targets = plan_targets(output, formats)
    written = [*targets.values(), manifest_path(*targets.values()), *others]
    for one, two in combinations(written, 2):
        if same_file(one, two):
            raise OutputError(f"two outputs are one file: {one} and {two}")
    for path in written:
        check_writable(path, volume, inputs, overwrite=overwrite)
    if volume is not None:
        for name, path in targets.items():
            _check_holds(name, path, volume)
    return targets


def check_writable(
    path: Path, volume: Volume | None, inputs: Iterable[Path] = (), *, overwrite: bool
) -> None:
    """Raise `OutputError` where a file would lie over an input, exists, or cannot be made.

    Args:
        path: The file to be written.
        volume: The source, where it has been read.
        inputs: Further files and folders that the run reads.
        overwrite: Whether an existing file may be replaced.
    """
    if volume is not None:
        check_apart(path, volume)
    _check_not_read(path, inputs)
    check_output(path, overwrite=overwrite)


def check_apart(path: Path, volume: Volume) -> None:
    """Raise `OutputError` where a result would lie over the source volume or in its folder.

    A folder that is linked into the folder of the source is a part of it.
    """
    if volume.source is None:
        _check_not_read(path, volume.files)
        return
    top = _folder_of(volume.source)
    inside = {folder for file in volume.files for folder in file.parents if top in folder.parents}
    _check_not_read(path, (volume.source, *sorted(inside), *volume.files))


def _check_not_read(path: Path, inputs: Iterable[Path]) -> None:
    """Raise `OutputError` where an output is one of some inputs, or lies in an input folder.

    Links are followed, and letter case makes no difference. The message names no path, because the
    path of an input may tell who the patient is.
    """
    for given in inputs:
        if same_file(path, given):
            raise OutputError(
                "the output is an input: give another name (what a job reads is never written over)"
            )
        folder = _folder_of(given)
        if folder.is_dir() and folder.resolve() in path.resolve().parents:
            raise OutputError(
                "the output lies in the folder of the input: choose another one (the folder is "
                "read as a whole, and the result would be taken for a part of it)"
            )


def _folder_of(source: Path) -> Path:
    """The file or folder that is read for a source: for a DICOMDIR, the folder that it lies in."""
    return source.parent if source.name.upper() == DICOMDIR and source.is_file() else source


def suffix_of(path: Path) -> str | None:
    """The suffix of a known format, in small letters; None for a name without one."""
    name = path.name.lower()
    return next((suffix for suffix in _BY_SUFFIX if name.endswith(suffix)), None)


def stem_of(path: Path) -> str:
    """The name of a file without the suffix of its format.

    >>> from pathlib import Path
    >>> stem_of(Path("out/organs.seg.nrrd")), stem_of(Path("case.1"))
    ('organs', 'case.1')
    """
    return path.name[: len(path.name) - len(suffix_of(path) or "")]


def manifest_path(output: Path, *more: Path) -> Path:
    """The manifest of a run: named by the stem of its results, or by the whole name of the first.

    The whole name is used where a result of another run, finished or not, has the same stem, unless
    the manifest named by the stem already belongs to these results.

    Args:
        output: The first result of the run.
        more: Its other results.

    >>> from pathlib import Path
    >>> manifest_path(Path("organs.nii.gz")).name
    'organs.job.json'
    """
    short = output.with_name(f"{stem_of(output)}{RECORD}")
    own = {path.name for path in (output, *more)}
    if _written(short) <= own and short.is_file():
        return short
    whole = output.with_name(f"{output.name}{RECORD}")
    return whole if _has_siblings(output, own) else short


def _written(record: Path) -> set[str]:
    """Names of the results that a manifest lists; one empty name where it cannot be read."""
    try:
        return set(json.loads(record.read_text(encoding="utf-8"))["written"])
    except (OSError, ValueError, TypeError, KeyError):
        return {""}


def _has_siblings(output: Path, own: set[str]) -> bool:
    """Whether results of other runs, or their locks, have the stem of an output."""
    try:
        names = {entry.name.casefold() for entry in output.parent.iterdir()}
    except OSError:
        return False
    stem = stem_of(output).casefold()
    others = {f"{stem}{suffix}" for suffix in _BY_SUFFIX} - {name.casefold() for name in own}
    return any(name in names or f".{name}.lock" in names for name in others)


def _check_holds(name: str, path: Path, volume: Volume) -> None:
    """Raise `OutputError` where a format cannot hold the grid, or needs DICOM images."""
    if name == "mha":
        check_perpendicular(volume.frame, path)
    plain = volume.files and volume.files[0].name.lower().endswith(GRID_SUFFIXES)
    if name in DICOM and (not volume.files or plain):
        raise OutputError(
            f"cannot write {name}: it refers to DICOM images, and the input is none (give the "
            "DICOM series as input, or choose nifti, nrrd, seg.nrrd, mha or npz)"
        )
    if name in DICOM:
        from sam_med.derived_objects.referenced_images import check_places, read_source_images  # noqa: PLC0415  # for DICOM

        check_places(read_source_images(volume, name), name, contours=name in CONTOURS)
