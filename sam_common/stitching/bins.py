"""Bins: which of many windows may overlap another one, by the cells of a square grid."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sam_common.window import Window

FEW = 8
"""Up to this number of windows, all of them are compared: no index is quicker."""


class Bins:
    """Numbers of windows by the cells of a square grid that they reach into.

    Args:
        side: Side of a cell in pixels; about that of the windows, so that each is in a few cells.
        windows: The first windows, numbered from 0; `add` takes more.
    """

    def __init__(self, side: int, windows: Iterable[Window] = ()) -> None:
        self._side = max(1, side)
        self._cells: dict[tuple[int, int], list[int]] = {}
        for number, window in enumerate(windows):
            self.add(number, window)

    def add(self, number: int, window: Window) -> None:
        """Add a window; several windows may have one number."""
        for cell in self._reached(window):
            self._cells.setdefault(cell, []).append(number)

    def near(self, window: Window) -> list[int]:
        """Numbers of the windows that share a cell with a window, ascending: all that overlap it.

        >>> from sam_common.window import Window
        >>> bins = Bins(10, [Window((0, 0), (5, 25)), Window((40, 0), (50, 10))])
        >>> bins.near(Window((7, 21), (9, 22))), bins.near(Window((70, 70), (80, 80)))
        ([0], [])
        """
        found = {n for cell in self._reached(window) for n in self._cells.get(cell, ())}
        return sorted(found)

    def _reached(self, window: Window) -> Iterator[tuple[int, int]]:
        """Cells (row, col) that a window overlaps."""
        rows, cols = (
            range(start // self._side, -(-stop // self._side))
            for start, stop in zip(window.start, window.stop, strict=True)
        )
        return itertools.product(rows, cols)


def nearby(windows: Sequence[Window]) -> Callable[[Window], Iterable[int]]:
    """A function that gives the numbers of the windows that may overlap another, ascending."""
    if len(windows) <= FEW:
        everything = range(len(windows))
        return lambda _window: everything
    return Bins(max(max(window.shape) for window in windows), windows).near
