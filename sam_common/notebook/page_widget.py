"""PageWidget: the widget of a page in the front end of a notebook; its import needs anywidget."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

SCRIPT = Path(__file__).with_name("explorer.js")
"""The ES module that draws the widget."""


class PageWidget(anywidget.AnyWidget):  # type: ignore[misc]  # it has no types of its own
    """A page of the local server; its requests are custom messages, see `Channel`."""

    _esm = SCRIPT.read_text(encoding="utf-8")
    session = traitlets.Unicode().tag(sync=True)
    """Identifier of the session that the page shows."""
    title = traitlets.Unicode().tag(sync=True)
    """What a screen reader says of the frame."""
    height = traitlets.Int().tag(sync=True)
    """Height of the frame in CSS pixels."""
