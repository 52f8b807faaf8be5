"""Reporters: who hears of work that nobody waits for, or that is a part of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sam_common.server.sessions.live_source import Reporter


class Silent:
    """Nobody listens: what is made again for an undo."""

    def begin(self, what: str, total: int) -> None:
        """Nothing."""

    def step(self, done: int) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""


class Within:
    """A reporter for a part of a step: it can be cancelled, and tells nothing."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def begin(self, what: str, total: int) -> None:
        """The step goes on."""
        del what, total
        self._reporter.step(0)

    def step(self, done: int) -> None:
        """The step goes on."""
        del done
        self._reporter.step(0)

    def note(self, message: str) -> None:
        """The news are those of the part."""
        self._reporter.note(message)
