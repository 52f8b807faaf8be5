"""Write a label map on the grid of its source, and what is known of the run beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.errors import OutputError
from sam_common.files import atomic_output, check_output
from sam_med.grid_files import SCANNER, write_grid

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from sam_med.labels import LabelMap
    from sam_med.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
"""Formats of a label map; all of them hold origin, spacing and direction."""


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
    write_grid(labels.array, volume.frame, path, sform_code=_form_code(volume.header))


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
