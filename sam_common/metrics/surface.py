"""Surface of a mask: small pieces with a place and an area in mm, on any affine grid.

Each block of 2 x 2 x 2 neighbouring voxels that are not all alike holds one piece of the surface:
polygons that cut off the corners inside of the object, or outside of it if these are fewer, half
way along the edges (marching cubes, Lorensen and Cline 1987). Two such corners that lie diagonally
on a side of the block are cut off separately.

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
"""Corners of a block; the n-th corner is bit n of the code of the block."""
CODES = 256
"""Number of codes: each of the eight corners lies inside or outside."""


def surface(mask: npt.NDArray[np.bool_], steps_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The pieces of the surface of a 3-D mask; outside of the array is background.

    Args:
        mask: Object voxels, 3-D.
        steps_mm: (3, 3), whose n-th column is the step in mm along array axis n; for perpendicular
            axes the diagonal matrix of the spacing.

    Returns:
        (n, 3) places of the pieces in mm, from the centre of voxel (0, 0, 0); (n,) areas in mm².

    Raises:
        InputError: If the mask has not three axes, or the steps are not (3, 3).
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
    """Area in mm² of the piece of each code, (256,)."""
    areas = np.zeros(CODES)
    for code in range(CODES):
        for corners in _triangles(code):
            one, two = (corners[1:] - corners[0]) @ steps_mm.T
            areas[code] += np.linalg.norm(np.cross(one, two)) / 2
    return areas


@cache
def _triangles(code: int) -> tuple[FloatArray, ...]:
    """Triangles of the piece of a code, each (3, 3) in voxels; inverted codes have the same.

    A polygon is cut into a fan of triangles from the corner that gives the largest area in cubic
    voxels. The published tables of marching cubes cut it in the same way, so areas equal theirs.
    """
    most = sum(code >> bit & 1 for bit in range(len(CORNERS))) > len(CORNERS) // 2
    triangles: list[FloatArray] = []
    for polygon in _polygons(CODES - 1 - code if most else code):
        fans: list[list[FloatArray]] = [
            _fan(np.roll(polygon, -n, axis=0)) for n in range(len(polygon))
        ]
        # rounded, so that of fans with equal areas the first is taken
        areas = [round(_unit_area(fan), 9) for fan in fans]
        triangles += fans[areas.index(max(areas))]
    return tuple(triangles)


def _fan(polygon: FloatArray) -> list[FloatArray]:
    return [polygon[[0, n, n + 1]] for n in range(1, len(polygon) - 1)]


def _unit_area(fan: list[FloatArray]) -> float:
    return sum(float(np.linalg.norm(np.cross(b - a, c - a))) / 2 for a, b, c in fan)


def _polygons(code: int) -> tuple[FloatArray, ...]:
    """Closed polygons through the middles of the edges that have one end inside."""
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
    """The pairs of edges of a block that the surface joins across one of the block's sides."""
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
    """The four corners of a side of a block, in order around the side."""
    corners = []
    for pair in ((0, 0), (0, 1), (1, 1), (1, 0)):
        corner = [*pair[:axis], end, *pair[axis:]]
        corners.append((corner[0], corner[1], corner[2]))
    return corners
