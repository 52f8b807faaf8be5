"""Write a label map on the grid of its source, and what is known of the run beside it."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import OutputError
from sam_common.files import atomic_output, check_output
from sam_med import frame as frames

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from sam_med.labels import LabelMap
    from sam_med.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
"""Formats of a label map; all of them hold origin, spacing and direction."""
FORM_CODES = (252, struct.Struct("=hh"))
"""Offset and type of `qform_code` and `sform_code` in a NIfTI-1 header."""
SCANNER = 1
"""NIfTI code of an affine that leads to scanner coordinates."""
GZIP_LEVEL = 6


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` unless a label map and its manifest could be written; before the work.

    Raises:
        OutputError: Unknown format, existing files without `overwrite`, or a folder that is
            missing or cannot be written to.
    """
    _suffix(path)
    check_output(path, overwrite=overwrite)
    check_output(manifest_path(path), overwrite=overwrite)


def manifest_path(path: Path) -> Path:
    """Where the manifest of a label map lies.

    >>> from pathlib import Path
    >>> manifest_path(Path("organs.nii.gz")).name
    'organs.job.json'
    """
    return path.with_name(path.name[: -len(_suffix(path))] + ".job.json")


def write_labels(labels: LabelMap, volume: Volume, path: str | os.PathLike[str]) -> None:
    """Write a label map with exactly the origin, spacing and direction of the volume.

    NIfTI gets both sform and qform, with the code of the source where it had one. The same input
    gives the same bytes. The file appears whole or not at all.

    Raises:
        OutputError: Unknown format, or the disk does not take it.
    """
    path = Path(path)
    suffix = _suffix(path)
    image = sitk.GetImageFromArray(labels.array)
    origin, spacing, direction = frames.to_itk(volume.frame)
    image.SetOrigin(origin)
    image.SetSpacing(spacing)
    image.SetDirection(direction)
    try:
        with atomic_output(path) as part:
            if suffix in {".nii", ".nii.gz"}:
                _write_nifti(image, part, _form_code(volume.header))
            else:
                sitk.WriteImage(image, str(part), useCompression=True)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    """Write the manifest of the label map at `path`, see `manifest_path`."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_output(manifest_path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for suffix in SUFFIXES:
        if name.endswith(suffix) and not name.endswith(".seg.nrrd"):
            return suffix
    raise OutputError(f"unknown format for a label map: {path.name} (known: {', '.join(SUFFIXES)})")


def _form_code(header: Mapping[str, str]) -> int:
    """Which space the affine leads to: the source's sform, else its qform, else the scanner."""
    codes = (int(header.get(key, "0")) for key in ("sform_code", "qform_code"))
    return next((code for code in codes if code > 0), SCANNER)


def _write_nifti(image: Any, part: Path, code: int) -> None:
    """SimpleITK sets both affines but always says "scanner", so the two codes are set after it."""
    plain = part.with_suffix("") if part.suffix.lower() == ".gz" else part
    try:
        sitk.WriteImage(image, str(plain))
        offset, codes = FORM_CODES
        with plain.open("r+b") as file:
            file.seek(offset)
            file.write(codes.pack(code, code))
        if plain != part:
            _compress(plain, part)
    finally:
        if plain != part:
            plain.unlink(missing_ok=True)


def _compress(plain: Path, part: Path) -> None:
    # no file name and no time in the header: the same voxels give the same bytes
    with (
        plain.open("rb") as source,
        part.open("wb") as target,
        gzip.GzipFile("", "wb", GZIP_LEVEL, target, mtime=0) as packed,
    ):
        shutil.copyfileobj(source, packed)
