"""Moves: vectors by which one map may lie beside another, and the pixels that fit them.

A vector is (rows, cols) in pixels of the first map, down and to the right; a step is one of whole
pixels.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_geo.comparison.common_grid import Offset

    Codes: TypeAlias = npt.NDArray[np.int16]
    Step: TypeAlias = tuple[int, int]
    Shift: TypeAlias = tuple[float, float]

HALF_A_PIXEL = 0.5
"""Distance along each axis by which two maps may lie beside each other where nobody says better:
what rounding to a pixel can hide."""
MOST_PX = 5.0
"""Greatest distance that can be asked for: maps that lie further apart have to be moved first."""
MOST_BETWEEN = 5
"""Most whole pixels between the ends of an axis that are looked at. More are there only where the
pixels of the second map are much larger; then so many of them, evenly spaced."""


def check_misregistration(px: float) -> None:
    """Raise `InputError` unless a misregistration is a number of pixels that can be looked at."""
    if not (math.isfinite(px) and 0 <= px <= MOST_PX):
        raise InputError(
            f"--misregistration must be from 0 to {MOST_PX:g} pixels, got {px:g}: put maps that "
            f"lie further apart over each other first"
        )


def possible_shifts(offset: Offset, misregistration: float) -> list[Shift]:
    """Vectors (rows, cols) in pixels by which one map may lie beside the other.

    Args:
        offset: Distance between the centres of the pixels that are compared.
        misregistration: Further distance along each axis, which nobody knows.
    """
    axes = []
    for mean, spread in zip(offset.mean, offset.spread, strict=True):
        low, high = mean - spread - misregistration, mean + spread + misregistration
        between = list(range(math.floor(low) + 1, math.ceil(high)))
        if len(between) > MOST_BETWEEN:
            at = np.linspace(0, len(between) - 1, MOST_BETWEEN).round().astype(int)
            between = [between[n] for n in at]
        axes.append(sorted({low, high, *map(float, between)}))
    return [(down, across) for down in axes[0] for across in axes[1] if down or across]


def weights_of(shift: Shift) -> dict[Step, float]:
    """The whole-pixel steps around a vector, each with the share that it has in a move by it.

    Around a whole pixel is the next shorter one too, of which a move by almost as much has almost
    no share: what fits a shorter move fits a longer one.

    >>> weights_of((0.0, 0.5))
    {(0, 0): 0.5, (0, 1): 0.5}
    >>> weights_of((0.0, -1.0))
    {(0, -1): 1.0, (0, 0): 0.0}
    """
    axes = []
    for part in shift:
        first = math.floor(part)
        if part == first > 0:
            first -= 1
        axes.append({first: 1 - (part - first), first + 1: part - first} if part else {0: 1.0})
    return {
        (row, col): down * across
        for (row, down), (col, across) in itertools.product(axes[0].items(), axes[1].items())
    }


def fitting(before: Codes, after: Codes, shifts: list[Shift]) -> npt.NDArray[np.bool_]:
    """Pixels that changed as if one map had been moved by one of some vectors.

    Args:
        before: (h + 2m, w + 2m) classes of the first map in a window and `margin_of(shifts)` pixels
            m around it; -1 where one of the maps has none.
        after: Those of the second map.
        shifts: The vectors.

    Returns:
        (h, w) whether both conditions hold for one of the whole-pixel steps around a vector.
    """
    margin = margin_of(shifts)
    one, two = (seen(part, (0, 0), margin) for part in (before, after))
    found = np.zeros(one.shape, dtype=np.bool_)
    for step in steps_of(shifts):
        ahead, behind = seen(before, step, margin), seen(after, back(step), margin)
        found |= (ahead == two) & (behind == one)
    found &= one != two
    return found


def margin_of(shifts: list[Shift]) -> int:
    """Pixels around a window that have to be known, for moves by some vectors."""
    return max((abs(part) for step in steps_of(shifts) for part in step), default=0)


def steps_of(shifts: list[Shift]) -> list[Step]:
    """The whole-pixel steps around some vectors, but for (0, 0), in a fixed order."""
    return sorted({step for shift in shifts for step in weights_of(shift)} - {(0, 0)})


def back(step: Step) -> Step:
    """The step that leads back."""
    return -step[0], -step[1]


def seen(classes: Codes, step: Step, margin: int) -> Codes:
    """(h, w) classes of a window with margin, as seen from its pixels at a step."""
    (top, left), (height, width) = step, classes.shape
    rows = slice(margin + top, height - margin + top)
    return classes[rows, margin + left : width - margin + left]
