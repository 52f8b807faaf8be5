"""Text headers of NRRD and MetaImage files: what they say, field by field.

ITK reads the voxels and most of the header. What it leaves out is read here: units of length,
spaces that are not the patient's, and whether a field is there at all.

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
"""A header that is longer is none; descriptions of many segments take a few hundred KB."""
NRRD_SUFFIXES = (".nrrd", ".nhdr")
META_SUFFIXES = (".mha", ".mhd")
DATA_FIELDS = ("datafile", "elementdatafile")
HERE = "local"
"""MetaImage's word for voxels in the file itself."""
LISTED = "list"
"""First word where the files are named one a line."""
MOST_FILES = 100_000


def header_fields(path: Path) -> dict[str, str]:
    """Fields of a NRRD or MetaImage header by their names; values as they stand.

    Names are in small letters and without blanks, because NRRD has several with and without them:
    "space units" is "spaceunits". Key/value pairs of NRRD (`key:=value`) are left out.

    Raises:
        OSError: The file cannot be read.
    """
    return dict(_fields(_lines(path), path))


def field_names(path: Path) -> set[str]:
    """Names of the fields of a header, letter by letter as they are written.

    Raises:
        OSError: The file cannot be read.
    """
    return {name for name, _, _ in _written(_lines(path), path)}


def data_files(path: Path) -> tuple[Path, ...]:
    """The files beside a header that hold its voxels, in the order in which it names them.

    Empty where the voxels are in the file itself; those that are not there are left out.

    Raises:
        OSError: The file cannot be read.
    """
    lines = _lines(path)
    fields = dict(_fields(lines, path))
    named = next((fields[name] for name in DATA_FIELDS if fields.get(name)), "")
    if not named or named.lower() == HERE:
        return ()
    if named.split()[0].lower() == LISTED:
        names = [line.strip() for line in _rest(path, lines)]
    else:
        names = _numbered(named)
    return tuple(file for name in names if name and (file := path.parent / name).is_file())


def words(text: str) -> list[str]:
    """The strings of a field that lists them in quotation marks.

    >>> words('"mm" "mm" ""')
    ['mm', 'mm', '']
    """
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def _fields(lines: Iterator[str], path: Path) -> Iterator[tuple[str, str]]:
    """Name, as in `header_fields`, and value of each line."""
    return ((key, value) for _, key, value in _written(lines, path))


def _written(lines: Iterator[str], path: Path) -> Iterator[tuple[str, str, str]]:
    """The same with the name as written, up to the empty line or MetaImage's last field."""
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
    """The list of files: after NRRD's field of that name, after MetaImage's last one."""
    if path.name.lower().endswith(META_SUFFIXES):
        yield from lines
        return
    listed = False
    for line in _lines(path):
        if listed and ":" not in line:
            yield line
        listed = listed or line.lower().replace(" ", "").startswith("datafile:list")


def _numbered(named: str) -> list[str]:
    """One name, or those of `slice%03d.raw 1 80 1`: a pattern with first, last and step."""
    pattern, *numbers = named.split()
    if not re.fullmatch(r"[^%]*%0?\d*d[^%]*", pattern) or len(numbers) < 2:  # noqa: PLR2004
        return [named]
    first, last, step = (int(number) for number in (*numbers, "1")[:3])
    return [pattern % n for n in range(first, last + 1, step or 1)][:MOST_FILES]


def _lines(path: Path) -> Iterator[str]:
    left = MAX_BYTES
    with path.open("rb") as file:
        while left > 0 and (line := file.readline(left)):
            left -= len(line)
            yield line.decode("utf-8", "replace").rstrip("\r\n")
