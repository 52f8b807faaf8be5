"""Labels of points: object or background, as tables write them, or names of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError
from sam_common.prompts import NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.prompt_table import PromptTable

SIGNS = {"true": POSITIVE, "false": NEGATIVE}
"""Words that are taken for signs, beside the numbers 1 and 0."""
BACKGROUND = frozenset(
    (
        *("background", "bg", "negative", "neg", "no", "nein", "falsch", "faux", "falso"),
        *("onwaar", "falskt", "falsk", "usann", "epätosi", "nepravda", "hamis", "fałsz"),
    )
)
"""Words that mean 0 to whoever wrote them, some by the spreadsheets of their languages."""
PAIRS = (("y", "n"), ("t", "f"), ("+", "-"), ("on", "off"), ("in", "out"), ("pos", "neg"))
"""What may be names of classes, unless all labels are these two."""


def signs_of_points(table: PromptTable, rows: Sequence[int]) -> dict[int, int] | None:
    """1 for object and 0 for background, by the row of a point; None where labels are classes.

    Points whose label is empty are on the object.

    Args:
        table: The rows.
        rows: Those of points.

    Raises:
        PromptError: A label is a number other than 1 and 0, or some are signs and others are not.
    """
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
    if odd:
        return None
    return dict.fromkeys(rows, POSITIVE) | {row: s for row, s in signs.items() if s is not None}


def _word(value: Any) -> str:
    return str(value).strip().lower()


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _sign(value: Any) -> int | None:
    word = _word(value)
    number = _number(word)
    return SIGNS.get(word) if number is None else {0.0: NEGATIVE, 1.0: POSITIVE}.get(number)


def _is_doubtful(word: str, words: set[str]) -> bool:
    """Whether a label that is no sign here may have been meant as one."""
    is_pair = any(words <= set(pair) and pair[1] in words for pair in PAIRS)
    return _number(word) is not None or word in BACKGROUND or is_pair
