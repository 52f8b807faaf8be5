"""Outline: the edge of a mask half way between voxels, as points and as edges.

A voxel of the object whose neighbour is none has a point half way to it. The edges on a slice join
these points (marching squares); the points of all voxels are the corners of the surface that
marching cubes gives at one half, as pyradiomics and 3D Slicer use it.

```
. # # .      points    -  on the left and right of each row,
. # . .      |              and above and below of each column
```
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.frame import FloatArray

SIDES = ((0.0, 0.5), (0.5, 0.0), (1.0, 0.5), (0.5, 1.0))
"""Middles of the sides of a cell between four voxels, from its first voxel: top, left, bottom,
right."""


def outermost_points(mask: npt.NDArray[np.bool_]) -> FloatArray:
    """The first and the last point of the outline on each line of voxels along each axis.

    Every corner of the convex hull of the outline is one of them.

    Args:
        mask: An array of any number of axes.

    Returns:
        (points, axes) indices; none for an empty mask.
    """
    found = []
    for axis in range(mask.ndim):
        lines = np.moveaxis(mask, axis, -1)
        occupied = lines.any(axis=-1)
        rest = np.argwhere(occupied).astype(np.float64)
        first = lines.argmax(axis=-1)[occupied] - 0.5
        last = lines.shape[-1] - 0.5 - lines[..., ::-1].argmax(axis=-1)[occupied]
        found += [np.insert(rest, axis, along, axis=1) for along in (first, last)]
    return np.concatenate(found)


def outline_edges(mask: npt.NDArray[np.bool_]) -> FloatArray:
    """The edges of the outlines of a mask on a slice, outer ones and those of holes.

    Two voxels that touch at a corner only are apart.

    Args:
        mask: (rows, columns) array.

    Returns:
        (edges, 2, 2) indices: both ends of each edge as (row, column).
    """
    padded = np.pad(mask, 1)
    top_left, top_right = padded[:-1, :-1], padded[:-1, 1:]
    bottom_left, bottom_right = padded[1:, :-1], padded[1:, 1:]
    crossed = np.stack(
        [
            top_left != top_right,
            top_left != bottom_left,
            bottom_left != bottom_right,
            top_right != bottom_right,
        ]
    )
    count = crossed.sum(axis=0)
    edges = []
    for one, other in combinations(range(len(SIDES)), 2):
        cells = (count == 2) & crossed[one] & crossed[other]  # noqa: PLR2004  # both sides of an edge
        if (one, other) in {(0, 1), (2, 3)}:
            cells |= (count == len(SIDES)) & top_left
        elif (one, other) in {(0, 3), (1, 2)}:
            cells |= (count == len(SIDES)) & top_right
        # the first cell lies before the first voxel
        corner = np.argwhere(cells) - 1.0
        edges.append(np.stack([corner + SIDES[one], corner + SIDES[other]], axis=1))
    return np.concatenate(edges)
