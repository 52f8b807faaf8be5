"""Contours: a mask as closed outlines along the edges of its pixels, holes included.

The outline of a pixel is its square. The pixel centres inside an outline are therefore exactly the
mask, and the area of the outline is that of the pixels. Indices count from pixel centres: pixel
(0, 0) reaches from -0.5 to 0.5.

A hole is joined to the outline around it by a channel of no width, the "keyhole" that DICOM asks
for in closed contours (PS3.3, C.8.8.6.3), so that one contour describes all of one piece:

```
a-----------b        a b c d e f g h e d   with d-e the channel:
|  f---g    |        outline from a to d, into the hole and around it against the
d--e   |    |        direction of the outline, and back
|  +---h    |
+-----------c
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.frame import FloatArray

Vertex: TypeAlias = tuple[int, int]
"""A corner of pixels, as (row, column) of the pixel whose upper left corner it is."""
Loop: TypeAlias = list[Vertex]
"""A closed path in steps of one pixel, with the object on its right."""


def outlines(mask: npt.NDArray[np.bool_]) -> list[FloatArray]:
    """The outlines of a mask, one for each piece of pixels that are connected by their sides.

    Args:
        mask: (rows, columns) of one slice.

    Returns:
        Arrays (points, 2) of (row, column) indices of the corners; the first point is not repeated
        at the end.
    """
    padded = np.pad(mask, 1)
    loops = _trace(padded)
    outer = [loop for loop in loops if _area(loop) > 0]
    holes = sorted((loop for loop in loops if _area(loop) < 0), key=_leftmost)
    owner = {vertex: n for n, loop in enumerate(outer) for vertex in loop}
    for hole in holes:
        start = _leftmost(hole)[::-1]
        hit = _left_of(padded, start)
        n = owner[hit]
        outer[n] = _join(outer[n], hit, hole, start)
        owner.update(dict.fromkeys(hole, n))
    # from corners of the padded mask to centres of the mask: 1 for the padding, half a pixel
    return [np.array(_corners(loop), dtype=np.float64) - 1.5 for loop in outer]


def _trace(padded: npt.NDArray[np.bool_]) -> list[Loop]:
    """All boundaries of a mask: clockwise around objects (x right, y down), else around holes.

    Args:
        padded: The mask with one empty pixel around it.
    """
    following: dict[Vertex, list[Vertex]] = {}
    above, left = np.roll(padded, 1, axis=0), np.roll(padded, 1, axis=1)
    for edges, (start, stop) in (
        (padded & ~above, ((0, 0), (0, 1))),  # top side, to the right
        (~padded & above, ((0, 1), (0, 0))),  # bottom side of the pixel above, to the left
        (padded & ~left, ((1, 0), (0, 0))),  # left side, up
        (~padded & left, ((0, 0), (1, 0))),  # right side of the pixel before, down
    ):
        for row, column in np.argwhere(edges).tolist():
            vertex = (row + start[0], column + start[1])
            following.setdefault(vertex, []).append((row + stop[0], column + stop[1]))
    loops = []
    while following:
        loops.append(_follow(following, next(iter(following))))
    return loops


def _follow(following: dict[Vertex, list[Vertex]], start: Vertex) -> Loop:
    """The loop through a vertex, whose steps are removed from the remaining ones."""
    loop, before, vertex = [start], None, start
    while True:
        ways = following[vertex]
        # where two pixels touch at a corner, turn right to stay at the same pixel
        step = ways[0] if before is None or len(ways) == 1 else _right(before, vertex, ways)
        ways.remove(step)
        if not ways:
            del following[vertex]
        if step == start:
            return loop
        loop.append(step)
        before, vertex = vertex, step


def _right(before: Vertex, vertex: Vertex, ways: list[Vertex]) -> Vertex:
    """The next vertex to the right of the direction in which a vertex was reached."""
    down, across = vertex[0] - before[0], vertex[1] - before[1]
    wanted = (vertex[0] + across, vertex[1] - down)
    return wanted if wanted in ways else ways[0]


def _area(loop: Loop) -> int:
    """Twice the area inside a loop; negative for the boundary of a hole."""
    rows, columns = np.array(loop).T
    return int(np.sum(columns * np.roll(rows, -1) - np.roll(columns, -1) * rows))


def _leftmost(loop: Loop) -> tuple[int, int]:
    """The leftmost vertex as (column, row), the upper one of several."""
    return min((column, row) for row, column in loop)


def _left_of(padded: npt.NDArray[np.bool_], vertex: Vertex) -> Vertex:
    """The first vertex of a boundary to the left of the leftmost vertex of a hole."""
    row, column = vertex
    while padded[row - 1, column - 1] and padded[row, column - 1]:
        column -= 1
    return row, column


def _join(loop: Loop, hit: Vertex, hole: Loop, start: Vertex) -> Loop:
    """Join a hole to a loop: from `hit` over to `start`, around the hole, and back to `hit`."""
    at, turn = loop.index(hit), hole.index(start)
    around = [*hole[turn:], *hole[: turn + 1]]
    return [*loop[: at + 1], *around, *loop[at:]]


def _corners(loop: Loop) -> Loop:
    """The vertices of a loop where its direction changes."""
    steps = zip(loop[-1:] + loop[:-1], loop, loop[1:] + loop[:1], strict=True)
    return [
        vertex
        for before, vertex, after in steps
        if _direction(before, vertex) != _direction(vertex, after)
    ]


def _direction(start: Vertex, stop: Vertex) -> tuple[int, int]:
    """The signs of the steps along rows and columns."""
    down, across = stop[0] - start[0], stop[1] - start[1]
    return (down > 0) - (down < 0), (across > 0) - (across < 0)
