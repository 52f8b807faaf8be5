"""Learning curve: loss and stopping score of each epoch, drawn as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sam_common.support.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

SIZE_HW = (420, 720)
LEFT, RIGHT, TOP, BOTTOM = 70, 690, 50, 370
"""Edges of the plot, in pixels."""
INK, BLUE, ORANGE, GREY = (40, 40, 40), (180, 119, 31), (14, 127, 255), (215, 215, 215)
"""Colours as blue, green, red."""
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_curve(card: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """The curve of a model card, (420, 720, 3) uint8 in the order blue, green, red.

    The stopping score, 0 to 1, has the scale at the left; the loss is drawn between 0 and its
    largest value. A line marks the epoch that was kept.
    """
    picture = np.full((*SIZE_HW, 3), 255, dtype=np.uint8)
    history = card["history"]
    last = max(1, history[-1]["number"])
    for value in np.linspace(0, 1, 6):
        y = _y(float(value))
        cv2.line(picture, (LEFT, y), (RIGHT, y), GREY, 1)
        _text(picture, f"{value:.1f}", (LEFT - 40, y + 5), INK)
    for epoch in sorted({0, last // 2, last, card["settings"]["best epoch"]}):
        _text(picture, str(epoch), (_x(epoch, last) - 8, BOTTOM + 22), INK)
    best = _x(card["settings"]["best epoch"], last)
    cv2.line(picture, (best, TOP), (best, BOTTOM), INK, 1, cv2.LINE_AA)
    losses = [(e["number"], e["loss"]) for e in history if e["loss"] is not None]
    highest = max([loss for _, loss in losses], default=1.0) or 1.0
    _line(picture, [(n, loss / highest) for n, loss in losses], last, ORANGE)
    _line(picture, [(e["number"], e["stop"]) for e in history], last, BLUE)
    _text(picture, "mean IoU of the stopping part", (LEFT, TOP - 22), BLUE)
    _text(picture, f"loss, of at most {highest:.2f}", (LEFT + 290, TOP - 22), ORANGE)
    _text(picture, "epoch", ((LEFT + RIGHT) // 2 - 25, BOTTOM + 44), INK)
    return picture


def write_curve(card: Mapping[str, Any], path: Path) -> None:
    """Write the curve of a model card as PNG."""
    _, encoded = cv2.imencode(".png", draw_curve(card))
    write_bytes(path, encoded.tobytes())


def _line(
    picture: npt.NDArray[np.uint8],
    points: Sequence[tuple[int, float]],
    last: int,
    colour: tuple[int, int, int],
) -> None:
    spots = np.array([[_x(n, last), _y(value)] for n, value in points], dtype=np.int32)
    if len(spots):
        cv2.polylines(
            picture,
            [spots.reshape(-1, 1, 2)],
            isClosed=False,
            color=colour,
            thickness=2,
            lineType=cv2.LINE_AA,
        )


def _x(epoch: int, last: int) -> int:
    return round(LEFT + (RIGHT - LEFT) * epoch / last)


def _y(value: float) -> int:
    return round(BOTTOM - (BOTTOM - TOP) * min(max(value, 0.0), 1.0))


def _text(
    picture: npt.NDArray[np.uint8], words: str, at_xy: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    cv2.putText(picture, words, at_xy, FONT, 0.5, colour, 1, cv2.LINE_AA)
