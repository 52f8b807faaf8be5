"""Prompts as options of the command line: text such as "10,21,82,43,57,111"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.errors import PromptError
from sam_med.voxel_box import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_box(option: str, text: str) -> list[float]:
    """Six numbers separated by commas.

    Args:
        option: Name of the option, for the message.
        text: What was given, e.g. "10,21,82,43,57,111".

    Raises:
        PromptError: Something else.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != NUMBERS:
        raise PromptError(f"{option} must be six numbers separated by commas, got {text!r}")
    return numbers


def pair_labels(boxes: int, labels: Sequence[str]) -> list[str]:
    """A name for each box: the given ones by order, or object_1, object_2 where none is given.

    Raises:
        PromptError: Another number of labels than of boxes, or a name that occurs twice.
    """
    if not labels:
        return [f"object_{n}" for n in range(1, boxes + 1)]
    if len(labels) != boxes:
        raise PromptError(
            f"labels are paired with boxes by order, got {boxes} box(es) and {len(labels)} label(s)"
        )
    twice = sorted({label for label in labels if list(labels).count(label) > 1})
    if twice:
        raise PromptError(f"each object needs a label of its own, got {twice[0]} more than once")
    return list(labels)
