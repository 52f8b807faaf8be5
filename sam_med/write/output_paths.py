"""Output paths: which files a run writes, by the formats asked for, checked before the work.

```
-o organs.nii.gz                        organs.nii.gz
-o organs.seg.nrrd                      organs.seg.nrrd
-o organs.dcm                           organs.dcm, a DICOM SEG
-o organs -ot nifti dicom_seg           organs.nii.gz, organs.seg.dcm
-o out/ -ot dicom_seg dicom_rtstruct    out/segmentation.seg.dcm, out/segmentation.rtstruct.dcm
```
Beside them lies the manifest, organs.job.json.
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
        "mha": (".mha",),
        "npz": (".npz",),
    }
)
"""Names of formats, as TotalSegmentator has them, and their suffixes; the first is given."""
LABEL_MAPS = ("nifti", "nrrd", "mha", "npz")
"""Formats that hold one value a voxel, so that the later of two overlapping objects is kept."""
DICOM = ("dicom_seg", "dicom_rtstruct")
RECORD = ".job.json"
"""Suffix of manifests."""
STEM = "segmentation"
"""Name of the files in a folder."""
_BY_SUFFIX = {
    ".seg.nrrd": "seg.nrrd",
    ".rtstruct.dcm": "dicom_rtstruct",
    ".nii.gz": "nifti",
    ".nii": "nifti",
    ".nrrd": "nrrd",
    ".mha": "mha",
    ".npz": "npz",
    ".seg.dcm": "dicom_seg",
    ".dcm": "dicom_seg",
}
"""Longer suffixes first."""


def plan_targets(output: Path, formats: Sequence[str] = ()) -> dict[str, Path]:
    """The file of each format, in the order asked for.

    Args:
        output: A file, a name to which suffixes are added, or a folder that exists.
        formats: Names in `FORMATS`; none for that of the file's suffix.

    Raises:
        OutputError: An unknown format or suffix, or a suffix that is not that of the one format.
    """
    check_no_address(output)
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise OutputError(f"unknown format: {', '.join(unknown)} (known: {', '.join(FORMATS)})")
    suffix = suffix_of(output)
    if not formats:
        if suffix is None:
            known = ", ".join(_BY_SUFFIX)
            raise OutputError(
                f"unknown format for a segmentation: {output.name} (known suffixes: {known}; or "
                f"name formats: {', '.join(FORMATS)})"
            )
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
    """`plan_targets`, and whether all of them and the manifest could be written.

    Args:
        output: See `plan_targets`.
        formats: See `plan_targets`.
        overwrite: Whether files that are there may be replaced.
        volume: The source, where it is known: nothing is written over it or into its folder, and
            formats that cannot hold its grid, or refer to images that do not say enough, are
            refused before the work.
        others: Further files that the run writes: pictures, tables.
        inputs: Files and folders that the run reads, which are never written over.

    Raises:
        OutputError: With the reason; also as `plan_targets` and `check_output`.
    """
    targets = plan_targets(output, formats)
    written = [*targets.values(), manifest_path(*targets.values()), *others]
    for one, two in combinations(written, 2):
        if same_file(one, two):
            raise OutputError(f"two outputs are one file: {one} and {two}")
    for path in written:
        if volume is not None:
            check_apart(path, volume)
        check_not_read(path, inputs)
        check_output(path, overwrite=overwrite)
    if volume is not None:
        for name, path in targets.items():
            _check_holds(name, path, volume)
    return targets


def check_apart(path: Path, volume: Volume) -> None:
    """Raise `OutputError` where a result would lie over the source or in its folder.

    A folder that is linked into that of the source is a part of it.
    """
    if volume.source is None:
        check_not_read(path, volume.files)
        return
    top = _folder_of(volume.source)
    inside = {folder for file in volume.files for folder in file.parents if top in folder.parents}
    check_not_read(path, (volume.source, *sorted(inside), *volume.files))


def check_not_read(path: Path, inputs: Iterable[Path]) -> None:
    """Raise `OutputError` where an output is one of some inputs, or lies in one that is a folder.

    Through whatever links, and whatever the letter case of the names. No path is named: that of an
    input may tell who the patient is.
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
    """What is read for a path: a DICOMDIR stands for the folder that it lies in."""
    return source.parent if source.name.upper() == DICOMDIR and source.is_file() else source


def suffix_of(path: Path) -> str | None:
    """The suffix of a format, in small letters; None for any other name."""
    name = path.name.lower()
    return next((suffix for suffix in _BY_SUFFIX if name.endswith(suffix)), None)


def stem_of(path: Path) -> str:
    """The name without the suffix of a format.

    >>> from pathlib import Path
    >>> stem_of(Path("out/organs.seg.nrrd")), stem_of(Path("case.1"))
    ('organs', 'case.1')
    """
    return path.name[: len(path.name) - len(suffix_of(path) or "")]


def manifest_path(output: Path, *more: Path) -> Path:
    """Where the manifest of a run's results lies: by their stem, or by the whole name of the first.

    The whole name is used where a result of another run has the same stem, finished or not, unless
    the manifest of the stem is that of these results already.

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
    """Names of the files that a manifest is about; that of no file where it does not say."""
    try:
        return set(json.loads(record.read_text(encoding="utf-8"))["written"])
    except (OSError, ValueError, TypeError, KeyError):
        return {""}


def _has_siblings(output: Path, own: set[str]) -> bool:
    """Whether files of other runs, or their locks, have the stem of an output."""
    try:
        names = {entry.name.casefold() for entry in output.parent.iterdir()}
    except OSError:
        return False
    stem = stem_of(output).casefold()
    others = {f"{stem}{suffix}" for suffix in _BY_SUFFIX} - {name.casefold() for name in own}
    return any(name in names or f".{name}.lock" in names for name in others)


def _check_holds(name: str, path: Path, volume: Volume) -> None:
    if name == "mha":
        check_perpendicular(volume.frame, path)
    plain = volume.files and volume.files[0].name.lower().endswith(GRID_SUFFIXES)
    if name in DICOM and (not volume.files or plain):
        raise OutputError(
            f"cannot write {name}: it refers to DICOM images, and the input is none (give the "
            "DICOM series as input, or choose nifti, nrrd, seg.nrrd, mha or npz)"
        )
    if name in DICOM:
        from sam_med.derived.referenced_images import check_places, read_source  # noqa: PLC0415  # for DICOM

        check_places(read_source(volume, name), name, contours=name == "dicom_rtstruct")
