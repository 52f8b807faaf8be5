"""Cases: the list of what a batch is to do, as CSV or JSON.

```
name,input,prompts,output,preset          a row for each case; paths start from the list's folder
c01,scans/a.nii.gz,a.json,out/a.nii.gz,   further columns are options of the case
c02,scans/b,b.mrk.json,out/b.nii.gz,lung
```
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

REQUIRED = ("input", "output")
COLUMNS = ("name", *REQUIRED, "prompts")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to segment."""

    name: str
    """What the summary calls it: as given, else "case 1" and so on; never a file's name."""
    input: Path
    output: Path
    prompts: Path | None = None
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The other columns of the list that are not empty."""


def read_cases(path: Path, *, options: Collection[str] = ()) -> list[Case]:
    """The cases of a list: CSV with a header, or JSON (a list of objects).

    Args:
        path: The list; paths in it start from its folder.
        options: Names of columns that a case may have beside its own.

    Raises:
        InputError: It cannot be read, has no cases, an unknown column or a case without input or
            output, or two cases have one name or write one output.
    """
    rows = _read_json(path) if path.suffix.lower() == ".json" else _read_csv(path)
    if not rows:
        raise InputError("the list has no cases")
    cases = [_case(row, n, path.parent, options) for n, row in enumerate(rows, start=1)]
    for what in ("name", "output"):
        seen: dict[Any, int] = {}
        for n, case in enumerate(cases, start=1):
            first = seen.setdefault(getattr(case, what), n)
            if first != n:
                raise InputError(f"cases {first} and {n} of the list have the same {what}")
    return cases


def _case(row: Mapping[str, Any], number: int, folder: Path, options: Collection[str]) -> Case:
    place = f"case {number} of the list"
    cells = {key: value for key, value in row.items() if value not in (None, "")}
    for key, value in cells.items():
        if key not in COLUMNS and key not in options:
            raise InputError(
                f"{place} has an unknown column {key!r} (known: {', '.join((*COLUMNS, *options))})"
            )
        if not isinstance(value, str):
            raise InputError(f"{key} of {place} must be a string, got {type(value).__name__}")
    for key in REQUIRED:
        if key not in cells:
            raise InputError(f"{place} has no {key}")
    return Case(
        name=cells.get("name", f"case {number}"),
        input=folder / cells["input"],
        output=folder / cells["output"],
        prompts=folder / cells["prompts"] if "prompts" in cells else None,
        options=MappingProxyType({key: cells[key] for key in sorted(cells) if key in options}),
    )


def _read_csv(path: Path) -> list[dict[str, Any]]:
    text = _text_of(path)
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"the list is no CSV: {error}") from error
    names = [(name or "").strip().lower() for name in reader.fieldnames or []]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InputError(
            f"the list needs the columns {', '.join(REQUIRED)}, got {', '.join(names) or 'none'}"
        )
    found = []
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise InputError(f"case {number} of the list has too few or too many cells")
        cells = (str(value).strip() for value in row.values())
        found.append(dict(zip(names, cells, strict=True)))
    return found


def _read_json(path: Path) -> list[dict[str, Any]]:
    try:
        record = json.loads(_text_of(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"the list is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    if not isinstance(record, list) or not all(isinstance(row, dict) for row in record):
        raise InputError("the list must be a JSON list of objects, one a case")
    return record


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError("no such file: the list of cases") from error
    except OSError as error:
        raise InputError(f"cannot read the list of cases: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError("the list of cases is no text in UTF-8") from error
