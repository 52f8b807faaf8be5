"""Example list: volumes with the segmentations that a network is taught by, as CSV or JSON.

```
name,input,labels,part,preset            a row for each volume; paths start from the list's folder
c01,scans/a.nii.gz,seg/a.nii.gz,,        part: learn, stop or judge; chosen where it is empty
c02,scans/b,seg/b.seg.nrrd,judge,lung    further columns say how the volume is read
```
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from sam_common.errors import InputError
from sam_common.training_data.examples import PARTS
from sam_med.prompts.json_fields import parse_json, read_table, read_text
from sam_med.run.case_list import OPTIONS, Case
from sam_med.run.request import read_options_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_common.training_data.examples import Part
    from sam_med.run.request import ReadOptions

LIST = "the list of examples"
REQUIRED = ("input", "labels")
READING = tuple(name for name in OPTIONS if name not in {"method", "labels_as"})
"""Columns that say how a volume is read, as in the list of a batch."""
COLUMNS = ("name", *REQUIRED, "part")


@dataclass(frozen=True, slots=True)
class TaughtVolume:
    """One volume of the list, with its segmentation."""

    name: str
    """As given, else "case 1" and so on; never a file's name."""
    input: Path
    """The volume, see `sam_med.read_volume`."""
    labels: Path
    """Its segmentation: a label map, .seg.nrrd, DICOM SEG or RTSTRUCT."""
    reading: ReadOptions
    """Which part of the input is read, and in which window."""
    part: Part | None = None
    """What it is for; None where that is chosen."""


def read_examples(path: Path) -> list[TaughtVolume]:
    """The volumes of a list: CSV with a header, or JSON (a list of objects).

    Raises:
        InputError: The list cannot be read, has no rows, an unknown column or part, a row without
            input or labels, two rows of one name, or a part for some rows only.
    """
    text = read_text(path, LIST)
    if path.suffix.lower() == ".json":
        rows = parse_json(text, LIST)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError("the list must be a JSON list of objects, one a volume")
    else:
        _, found = read_table(text, LIST)
        rows = [dict(row) for row in found]
    if not rows:
        raise InputError(f"{LIST} has no rows")
    volumes = [_volume(row, n, path.parent) for n, row in enumerate(rows, start=1)]
    names = [one.name for one in volumes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two rows of {LIST} have the name {twice[0]!r}")
    given = [one.part for one in volumes if one.part is not None]
    if given and len(given) != len(volumes):
        raise InputError(f"give a part for every row of {LIST}, or for none: {len(given)} have one")
    return volumes


def _volume(row: Mapping[str, Any], number: int, folder: Path) -> TaughtVolume:
    """The volume of one row."""
    place = f"row {number} of {LIST}"
    cells = {key: value for key, value in row.items() if value not in (None, "")}
    for key, value in cells.items():
        if key not in COLUMNS and key not in READING:
            known = ", ".join((*COLUMNS, *READING))
            raise InputError(f"{place} has an unknown column {key!r:.60} (known: {known})")
        if not isinstance(value, str):
            raise InputError(f"{key} of {place} must be a string, got {type(value).__name__}")
    for key in REQUIRED:
        if key not in cells:
            raise InputError(f"{place} has no {key}")
    part = cells.get("part")
    if part not in {None, *PARTS}:
        raise InputError(f"part of {place} must be one of {', '.join(PARTS)}, got {part!r}")
    name = cells.get("name", f"case {number}")
    options = MappingProxyType({key: cells[key] for key in cells if key in READING})
    case = Case(name, folder / cells["input"], Path(), options=options)
    return TaughtVolume(
        name,
        case.input,
        folder / cells["labels"],
        read_options_of(case),
        cast("Part | None", part),
    )
