"""Marks: scale bar, north arrow, sides of the patient and key, as maps and scans have them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_common.pages.plate import (
    BLACK,
    FINE_BITS,
    WHITE,
    Line,
    Word,
    draw_lines,
    draw_words,
    font,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.pages.plate import Canvas, Rgb

EDGE_PX = 22
"""Distance of marks from the edge of a picture."""
LETTER_PX = 24
"""Size of the letters of marks."""
BAR_PX = 8
"""Height of a scale bar."""
BAR_SHARE = 0.25
"""Most of the width of a picture that its scale bar takes."""
STEPS = (5.0, 2.0, 1.0)
"""Lengths of scale bars, times a power of ten, the longest first."""
ARROW_PX = 26
"""Half the height of a north arrow."""
KEY_PX = 19
"""Size of the words of a key."""


def round_length(longest: float) -> float:
    """The longest round length up to another one.

    >>> [round_length(length) for length in (9.9, 10, 49, 0.07)]
    [5.0, 10.0, 20.0, 0.05]
    """
    power = 10.0 ** math.floor(math.log10(longest) + 1e-9)
    return next(step * power for step in STEPS if step * power <= longest * (1 + 1e-9))


def draw_scale_bar(canvas: Canvas, length_px: float, text: str) -> Canvas:
    """A picture with a scale bar in its lower left corner.

    Args:
        canvas: The picture.
        length_px: Length of the bar in pixels of the picture.
        text: The length that it stands for, with its unit.
    """
    picture = canvas.copy()
    left, bottom = float(EDGE_PX), float(canvas.shape[0] - EDGE_PX)
    middle = left + length_px / 2
    _fill(
        picture, _rectangle(left - 2, bottom - BAR_PX - 2, left + length_px + 2, bottom + 2), BLACK
    )
    _fill(picture, _rectangle(left, bottom - BAR_PX, middle, bottom), WHITE)
    _fill(picture, _rectangle(middle, bottom - BAR_PX, left + length_px, bottom), (90, 90, 90))
    return draw_words(picture, [Word(text, (left, bottom - BAR_PX - 8), WHITE, LETTER_PX, "ls")])


def draw_north(canvas: Canvas, degrees: float) -> Canvas:
    """A picture with an arrow to the north in its upper right corner.

    Args:
        canvas: The picture.
        degrees: How far north is from up, clockwise.
    """
    turn = math.radians(degrees)
    way = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    centre = np.array([canvas.shape[1] - EDGE_PX - ARROW_PX, EDGE_PX + ARROW_PX + LETTER_PX])

    def at(*places: tuple[float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(np.array(places) @ way.T * ARROW_PX + centre)

    picture = draw_lines(canvas, [Line(at((0, -1), (0.55, 1), (0, 0.6), (-0.55, 1)), WHITE, 2)])
    _fill(picture, at((0, -1), (0, 0.6), (-0.55, 1)), WHITE)
    x, y = at((0, -1.6))[0].tolist()
    return draw_words(picture, [Word("N", (x, y), WHITE, LETTER_PX)])


def draw_sides(canvas: Canvas, left: str, right: str, top: str, bottom: str) -> Canvas:
    """A picture with the sides of the patient at the middle of its edges: R, L, A, P, S or I."""
    height, width = canvas.shape[:2]
    inset = EDGE_PX
    words = [
        Word(left, (inset, height / 2)),
        Word(right, (width - inset, height / 2)),
        Word(top, (width / 2, inset)),
        Word(bottom, (width / 2, height - inset)),
    ]
    return draw_words(canvas, [Word(word.text, word.at_xy, WHITE, LETTER_PX) for word in words])


def draw_key(canvas: Canvas, rows: Sequence[tuple[str, Rgb, bool]], *, line_px: int = 3) -> Canvas:
    """A picture with a key in its upper left corner.

    Args:
        canvas: The picture.
        rows: For each kind of line its name, its colour, and whether it is dashed.
        line_px: Width of the lines in the key.
    """
    step = KEY_PX + 10
    wide = max(font(KEY_PX).getlength(name) for name, _, _ in rows) + 80
    picture = canvas.copy()
    part = picture[10 : 10 + step * len(rows) + 10, 10 : 10 + round(wide)]
    part[:] = (part * 0.35).astype(np.uint8)
    at = [10 + 5 + step * (n + 0.5) for n in range(len(rows))]
    lines = [
        Line(np.array([(26.0, y), (58.0, y)]), rgb, line_px, is_closed=False, is_dashed=dashed)
        for y, (_, rgb, dashed) in zip(at, rows, strict=True)
    ]
    words = [
        Word(name, (76.0, y), WHITE, KEY_PX, "lm") for y, (name, _, _) in zip(at, rows, strict=True)
    ]
    return draw_words(draw_lines(picture, lines), words)


def _rectangle(
    x0: float, y0: float, x1: float, y1: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The corners of a rectangle."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _fill(
    canvas: Canvas, corners: np.ndarray[tuple[int, ...], np.dtype[np.float64]], rgb: Rgb
) -> None:
    """Fill a polygon in place."""
    fine = np.rint(corners * (1 << FINE_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [fine], rgb, cv2.LINE_AA, FINE_BITS)
