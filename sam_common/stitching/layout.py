"""Layout: which windows of a grid overlap, and the core of each, found without comparing all.

```
rows     0------6              windows share overlaps; their cores, each overlap being halved
              4-----10         between its windows, are a partition:  0----5 5----10
```
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from copy import copy
from typing import TYPE_CHECKING, TypeAlias

from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Span: TypeAlias = "tuple[int, int]"


class Layout:
    """The windows of an image and their cores, by row and column of the grid.

    Args:
        windows: Grid of overlapping windows (row, col), row by row, as `tile_grid` gives it.
        image_hw: Rows and columns of the image.

    >>> layout = Layout([Window((0, 0), (4, 6)), Window((0, 4), (4, 10))], (4, 10))
    >>> [core.shape for core in layout.cores]
    [(4, 5), (4, 5)]
    """

    def __init__(self, windows: Sequence[Window], image_hw: Sequence[int]) -> None:
        self.image_hw = (image_hw[0], image_hw[1])
        self._axes = [
            _Axis({(w.start[axis], w.stop[axis]) for w in windows}, length)
            for axis, length in enumerate(self.image_hw)
        ]
        self._take(windows)

    def _take(self, windows: Sequence[Window]) -> None:
        """Number windows whose spans are known."""
        rows, cols = self._axes
        places = [(rows.at[w.start[0], w.stop[0]], cols.at[w.start[1], w.stop[1]]) for w in windows]
        self.windows = windows
        """The windows, by their numbers."""
        self._numbers = {place: n for n, place in enumerate(places)}
        self.cores = [Window(*zip(rows.cores[r], cols.cores[c], strict=True)) for r, c in places]
        """The part of each window that is nearer to its middle than to a neighbour's."""

    def part(self, numbers: Sequence[int]) -> Layout:
        """Some of the windows, numbered anew in the order given, with the cores that they have.

        Args:
            numbers: Numbers of the windows here.
        """
        some = copy(self)
        some._take([self.windows[n] for n in numbers])  # noqa: SLF001  # of this class
        return some

    def near(self, n: int) -> list[int]:
        """Numbers of the other windows that overlap window `n`, ascending."""
        window = self.windows[n]
        ranges = [
            axis.overlapping(window.start[k], window.stop[k]) for k, axis in enumerate(self._axes)
        ]
        return [m for m in self._at(*ranges) if m != n]

    def blocks(self, side: int) -> Iterator[list[int]]:
        """Numbers of the windows in each square block of the grid, ascending, row by row.

        Args:
            side: Rows and columns of windows in a block; fewer in the last ones.
        """
        rows, cols = (
            [range(first, min(first + side, count)) for first in range(0, count, side)]
            for count in (len(axis.at) for axis in self._axes)
        )
        for row, col in itertools.product(rows, cols):
            if block := self._at(row, col):
                yield block

    def cores_at(self, box: Window) -> list[int]:
        """Numbers of the windows whose cores a box overlaps, ascending."""
        return self._at(
            *(axis.cored(box.start[k], box.stop[k]) for k, axis in enumerate(self._axes))
        )

    def _at(self, rows: Iterable[int], cols: Iterable[int]) -> list[int]:
        """Numbers of the windows in some rows and columns of the grid, ascending."""
        numbers = self._numbers
        return sorted(numbers[at] for at in itertools.product(rows, cols) if at in numbers)


class _Axis:
    """The spans of windows along one axis, of which both the starts and the stops ascend."""

    def __init__(self, spans: set[Span], length: int) -> None:
        ordered = sorted(spans)
        self._starts, self._stops = [start for start, _ in ordered], [stop for _, stop in ordered]
        self.at = {span: k for k, span in enumerate(ordered)}
        inner = [(a[1] + b[0]) // 2 for a, b in itertools.pairwise(ordered)]
        self._edges = [0, *inner, length]
        self.cores = list(itertools.pairwise(self._edges))

    def overlapping(self, start: int, stop: int) -> range:
        """Positions of the spans that overlap a span."""
        return range(bisect_right(self._stops, start), bisect_left(self._starts, stop))

    def cored(self, start: int, stop: int) -> range:
        """Positions of the spans whose cores a span overlaps."""
        first = bisect_right(self._edges, start, hi=len(self._edges) - 1) - 1
        return range(max(0, first), bisect_left(self._edges, stop, hi=len(self._edges) - 1))
