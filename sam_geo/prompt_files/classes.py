"""Classes of a table: the column that names them, whatever its type, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError
from sam_geo.prompt_files.table import spelled

if TYPE_CHECKING:
    from sam_geo.prompt_files.table import PromptTable


def class_column(table: PromptTable, field: str) -> list[Any]:
    """Read the classes of the rows, None where a cell is empty.

    Args:
        table: Rows that were read with this column (`Wanted.columns`).
        field: Name of the column, in any spelling.

    Raises:
        PromptError: There is no such column, or it has numbers that are no whole ones.
    """
    if spelled(field) not in {spelled(name) for name, _ in table.columns}:
        names = ", ".join(table.all_names) or "none"
        raise PromptError(
            f"{table.name} has no column {field!r}: choose the one that holds the class with "
            f"--class-field; its columns are {names}"
        )
    values = table.column(spelled(field))
    for row, value in enumerate(values):
        if isinstance(value, float) and not value.is_integer():
            raise PromptError(
                f"column {field} of {table.name} is no class in row {table.number(row)}: {value} "
                f"is not a whole number (classes are names or whole numbers)"
            )
    return values


def class_name(value: object) -> str:
    """Give the name of a class: 3, 3.0 and "3" are one class.

    >>> class_name(3.0), class_name(" forest ")
    ('3', 'forest')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def class_order(name: str) -> tuple[bool, int, str]:
    """Sort classes that are numbers by their values, before those that are words.

    >>> sorted(["b", "10", "9", "a"], key=class_order)
    ['9', '10', 'a', 'b']
    """
    is_number = name.isascii() and name.removeprefix("-").isdigit()
    return not is_number, int(name) if is_number else 0, name
