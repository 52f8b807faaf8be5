"""Straight cuts: parts of an outline that run along the edge of the window that saw the object.

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
from sam_common.stitching.regions import drawn
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion

CHANCE_PX = 12
"""An outline that follows a line for this many pixels or fewer may do so by chance."""
NEAR_PX = 1
"""How far an outline may lie from a line that it follows, in pixels."""
BLIND_PX = 4
"""This near to its own edge, in pixels, a window says nothing about cuts."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A part of the edge of a window that is not the edge of the image."""

    axis: int
    """0 where the line lies between two rows, 1 where it lies between two columns."""
    at: int
    """The first row or column after the line."""
    start: int
    """First column or row along the line."""
    stop: int
    """One past the last column or row along the line."""
    view: int
    """Number of the object's view that the line ends."""


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """A straight part of an outline along a line."""

    line: Line
    start: int
    """First column or row along the line."""
    stop: int
    """One past the last column or row along the line."""

    @property
    def length(self) -> int:
        """Length in pixels."""
        return self.stop - self.start

    @property
    def middle(self) -> tuple[int, int]:
        """(row, col) of the cut's middle."""
        along = (self.start + self.stop) // 2
        return (self.line.at, along) if self.line.axis == 0 else (along, self.line.at)

    def around(self, margin: int) -> Window:
        """The pixels within a margin of the cut, in image indices; may reach beyond the image."""
        return _band(self.line, margin, (self.start, self.stop))


def inner_lines(window: Window, image_hw: Sequence[int], view: int = 0) -> Iterator[Line]:
    """The edges of a window that are not edges of the image.

    Args:
        window: (row, col) in the image.
        image_hw: Rows and columns of the image.
        view: Number of the object's view that ends there.

    >>> [line.at for line in inner_lines(Window((0, 0), (10, 60)), (10, 100))]
    [60]
    """
    for axis in (0, 1):
        for at in (window.start[axis], window.stop[axis]):
            if 0 < at < image_hw[axis]:
                yield Line(axis, at, window.start[1 - axis], window.stop[1 - axis], view)


def straight_cuts(pieces: Sequence[MaskRegion], lines: Iterable[Line]) -> list[Cut]:
    """Where the outline of an object follows one of some lines.

    Args:
        pieces: Disjoint masks in image indices; their union is the object.
        lines: Lines that may be cuts.

    Returns:
        Runs of more than `CHANCE_PX` pixels in which the object lies on one side of a line and
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


def unseen_cuts(
    cuts: Sequence[Cut], windows: Sequence[Window], image_hw: Sequence[int]
) -> list[Cut]:
    """The parts of several cuts that no window saw from both sides, see `unseen_parts`.

    Each cut is compared with the windows near it only.
    """
    near = nearby(windows)
    return [
        part
        for cut in cuts
        for part in unseen_parts(cut, [windows[k] for k in near(_band(cut.line))], image_hw)
    ]


def unseen_parts(cut: Cut, windows: Sequence[Window], image_hw: Sequence[int]) -> list[Cut]:
    """The parts of a cut that no window saw from both sides.

    A window sees what lies inside it, `BLIND_PX` away from its edges or at the image's edge.

    Args:
        cut: The cut.
        windows: Windows (row, col) of the image that know the object.
        image_hw: Rows and columns of the image.
    """
    line, rest = cut.line, [(cut.start, cut.stop)]
    for window in windows:
        low = [0 if s == 0 else s + BLIND_PX for s in window.start]
        high = [
            e if e == size else e - BLIND_PX for e, size in zip(window.stop, image_hw, strict=True)
        ]
        if not low[line.axis] <= line.at <= high[line.axis]:
            continue
        rest = _outside(rest, low[1 - line.axis], high[1 - line.axis])
    return [Cut(line, a, b) for a, b in rest if b - a > CHANCE_PX]


def parts_not_in_mask(cut: Cut, region: MaskRegion) -> list[Cut]:
    """The parts of a cut along which the outline of a mask does not run itself."""
    rest = [(cut.start, cut.stop)]
    for own in straight_cuts([region], [cut.line]):
        rest = _outside(rest, own.start, own.stop)
    return [Cut(cut.line, a, b) for a, b in rest if b - a > CHANCE_PX]


def _band(line: Line, margin: int = NEAR_PX + 1, span: tuple[int, int] | None = None) -> Window:
    """The pixels within a margin on both sides of a line, which may reach beyond the image."""
    start, stop = span or (line.start, line.stop)
    low, high = (line.at - margin, start), (line.at + margin, stop)
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
    if last - first <= CHANCE_PX:
        return None
    band = drawn(near, _band(line, span=(first, last)))
    return first, band.T if axis == 0 else band


def _outside(spans: Sequence[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """The parts of spans that lie outside of one more span."""
    return [
        part
        for a, b in spans
        for part in ((a, min(b, start)), (max(a, stop), b))
        if part[0] < part[1]
    ]


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Starts and stops of the runs of True that are longer than `CHANCE_PX`."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if stop - start > CHANCE_PX:
            yield start, stop
