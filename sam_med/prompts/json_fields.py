"""JSON fields: JSON and tables from users, each field checked, with errors that say where it is."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DELIMITERS = (",", ";", "\t")


class Fields:
    """The fields of one JSON object.

    Args:
        value: The parsed JSON; it may be anything.
        place: Name of the object in messages, e.g. "object 2".

    Raises:
        PromptError: The value is no JSON object.
    """

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise PromptError(f"{place} must be a JSON object, got {_kind(value)}")
        self._value: Mapping[str, Any] = value
        self.place = place

    def named(self, name: str) -> Fields:
        """These fields, with a name behind their place in messages: "object 2 (liver)"."""
        return Fields(self._value, f"{self.place} ({name})")

    def only(self, *known: str) -> None:
        """Raise `PromptError` for an unknown field, because a misspelt one would be ignored."""
        for name in self._value:
            if name not in known:
                raise PromptError(
                    f"{self.place} has an unknown field {name!r} (known: {', '.join(known)})"
                )

    def has(self, name: str) -> bool:
        """Whether a field exists and is not null."""
        return self._value.get(name) is not None

    def text(self, name: str) -> str:
        """The field as a string."""
        value = self._get(name)
        if not isinstance(value, str):
            raise PromptError(f"{name} of {self.place} must be a string, got {_kind(value)}")
        return value

    def first_text(self, name: str) -> str:
        """The field as a string, or the first string of a list."""
        value = self._get(name)
        if isinstance(value, list) and value and isinstance(value[0], str):
            return value[0]
        return self.text(name)

    def flag(self, name: str) -> bool:
        """The field as true or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise PromptError(f"{name} of {self.place} must be true or false, got {_kind(value)}")
        return value

    def number(self, name: str) -> float:
        """The field as a finite number."""
        return self._as_number(name, self._get(name))

    def whole(self, name: str) -> int:
        """The field as a whole number."""
        return self.as_whole(name, self.number(name))

    def as_whole(self, name: str, value: float) -> int:
        """A number from a field as a whole number."""
        if not float(value).is_integer():
            raise PromptError(f"{name} of {self.place} must be a whole number, got {value:g}")
        return int(value)

    def numbers(self, name: str, count: int | None = None) -> list[float]:
        """The field as a list of finite numbers.

        Args:
            name: Name of the field.
            count: Length of the list; None for any length.
        """
        return self._as_numbers(name, self._get(name), count)

    def rows(self, name: str, count: int, columns: int) -> list[list[float]]:
        """The field as a list of `count` lists of `columns` finite numbers."""
        value = self._get(name)
        if not isinstance(value, list) or len(value) != count:
            found = f"{len(value)} items" if isinstance(value, list) else _kind(value)
            raise PromptError(f"{name} of {self.place} must be {count} points, got {found}")
        return [self._as_numbers(name, row, columns) for row in value]

    def inner(self, name: str) -> Fields:
        """The field as a JSON object."""
        return Fields(self._get(name), f"{name} of {self.place}")

    def each(self, name: str) -> list[Fields]:
        """The field as a list of JSON objects; an empty list where the field is missing."""
        if not self.has(name):
            return []
        return [
            Fields(item, f"{name} {n} of {self.place}")
            for n, item in enumerate(self.objects(name), start=1)
        ]

    def objects(self, name: str) -> list[Any]:
        """The field as a list of anything."""
        value = self._get(name)
        if not isinstance(value, list):
            raise PromptError(f"{name} of {self.place} must be a list, got {_kind(value)}")
        return value

    def _get(self, name: str) -> Any:
        """The value of a field that must exist and not be null."""
        if not self.has(name):
            raise PromptError(f"{self.place} has no {name!r}")
        return self._value[name]

    def _as_numbers(self, name: str, value: Any, count: int | None) -> list[float]:
        """A value from a field as a list of finite numbers."""
        wanted = "numbers" if count is None else f"{count} numbers"
        if not isinstance(value, list):
            raise PromptError(f"{name} of {self.place} must be {wanted}, got {_kind(value)}")
        if count is not None and len(value) != count:
            raise PromptError(f"{name} of {self.place} must be {wanted}, got {len(value)}")
        return [self._as_number(name, item) for item in value]

    def _as_number(self, name: str, value: Any) -> float:
        """A value from a field as a finite number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PromptError(f"{name} of {self.place} must be a number, got {_kind(value)}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise PromptError(f"{name} of {self.place} must be finite, got {value}")
        return number


def parse_json(text: str, what: str) -> Any:
    """Parse a JSON document.

    Args:
        text: The document.
        what: Name of the document in messages.

    Raises:
        PromptError: The text is no JSON, or an object has a field twice, of which one would be
            lost.
    """

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise PromptError(f"{what}: the field {twice!r} is there twice in one object")
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise PromptError(
            f"{what}: no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise PromptError(f"{what}: no JSON: nested too deeply") from error
    except ValueError as error:
        # Python parses no number of more than 4300 digits
        raise PromptError(f"{what}: no JSON: a number has too many digits") from error


def read_table(text: str, what: str) -> tuple[list[str], list[dict[str, str]]]:
    """Parse a table with a header.

    Cells are separated by commas, semicolons or tabs, whichever the header has most of.

    Args:
        text: The table.
        what: Name of the table in messages.

    Returns:
        The names of the columns in small letters, and each row as a mapping by these names.

    Raises:
        PromptError: The text is no table, two columns have one name, a column has none, or a row
            has too few or too many cells.
    """
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    try:
        found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        # spreadsheets write rows of empty cells at the end of tables
        lines = [line for row in found if any(line := [cell.strip() for cell in row])]
    except csv.Error as error:
        raise PromptError(f"{what}: no CSV: {error}") from error
    if not lines:
        return [], []
    columns = [name.lower() for name in lines[0]]
    for name in columns:
        if columns.count(name) > 1:
            raise PromptError(
                f"{what} has {columns.count(name)} columns {name!r}: which one is meant?"
                if name
                else f"{what} has columns without a name"
            )
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(columns):
            raise PromptError(
                f"row {number} of {what} has {len(line)} cells, and its header {len(columns)}: "
                f"empty cells need their separator, and text with one needs quotes"
            )
    return columns, [dict(zip(columns, line, strict=True)) for line in lines[1:]]


def read_text(path: Path, what: str) -> str:
    """Read a file in UTF-8.

    Args:
        path: The file.
        what: Name of the file in messages, in place of its path.

    Raises:
        PromptError: The file does not exist, or cannot be read as UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise PromptError(f"no such file: {what}") from error
    except OSError as error:
        raise PromptError(f"cannot read {what}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PromptError(
            f"{what}: no text in UTF-8 (save it in UTF-8; spreadsheets have the format CSV UTF-8)"
        ) from error


def _kind(value: Any) -> str:
    """The JSON type of a value, for messages: the value itself may be long."""
    if value is None:
        return "null"
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return kinds.get(type(value), "a number")
