"""Text headers of NRRD and MetaImage files, field by field.

ITK reads the voxels and most of the header. It ignores units of length and some spaces, and does
not tell whether a field is there at all: for these, the header is read here.

```
NRRD         NRRD0004 / space: RAS / key:=value / (empty line) / voxels, or data file: NAME
MetaImage    ObjectType = Image / ... / ElementDataFile = LOCAL / voxels
```
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 64 * 2**20
"""Longest header that is read; descriptions of many segments take a few hundred KB."""
NRRD_SUFFIXES = (".nrrd", ".nhdr")
META_SUFFIXES = (".mha", ".mhd")
DATA_FIELDS = ("datafile", "elementdatafile")
"""Names of the field that says where the voxels are, in NRRD and in MetaImage."""
LOCAL = "local"
"""Value of ElementDataFile for voxels in the file of the header."""
LISTED = "list"
"""First word of the field where the file names follow, one on each line."""
MOST_FILES = 100_000
"""Largest number of files of a numbered pattern, against damaged headers."""


def header_fields(path: Path) -> dict[str, str]:
    """The fields of a NRRD or MetaImage header: values as written, by simplified names.

    Names are in lower case and without blanks ("spaceunits" for "space units"), because NRRD allows
    several spellings. Key/value pairs of NRRD (`key:=value`) are left out.

    Raises:
        OSError: The file cannot be read.
    """
    return dict(_fields(_lines(path), path))


def field_names(path: Path) -> set[str]:
    """The names of the fields of a header, exactly as written.

    Raises:
        OSError: The file cannot be read.
    """
    return {name for name, _, _ in _written(_lines(path), path)}


def data_files(path: Path) -> tuple[Path, ...]:
    """The existing files beside a header that hold its voxels, in the order of the header.

    Empty where the voxels are in the file of the header.

    Raises:
        OSError: The file cannot be read.
    """
    lines = _lines(path)
    fields = dict(_fields(lines, path))
    named = next((fields[name] for name in DATA_FIELDS if fields.get(name)), "")
    if not named or named.lower() == LOCAL:
        return ()
    if named.split()[0].lower() == LISTED:
        names = [line.strip() for line in _rest(path, lines)]
    else:
        names = _numbered(named)
    return tuple(file for name in names if name and (file := path.parent / name).is_file())


def quoted_strings(text: str) -> list[str]:
    """The strings of a field that lists strings in quotation marks.

    >>> quoted_strings('"mm" "mm" ""')
    ['mm', 'mm', '']
    """
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def _fields(lines: Iterator[str], path: Path) -> Iterator[tuple[str, str]]:
    """The simplified name, as in `header_fields`, and the value of each field."""
    return ((key, value) for _, key, value in _written(lines, path))


def _written(lines: Iterator[str], path: Path) -> Iterator[tuple[str, str, str]]:
    """Name as written, simplified name and value of each field, up to the end of the header."""
    separator = ":" if path.name.lower().endswith(NRRD_SUFFIXES) else "="
    for line in lines:
        if not line.strip():
            return
        name, found, value = line.partition(separator)
        key = "".join(name.lower().split())
        if not found or line.startswith("#") or (separator == ":" and value.startswith("=")):
            continue
        yield name.strip(), key, value.strip()
        if key == "elementdatafile":
            return


def _rest(path: Path, lines: Iterator[str]) -> Iterator[str]:
    """The lines of a list of files, which follows the data file field."""
    if path.name.lower().endswith(META_SUFFIXES):
        yield from lines
        return
    listed = False
    for line in _lines(path):
        if listed and ":" not in line:
            yield line
        listed = listed or line.lower().replace(" ", "").startswith("datafile:list")


def _numbered(named: str) -> list[str]:
    """File names of a field: one name, or those of a pattern like `slice%03d.raw 1 80 1`.

    The numbers after a pattern are the first, the last and the step.
    """
    pattern, *numbers = named.split()
    if not re.fullmatch(r"[^%]*%0?\d*d[^%]*", pattern) or len(numbers) < 2:  # noqa: PLR2004
        return [named]
    first, last, step = (int(number) for number in (*numbers, "1")[:3])
    return [pattern % n for n in range(first, last + 1, step or 1)][:MOST_FILES]


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, at most `MAX_BYTES` of them, without their ends."""
    left = MAX_BYTES
    with path.open("rb") as file:
        while left > 0 and (line := file.readline(left)):
            left -= len(line)
            yield line.decode("utf-8", "replace").rstrip("\r\n")
