"""Ids: what identifies a prompt in the output, exactly as its file has it."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError
from sam_geo.prompt_files.table import EXACT_INTEGERS, MAYBE_OBJECTS, spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.prompt_files.table import PromptTable

EMPTY_TEXTS = frozenset(("", "na", "n/a", "nan", "null", "none", "<na>"))
"""Texts that programs write into an empty cell, in small letters."""
LARGEST_INTEGER = 2**63 - 1
"""Largest integer that the output formats hold; larger ones become text."""


def id_column(table: PromptTable, name: str) -> list[Any]:
    """Read a column of identifiers; a column of whole floats becomes integers again.

    Libraries turn a column of integers with empty cells into floats.

    Args:
        table: The rows.
        name: Name of the column, as `spelled` gives it.

    Returns:
        A value or None for each row.

    Raises:
        PromptError: A float is so large that it may stand for several integers.
    """
    values = table.column(name)
    numbers = [value for value in values if isinstance(value, float | Decimal)]
    for value in numbers:
        if isinstance(value, float) and abs(value) >= EXACT_INTEGERS:
            raise PromptError(
                f"column {name} of {table.name} has floats beyond 2^53, which are no exact names: "
                f"{value!r} (give it as integers or text)"
            )
    if all(math.isfinite(value) and value % 1 == 0 for value in numbers):
        return [int(value) if isinstance(value, float | Decimal) else value for value in values]
    return values


def check_objects(table: PromptTable, points: Sequence[int]) -> None:
    """Raise `PromptError` where another column than `object_id` seems to join points to objects.

    Args:
        table: The rows, none of which has an `object_id`.
        points: Numbers of the rows that are points.
    """
    for spelling, values in table.columns:
        if spelled(spelling) not in MAYBE_OBJECTS:
            continue
        given = [str(values[row]) for row in points]
        counts = Counter(name for name in given if name.strip().lower() not in EMPTY_TEXTS)
        value, times = counts.most_common(1)[0] if counts else ("", 0)
        if times > 1:
            raise PromptError(
                f"column {spelling} of {table.name} has {value} in {times} points: name it "
                f"object_id where they are one object, or something else where they are not"
            )


def prompt_ids(table: PromptTable, first_rows: Sequence[int]) -> list[int | str]:
    """Choose a distinct identifier for each prompt: all are integers, or all are text.

    Args:
        table: The rows.
        first_rows: Number of the first row of each prompt.

    Returns:
        One identifier for each prompt.

    Raises:
        PromptError: The column `prompt_id` has an empty cell, or a value twice.
    """
    for name in ("prompt_id", "object_id", "id"):
        column = id_column(table, name)
        given = [column[row] for row in first_rows]
        present = [value for value in given if value is not None]
        names = _of_one_type(present)
        if name == "prompt_id" and present:
            _check_distinct(table, given, names, first_rows)
        if present and len(present) == len(given) and len(set(names)) == len(names):
            return names
    return [table.number(row) for row in first_rows]


def _check_distinct(
    table: PromptTable, given: Sequence[Any], names: Sequence[int | str], rows: Sequence[int]
) -> None:
    """Raise `PromptError` where a `prompt_id` is missing or is there twice."""
    if None in given:
        row = rows[list(given).index(None)]
        raise PromptError(f"row {table.number(row)} of {table.name} has no prompt_id")
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise PromptError(f"prompt_id {twice} is there more than once in {table.name}")


def _of_one_type(values: Sequence[Any]) -> list[int | str]:
    """Give identifiers that are all integers of 64 bits as they are, and any others as text."""
    are_integers = all(isinstance(v, int) and not isinstance(v, bool) for v in values)
    if are_integers and all(-LARGEST_INTEGER <= value <= LARGEST_INTEGER for value in values):
        return list(values)
    return [str(value) for value in values]
