"""Names of prompts: what identifies a prompt in the output, exactly as its file has it."""

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

NO_NAMES = frozenset(("", "na", "n/a", "nan", "null", "none", "<na>"))
"""How programs write an empty cell."""
LARGEST = 2**63 - 1
"""Integers beyond have no column in any format: they become text."""


def id_column(table: PromptTable, name: str) -> list[Any]:
    """A column of names; 7.0 of a column that empty cells turned into floats is 7 again.

    Raises:
        PromptError: A float may stand for several integers.
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
    """Raise `PromptError` where a column that is not read seems to join points to objects.

    Args:
        table: The rows, without an `object_id`.
        points: Those of points.
    """
    for spelling, values in table.columns:
        if spelled(spelling) not in MAYBE_OBJECTS:
            continue
        given = [str(values[row]) for row in points]
        counts = Counter(name for name in given if name.strip().lower() not in NO_NAMES)
        value, times = counts.most_common(1)[0] if counts else ("", 0)
        if times > 1:
            raise PromptError(
                f"column {spelling} of {table.name} has {value} in {times} points: name it "
                f"object_id where they are one object, or something else where they are not"
            )


def prompt_ids(table: PromptTable, first_rows: Sequence[int]) -> list[int | str]:
    """One distinct name for each prompt: all are integers, or all are text.

    Args:
        table: The rows.
        first_rows: The first row of each prompt.

    Raises:
        PromptError: A `prompt_id` is missing or there twice.
    """
    for name in ("prompt_id", "object_id", "id"):
        column = id_column(table, name)
        given = [column[row] for row in first_rows]
        present = [value for value in given if value is not None]
        names = _of_one_type(present)
        if name == "prompt_id" and present:
            _check(table, given, names, first_rows)
        if present and len(present) == len(given) and len(set(names)) == len(names):
            return names
    return [table.number(row) for row in first_rows]


def _check(
    table: PromptTable, given: Sequence[Any], names: Sequence[int | str], rows: Sequence[int]
) -> None:
    if None in given:
        row = rows[list(given).index(None)]
        raise PromptError(f"row {table.number(row)} of {table.name} has no prompt_id")
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise PromptError(f"prompt_id {twice} is there more than once in {table.name}")


def _of_one_type(values: Sequence[Any]) -> list[int | str]:
    are_integers = all(isinstance(v, int) and not isinstance(v, bool) for v in values)
    if are_integers and all(-LARGEST <= value <= LARGEST for value in values):
        return list(values)
    return [str(value) for value in values]
