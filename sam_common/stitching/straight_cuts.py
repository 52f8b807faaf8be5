"""Straight cuts: outlines that run along the edge of the window that saw the object.

```
 window A        |        an object does not end in a line of pixels exactly where a window
   aaaaaaaaaaaaaa|        ends: the window does. What lies beyond has to be looked at in a
   aaaaaaaaaaaaaa|        window whose middle is here.
     aaaaaaaaaaaa|
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.stitching.bins import nearby
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion

LONGEST_PX = 12
"""An outline that follows a line no longer than this may do so by chance."""
NEAR_PX = 1
"""How far an outline may lie from a line that it follows."""
INNER_PX = 4
"""So near to its own edge a window says nothing about cuts."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A part of the edge of a window that is not the edge of the image."""

    axis: int
    """0 where it lies between two rows, 1 where it lies between two columns."""
    at: int
    """The first row or column after it."""
    start: int
    """First column or row along it."""
    stop: int
    """One past the last."""
    view: int
    """Which of the object's views it ends."""


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """A straight part of an outline along a line."""

    line: Line
    start: int
    """First column or row along the line."""
    stop: int
    """One past the last."""

    @property
    def length(self) -> int:
        """In pixels."""
        return self.stop - self.start

    @property
    def middle(self) -> tuple[int, int]:
        """(row, col) of its middle."""
        along = (self.start + self.stop) // 2
        return (self.line.at, along) if self.line.axis == 0 else (along, self.line.at)


def inner_lines(window: Window, image_hw: Sequence[int], view: int = 0) -> Iterator[Line]:
    """The edges of a window, those of the image left out.

    >>> [line.at for line in inner_lines(Window((0, 0), (10, 60)), (10, 100))]
    [60]
    """
    for axis in (0, 1):
        other = 1 - axis
        for at in (window.start[axis], window.stop[axis]):
            if 0 < at < image_hw[axis]:
                yield Line(axis, at, window.start[other], window.stop[other], view)


def straight_cuts(pieces: Sequence[MaskRegion], lines: Iterable[Line]) -> list[Cut]:
    """Where the outline of an object follows one of some lines.

    Args:
        pieces: Disjoint regions in image indices; their union is the object.
        lines: Which may be cuts.

    Returns:
        Runs of more than `LONGEST_PX` pixels in which the object lies on one side of a line and
        not on the other, `NEAR_PX` away from it; sorted.
    """
    found = []
    # of a road through a thousand windows, only the pieces along a line say anything about it
    near = nearby([piece.window for piece in pieces])
    for line in lines:
        if (strip := _strip([pieces[k] for k in near(_band(line))], line)) is None:
            continue
        first, band = strip
        # inside on one side, outside on the other: the outline lies between, all along the run
        for sided in (band[:, 0] & ~band[:, -1], ~band[:, 0] & band[:, -1]):
            found += [Cut(line, first + a, first + b) for a, b in _runs(sided)]
    return sorted(found)


def all_uncovered(
    cuts: Sequence[Cut], looked: Sequence[Window], image_hw: Sequence[int]
) -> list[Cut]:
    """The parts of several cuts, as `uncovered`; each is held against the windows near it only."""
    near = nearby(looked)
    return [
        part
        for cut in cuts
        for part in uncovered(cut, [looked[k] for k in near(_band(cut.line))], image_hw)
    ]


def uncovered(cut: Cut, looked: Sequence[Window], image_hw: Sequence[int]) -> list[Cut]:
    """The parts of a cut that lie inside none of some windows, away from their edges."""
    line, rest = cut.line, [(cut.start, cut.stop)]
    for window in looked:
        low = [0 if s == 0 else s + INNER_PX for s in window.start]
        high = [
            e if e == size else e - INNER_PX for e, size in zip(window.stop, image_hw, strict=True)
        ]
        if not low[line.axis] <= line.at <= high[line.axis]:
            continue
        rest = _outside(rest, low[1 - line.axis], high[1 - line.axis])
    return [Cut(line, a, b) for a, b in rest if b - a > LONGEST_PX]


def unlike(cut: Cut, region: MaskRegion) -> list[Cut]:
    """The parts of a cut that a mask does not have itself."""
    rest = [(cut.start, cut.stop)]
    for own in straight_cuts([region], [cut.line]):
        rest = _outside(rest, own.start, own.stop)
    return [Cut(cut.line, a, b) for a, b in rest if b - a > LONGEST_PX]


def _band(line: Line) -> Window:
    """The pixels on both sides of a line, which may reach beyond the image."""
    low, high = (line.at - NEAR_PX - 1, line.start), (line.at + NEAR_PX + 1, line.stop)
    return Window(low, high) if line.axis == 0 else Window(low[::-1], high[::-1])


def _strip(pieces: Sequence[MaskRegion], line: Line) -> tuple[int, npt.NDArray[np.bool_]] | None:
    """Pixels of the object along a line, as (first, (length, 2 + 2 NEAR_PX) array)."""
    axis, other = line.axis, 1 - line.axis
    across = (line.at - NEAR_PX - 1, line.at + NEAR_PX + 1)
    near = [
        piece
        for piece in pieces
        if piece.window.start[axis] < across[1] and piece.window.stop[axis] > across[0]
    ]
    first = max(line.start, min((p.window.start[other] for p in near), default=line.stop))
    last = min(line.stop, max((p.window.stop[other] for p in near), default=line.start))
    if last - first <= LONGEST_PX:
        return None
    ends = [(across[0], first), (across[1], last)]
    place = Window(*(pair if axis == 0 else pair[::-1] for pair in ends))
    band = drawn(near, place)
    return first, band.T if axis == 0 else band


def drawn(pieces: Iterable[MaskRegion], place: Window) -> npt.NDArray[np.bool_]:
    """An object on the pixels of a place, which may reach beyond the image."""
    mask = np.zeros(place.shape, dtype=np.bool_)
    for piece in pieces:
        if (shared := piece.window.intersect(place)) is not None:
            here = shared.within(place).slices
            mask[here] |= piece.mask[shared.within(piece.window).slices]
    return mask


def _outside(spans: Sequence[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """What is left of spans without one more."""
    return [
        part
        for a, b in spans
        for part in ((a, min(b, start)), (max(a, stop), b))
        if part[0] < part[1]
    ]


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Starts and stops of long runs."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if stop - start > LONGEST_PX:
            yield start, stop
