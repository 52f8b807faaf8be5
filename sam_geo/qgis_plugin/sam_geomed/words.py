"""Words: what a status of the server means for whoever clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .translation import translate, translated

if TYPE_CHECKING:
    from .layer_session import Outline

STATUS = {
    "empty": QT_TRANSLATE_NOOP(
        "SamGeomed", "Nothing was found there: add a click, or drag a box around the object."
    ),
    "outside": QT_TRANSLATE_NOOP("SamGeomed", "That lies outside the image. Z takes it back."),
    "nodata": QT_TRANSLATE_NOOP(
        "SamGeomed", "The image has no data at that place (nodata). Z takes it back."
    ),
    "no_prompt": QT_TRANSLATE_NOOP("SamGeomed", "Click on an object, or drag a box around it."),
}


def in_words(outline: Outline) -> str:
    """One line about an object."""
    if outline.status != "ok":
        return translated(STATUS.get(outline.status, outline.status))
    size = pixels(outline.area_px)
    if outline.score is None:
        return translate("SamGeomed", "Found: {size}. Enter accepts it.").format(size=size)
    return translate("SamGeomed", "Found: {size}, score {score:.2f}. Enter accepts it.").format(
        size=size, score=outline.score
    )


def pixels(count: int) -> str:
    """A number of pixels."""
    return translate("SamGeomed", "%n pixels", "", count)


def of_error(error: Exception) -> str:
    """A message that a user can act on."""
    name = type(error).__name__
    return str(error) or translate("SamGeomed", "unexpected {name}").format(name=name)
