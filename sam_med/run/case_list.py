"""Lists of cases: the volumes that a batch is to segment, as CSV or JSON.

```
name,input,prompts,output,preset          a row for each case; paths start from the list's folder
c01,scans/a.nii.gz,a.json,out/a.nii.gz,   further columns are options of the case
c02,scans/b,b.mrk.json,out/b.nii.gz,lung
```
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_med.prompts.json_fields import parse_json, read_table, read_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

LIST = "the list of cases"
REQUIRED = ("input", "output")
COLUMNS = ("name", *REQUIRED, "prompts")
OPTIONS = (
    "series",
    "join_series",
    "time",
    "modality",
    "preset",
    "window",
    "level",
    "method",
    "labels_as",
    "seg_type",
    "overwrite_labels",
)
"""Further columns: options of `sam-med segment`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One volume to segment, with its prompts and options."""

    name: str
    """Name in the summary: as given, else "case 1" and so on; never a file's name."""
    input: Path
    output: Path
    prompts: Path | None = None
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Columns of `OPTIONS` that are not empty, by name."""

    @property
    def roles(self) -> dict[Path, str]:
        """The words that stand for its paths in messages."""
        roles = {self.input: "the input", self.output: "the output"}
        if self.prompts is not None:
            roles[self.prompts] = "the prompts"
        return roles


def read_cases(path: Path, *, options: Collection[str] = OPTIONS) -> list[Case]:
    """The cases of a list: CSV with a header, or JSON (a list of objects).

    Args:
        path: The list; relative paths in it start from its folder.
        options: Names of columns that a case may have beside `COLUMNS`.

    Raises:
        InputError: The list cannot be read, has no cases, an unknown column or a case without
            input or output, or two cases have one name or write one output.
    """
    rows = _read_json(path) if path.suffix.lower() == ".json" else _read_csv(path)
    return cases_of(rows, path.parent, options=options)


def cases_of(
    rows: Sequence[Mapping[str, Any]], folder: Path, *, options: Collection[str]
) -> list[Case]:
    """The cases of the rows of a list: of a file, or of a request to the server.

    Args:
        rows: Cells by the names of their columns; an empty cell counts as missing.
        folder: Where relative paths start.
        options: Names of columns that a case may have beside `COLUMNS`.

    Raises:
        InputError: As for `read_cases`.
    """
    if not rows:
        raise InputError("the list has no cases")
    cases = [_case(row, n, folder, options) for n, row in enumerate(rows, start=1)]
    for what, known in (
        ("name", [case.name for case in cases]),
        ("output", [_place_of(case.output) for case in cases]),
    ):
        seen: dict[str, int] = {}
        for n, one in enumerate(known, start=1):
            first = seen.setdefault(one, n)
            if first != n:
                same = f"{what} {one!r:.60}" if what == "name" else what
                raise InputError(f"cases {first} and {n} of the list have the same {same}")
    return cases


def _place_of(path: Path) -> str:
    """A path as text, equal for two spellings of one place, also where letter case is ignored."""
    return os.path.normcase(path.resolve())


def _case(row: Mapping[str, Any], number: int, folder: Path, options: Collection[str]) -> Case:
    """The case of one row of a list."""
    place = f"case {number} of the list"
    cells = {key: value for key, value in row.items() if value not in (None, "")}
    for key, value in cells.items():
        if key not in COLUMNS and key not in options:
            known = ", ".join((*COLUMNS, *options))
            raise InputError(f"{place} has an unknown column {key!r:.60} (known: {known})")
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
    """The rows of a list in CSV, whose header has all `REQUIRED` columns."""
    columns, rows = read_table(read_text(path, LIST), LIST)
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise InputError(
            f"the list needs the columns {', '.join(REQUIRED)}, got {', '.join(columns) or 'none'}"
        )
    return [dict(row) for row in rows]


def _read_json(path: Path) -> list[dict[str, Any]]:
    """The rows of a list in JSON."""
    record = parse_json(read_text(path, LIST), LIST)
    if not isinstance(record, list) or not all(isinstance(row, dict) for row in record):
        raise InputError("the list must be a JSON list of objects, one a case")
    return record
