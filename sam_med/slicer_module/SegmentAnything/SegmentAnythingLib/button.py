"""Button: a text and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

if TYPE_CHECKING:
    from collections.abc import Callable


def button(text: str, slot: Callable[[], None]) -> Any:
    """A button that calls a function without arguments."""
    made = qt.QPushButton(text)
    # clicked sends whether it is checked
    made.clicked.connect(lambda *_: slot())
    return made
