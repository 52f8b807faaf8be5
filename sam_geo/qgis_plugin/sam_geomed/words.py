"""Words: what a status of the server means for whoever clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .layer_session import Outline

STATUS = {
    "ok": "Found",
    "empty": "Nothing was found there: add a click, or drag a box around the object.",
    "outside": "That lies outside the image. Z takes it back.",
    "nodata": "The image has no data at that place (nodata). Z takes it back.",
    "no_prompt": "Click on an object, or drag a box around it.",
}


def in_words(outline: Outline) -> str:
    """One line about an object."""
    words = STATUS.get(outline.status, outline.status)
    if outline.status != "ok":
        return words
    score = "" if outline.score is None else f", score {outline.score:.2f}"
    return f"{words}: {outline.area_px} pixels{score}. Enter accepts it."


def of_error(error: Exception) -> str:
    """A message that a user can act on."""
    return str(error) or f"unexpected {type(error).__name__}"
