"""Outputs: what cells of a notebook show, kept while it is shown and let go when a cell runs again.

A cell that runs again loses its outputs, but IPython keeps what they showed as `_`, `_7` and
`Out[7]`, so that a server behind it would stay. A front end says which cell runs by the identifier
in its request; where it says none, and outside of notebooks, everything is kept.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple


class Run(NamedTuple):
    """One run of one cell."""

    cell: str
    """Identifier of the cell, which stays when it runs again."""
    request: str
    """Identifier of the request to run it."""


class Outputs:
    """What the outputs of a notebook show."""

    def __init__(self) -> None:
        self._shown: dict[Run | None, list[object]] = {}

    def keep(self, shown: object) -> None:
        """Keep what an output of the running cell shows, and let go what it showed before."""
        self.renew()
        kept = self._shown.setdefault(_running(), [])
        if not any(each is shown for each in kept):
            kept.append(shown)

    def renew(self) -> None:
        """Let go what earlier runs of the running cell showed, also in IPython's history."""
        now = _running()
        if now is None:
            return
        earlier = [run for run in self._shown if run and run.cell == now.cell and run != now]
        for run in earlier:
            _forget(self._shown.pop(run))

    def drop(self, shown: object) -> None:
        """Let go what no output shows any more."""
        for kept in self._shown.values():
            kept[:] = [each for each in kept if each is not shown]


def _shell() -> Any:
    """The IPython that runs this; None elsewhere."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _running() -> Run | None:
    """The run that goes on; None where the front end does not name its cells."""
    parent: dict[str, Any] = getattr(_shell(), "get_parent", dict)()
    cell = parent.get("metadata", {}).get("cellId")
    return Run(str(cell), str(parent["header"]["msg_id"])) if cell else None


def _forget(shown: list[object]) -> None:
    """Take values out of IPython's history of outputs, where variables of the user stay."""
    shell = _shell()

    def is_shown(value: object) -> bool:
        return any(value is each for each in shown)

    history = shell.history_manager.output_hist
    numbers = [number for number, value in history.items() if is_shown(value)]
    for number in numbers:
        del history[number]
    names = ("_", "__", "___", *(f"_{number}" for number in numbers))
    for variables in (shell.user_ns, shell.user_ns_hidden):
        for name in names:
            if is_shown(variables.get(name)):
                del variables[name]
    for name in ("_", "__", "___"):
        if is_shown(getattr(shell.displayhook, name, None)):
            setattr(shell.displayhook, name, None)
