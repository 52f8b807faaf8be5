"""Surface of a mask: small pieces with a place and an area in mm, on any affine grid.

Each block of 2 x 2 x 2 neighbouring voxels that are not all alike holds one piece: the polygons
that cut off its corners half way along the edges (marching cubes, Lorensen and Cline 1987), be it
the inside or the outside ones, whichever are fewer. Where two of them face each other across a
side of the block, they stay apart.

```
. . # #      in 2-D: the block of the second and third column
. # # #      has three inside corners; its piece cuts off the fourth
```
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError

if TYPE_CHECKING:
    from sam_common.frame import FloatArray

Corner: TypeAlias = tuple[int, int, int]
Edge: TypeAlias = frozenset[Corner]

NDIM = 3
CORNERS: tuple[Corner, ...] = tuple(itertools.product((0, 1), (0, 1), (0, 1)))
"""Of a block; the n-th one is bit n of its code."""
CODES = 256


def surface(mask: npt.NDArray[np.bool_], steps_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The pieces of the surface of a 3-D mask; what lies outside the array is background.

    Args:
        mask: Any three axes.
        steps_mm: (3, 3), the n-th column is the step in mm along array axis n; a diagonal of the
            spacing for axes that are perpendicular.

    Returns:
        (n, 3) places in mm, from index (0, 0, 0); (n,) areas in mm².
    """
    if mask.ndim != NDIM or np.shape(steps_mm) != (NDIM, NDIM):
        raise InputError(
            f"a surface needs a mask of 3 axes and steps of (3, 3), got {mask.shape} and "
            f"{np.shape(steps_mm)}"
        )
    padded = np.pad(mask, 1).astype(np.uint8)
    codes = np.zeros([n - 1 for n in padded.shape], dtype=np.uint8)
    for bit, corner in enumerate(CORNERS):
        part = tuple(slice(c, c + n) for c, n in zip(corner, codes.shape, strict=True))
        codes |= padded[part] << np.uint8(bit)
    mixed = np.argwhere((codes > 0) & (codes < CODES - 1))
    areas = _areas(np.asarray(steps_mm, dtype=np.float64))[codes[tuple(mixed.T)]]
    # the block between voxels n and n + 1 has its middle at n + 0.5, and the padding is one voxel
    return (mixed - 0.5) @ np.asarray(steps_mm).T, areas


def _areas(steps_mm: FloatArray) -> FloatArray:
    """Area in mm² of the piece of every code."""
    areas = np.zeros(CODES)
    for code in range(CODES):
        for corners in _triangles(code):
            one, two = (corners[1:] - corners[0]) @ steps_mm.T
            areas[code] += np.linalg.norm(np.cross(one, two)) / 2
    return areas


@cache
def _triangles(code: int) -> tuple[FloatArray, ...]:
    """Triangles (3, 3) of a code, in voxels; a code and its opposite have the same ones.

    A polygon is cut into a fan from the corner that gives the largest area in cubic voxels. That
    is how the published tables of marching cubes cut it, so areas equal theirs.
    """
    most = sum(code >> bit & 1 for bit in range(len(CORNERS))) > len(CORNERS) // 2
    triangles: list[FloatArray] = []
    for polygon in _polygons(CODES - 1 - code if most else code):
        fans: list[list[FloatArray]] = [
            _fan(np.roll(polygon, -n, axis=0)) for n in range(len(polygon))
        ]
        # to the last digit but some, so that equal fans stay in order
        areas = [round(_unit_area(fan), 9) for fan in fans]
        triangles += fans[areas.index(max(areas))]
    return tuple(triangles)


def _fan(polygon: FloatArray) -> list[FloatArray]:
    return [polygon[[0, n, n + 1]] for n in range(1, len(polygon) - 1)]


def _unit_area(fan: list[FloatArray]) -> float:
    return sum(float(np.linalg.norm(np.cross(b - a, c - a))) / 2 for a, b, c in fan)


def _polygons(code: int) -> tuple[FloatArray, ...]:
    """Closed ways through the middles of the edges that one end of lies inside."""
    links: dict[Edge, list[Edge]] = {}
    for start, stop in _segments(code):
        links.setdefault(start, []).append(stop)
        links.setdefault(stop, []).append(start)
    polygons = []
    while links:
        edge: Edge | None = next(iter(links))
        way = []
        while edge is not None:
            way.append(edge)
            onward = links.pop(edge)
            edge = next((other for other in onward if other in links), None)
        polygons.append(np.array([np.mean(list(edge), axis=0) for edge in way]))
    return tuple(polygons)


def _segments(code: int) -> list[tuple[Edge, Edge]]:
    """For each side of the block, the pairs of edges between which the surface crosses it."""
    inside = {corner for bit, corner in enumerate(CORNERS) if code >> bit & 1}
    found = []
    for axis, end in itertools.product(range(NDIM), (0, 1)):
        around = _side(axis, end)
        edges = [frozenset((around[n], around[n - 1])) for n in range(4)]
        # edge n lies between corner n - 1 and corner n
        crossed = [n for n in range(4) if (around[n] in inside) != (around[n - 1] in inside)]
        if len(crossed) == 2:  # noqa: PLR2004  # one way in, one out
            found.append((edges[crossed[0]], edges[crossed[1]]))
        elif crossed:
            corners = [n for n in range(4) if around[n] in inside]
            found += [(edges[n], edges[(n + 1) % 4]) for n in corners]
    return found


def _side(axis: int, end: int) -> list[Corner]:
    """The four corners of a side, one after the other around it."""
    corners = []
    for pair in ((0, 0), (0, 1), (1, 1), (1, 0)):
        corner = [*pair[:axis], end, *pair[axis:]]
        corners.append((corner[0], corner[1], corner[2]))
    return corners
