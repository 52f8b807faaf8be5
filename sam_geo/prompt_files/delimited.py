"""Delimited text: the cells of a CSV file, whatever separates them."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError
from sam_geo.prompt_files.table import Column, spelled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

DELIMITERS = ",;\t|"
"""Characters that may separate cells."""
# a large polygon in WKT is longer than the default limit of Python's reader
csv.field_size_limit(2**31 - 1)


def read_columns(path: Path, known: Collection[str]) -> tuple[list[Column], str]:
    """Read the columns of a CSV file.

    Args:
        path: A file in UTF-8, or in UTF-16 with a byte order mark.
        known: Names of columns, as `spelled` gives them; the delimiter is the one with which the
            header has most of them.

    Returns:
        The columns and the delimiter. Cells are text without spaces around it, None where they
        are empty; rows of empty cells are left out.

    Raises:
        PromptError: The file cannot be read, or a row has more cells than there are columns.
    """
    text = _text(path)
    if said := re.match(r"sep=(.)\r?\n", text):  # a line for Excel that names the delimiter
        text = text[said.end() :]
    delimiters = said[1] if said else DELIMITERS
    try:
        delimiter = max(delimiters, key=lambda each: _score(text, each, known))
        lines = list(_lines(text, delimiter))
    except csv.Error as error:
        raise PromptError(f"not a CSV file: {path} ({error})") from error
    names = [name.strip() for name in lines[0]] if lines else []
    records = [[_cell(cell) for cell in line] for line in lines[1:]]
    records = [record for record in records if any(record)]
    for n, record in enumerate(records):
        if any(record[len(names) :]):
            raise PromptError(
                f"row {n} of {path} has {len(record)} cells, but there are {len(names)} columns "
                f"({', '.join(names)}): put text and decimal commas into quotes"
            )
        record.extend([None] * (len(names) - len(record)))
    columns = [[record[n] for record in records] for n in range(len(names))]
    return list(zip(names, columns, strict=True)), delimiter


def integers(cells: Sequence[str | None]) -> Sequence[Any]:
    """Turn a column into integers where every cell is written as one; else keep its text.

    CSV has no types: a column of 7 holds integers, and one of 007 text.

    >>> integers(["7", None, "12"]), integers(["7", "007"])
    ([7, None, 12], ['7', '007'])
    """
    given = [cell for cell in cells if cell is not None]
    if all(re.fullmatch(r"0|-?[1-9][0-9]{0,18}", cell) for cell in given):
        return [None if cell is None else int(cell) for cell in cells]
    return cells


def _text(path: Path) -> str:
    """Decode a file, and refuse one with zero bytes."""
    try:
        raw = path.read_bytes()
        is_wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = raw.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        at = raw.count(b"\n", 0, error.start) + 1
        raise PromptError(
            f"not a CSV file in UTF-8: {path}, line {at} (save it in UTF-8, as spreadsheets do "
            f"with the format CSV UTF-8)"
        ) from error
    except OSError as error:
        raise PromptError(f"cannot read {path}: {error.strerror}") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise PromptError(
            f"line {line} of {path} has a zero byte: it is damaged, or in UTF-16 or UTF-32 without "
            f"a byte order mark (save it in UTF-8)"
        )
    return text


def _lines(text: str, delimiter: str) -> Iterator[list[str]]:
    """Split a text into the cells of its lines, without empty lines."""
    # strict: an unclosed quote must not swallow the rest of the file
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return (line for line in reader if line)


def _score(text: str, delimiter: str, known: Collection[str]) -> tuple[int, int]:
    """Count the known names, and all names, that a delimiter gives in the header."""
    none: list[str] = []
    try:
        names = next(_lines(text, delimiter), none)
    except csv.Error:  # quotes that only another delimiter makes sense of
        return 0, 0
    return sum(spelled(name) in known for name in names), len(names)


def _cell(value: str) -> str | None:
    """Strip spaces from a cell; None where it is empty."""
    return value.strip() or None
