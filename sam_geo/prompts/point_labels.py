"""Signs of points: object or background, as columns of a table say it in their various ways.

A sign is 1 for a point on the object and 0 for one on the background. The column `label` may hold
signs or names of classes, so what may be either is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError
from sam_common.prompts import NEGATIVE, POSITIVE
from sam_geo.prompt_files.table import MAYBE_SIGNS, REVERSED_SIGNS, SIGNS, spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.prompt_files.table import PromptTable

TRUTH = {"true": POSITIVE, "false": NEGATIVE}
"""Words that are signs, beside the numbers 1 and 0."""
BACKGROUND = frozenset(
    (
        *("background", "bg", "negative", "neg", "no", "nein", "falsch", "faux", "falso"),
        *("onwaar", "falskt", "falsk", "usann", "epätosi", "nepravda", "hamis", "fałsz"),
    )
)
"""Words that mean background, some of them written by spreadsheets in other languages."""
PAIRS = (("y", "n"), ("t", "f"), ("+", "-"), ("on", "off"), ("in", "out"), ("pos", "neg"))
"""Pairs of words (object, background) that are signs where all labels are one of the two, and
names of classes otherwise."""
OTHER_PAIRS = (
    *PAIRS,
    *(("1", "0"), ("1", "-1"), ("1.0", "0.0"), ("1.0", "-1.0"), ("true", "false")),
    *(("include", "exclude"), ("add", "remove"), ("add", "subtract")),
)
"""Pairs of words that are signs in columns of other names, which are not read for classes."""
YES = frozenset(("1", "1.0", "true", "t", "yes", "y", "x"))
"""Words that mark a background point in a column such as `is_background`."""
EMPTY = frozenset(("", "nan", "none", "<na>", "nat"))
"""Texts of empty cells."""


@dataclass(frozen=True, slots=True)
class PointSigns:
    """The signs of the points of a table."""

    of_rows: dict[int, int]
    """Sign of each point by its row."""
    in_label: bool
    """Whether the column `label` holds signs; else it holds names of classes."""


def signs_of_points(table: PromptTable, rows: Sequence[int]) -> PointSigns:
    """Read the signs of points from `label`, or from columns such as `point_label` or `positive`.

    A point whose cell is empty is on the object.

    Args:
        table: The rows.
        rows: Numbers of the rows that are points.

    Raises:
        PromptError: A sign is none of 1, 0, true and false, some labels are signs and others are
            not, two columns differ, or another column seems to tell object from background.
    """
    named = {name: _named_signs(table, name, rows) for name in SIGNS}
    told = {name: found for name, found in named.items() if found}
    if (label := _label_signs(table, rows)) is not None:
        told["label"] = label
    together: dict[int, int] = {}
    for name, found in told.items():
        for row, sign in found.items():
            if together.setdefault(row, sign) != sign:
                raise PromptError(
                    f"columns {', '.join(told)} of {table.name} differ in row "
                    f"{table.number(row)}, where {name} says {sign}: remove all but one"
                )
    if not together:
        _refuse_others(table, rows)
    return PointSigns(dict.fromkeys(rows, POSITIVE) | together, in_label=label is not None)


def _label_signs(table: PromptTable, rows: Sequence[int]) -> dict[int, int] | None:
    """Read the signs in the column `label` by row; None where it holds names of classes."""
    labels = table.column("label")
    given = {row: labels[row] for row in rows if labels[row] is not None}
    signs = {row: _sign(value) for row, value in given.items()}
    odd = [row for row, sign in signs.items() if sign is None]
    words = {_word(value) for value in given.values()}
    doubtful = [row for row in odd if _is_doubtful(_word(given[row]), words)]
    if doubtful or 0 < len(odd) < len(given):
        row = (doubtful or odd)[0]
        raise PromptError(
            f"row {table.number(row)} of {table.name} has the label {given[row]!r}: points have "
            f"1 for object and 0 for background in the column label; a name goes into class"
        )
    return None if odd else {row: sign for row, sign in signs.items() if sign is not None}


def _named_signs(table: PromptTable, name: str, rows: Sequence[int]) -> dict[int, int]:
    """Read the signs in a column of `SIGNS` by row, without empty cells."""
    values = table.column(name) if rows else []
    signs = {}
    for row in rows:
        if values[row] is None:
            continue
        if (sign := _sign(values[row])) is None:
            raise PromptError(
                f"row {table.number(row)} of {table.name} has {values[row]!r} in the column "
                f"{name}: points have 1 for object and 0 for background there (rename the column "
                f"where it is about something else)"
            )
        signs[row] = sign
    return signs


def _refuse_others(table: PromptTable, rows: Sequence[int]) -> None:
    """Raise `PromptError` where a column that is not read for signs seems to hold some."""
    for spelling, values in table.columns:
        name = spelled(spelling)
        if name not in {*REVERSED_SIGNS, *MAYBE_SIGNS}:
            continue
        words = {row: _word(values[row]) for row in rows if values[row] is not None}
        said = set(words.values()) - EMPTY
        if said & YES if name in REVERSED_SIGNS else _are_signs(said):
            row = next(row for row, word in words.items() if word in said)
            raise PromptError(
                f"column {spelling} of {table.name} seems to tell object from background "
                f"({values[row]!r} in row {table.number(row)}): points have 1 for object and 0 for "
                f"background in the column label (rename the other where it means something else)"
            )


def _are_signs(words: set[str]) -> bool:
    """Tell whether the words of a column seem to tell object from background."""
    is_pair = any(words <= set(pair) and pair[1] in words for pair in OTHER_PAIRS)
    return is_pair or not words.isdisjoint(BACKGROUND)


def _word(value: Any) -> str:
    """Give a cell as text in small letters without spaces around it."""
    return str(value).strip().lower()


def _number(word: str) -> float | None:
    """Parse a number; None where a word is none."""
    try:
        return float(word)
    except ValueError:
        return None


def _sign(value: Any) -> int | None:
    """Give 1 or 0 where a cell is a sign, else None."""
    word = _word(value)
    number = _number(word)
    return TRUTH.get(word) if number is None else {0.0: NEGATIVE, 1.0: POSITIVE}.get(number)


def _is_doubtful(word: str, words: set[str]) -> bool:
    """Tell whether a label that is no sign may have been meant as one, given all labels."""
    is_pair = any(words <= set(pair) and pair[1] in words for pair in PAIRS)
    return _number(word) is not None or word in BACKGROUND or is_pair
