"""Elsewhere: the outlines of examples in other places, which show what the kind is not.

A network proposes objects, and many of them may be of the kind that is looked for; in a field of
axons nearly all are. What certainly is none is the outline of an example on other ground. It has
the size and form of the kind, so that what tells the two apart is what is seen in and around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely import affinity

from sam_common.support.chance import uniform
from sam_geo.object_classes.examples import OTHER_IOU, overlap_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]

PLACES = 64
"""Outlines in other places."""
TRIES = 8
"""How many places are tried for each of them: on dense ground most hold an object."""


def elsewhere(outlines: Shapes, candidates: Shapes, size_hw: tuple[int, int]) -> Shapes:
    """Move outlines to places by chance, where they show no candidate.

    Args:
        outlines: (E,) polygons of examples in raster indices.
        candidates: (N,) all candidates; a place counts where the IoU with each is small.
        size_hw: Rows and columns of the raster.

    Returns:
        (M,) up to `PLACES` polygons, each inside the raster, the same ones for the same input;
        fewer where outlines are as large as the raster, or objects lie everywhere.
    """
    height, width = size_hw
    tree = shapely.STRtree(candidates)
    areas = shapely.area(candidates)
    chances = uniform(np.arange(2 * PLACES * TRIES, dtype=np.int64), 0).reshape(-1, 2)
    found: list[shapely.Geometry] = []
    for n, (right, down) in enumerate(chances.tolist()):
        shape = outlines[n % len(outlines)]
        x0, y0, x1, y1 = shape.bounds
        free_x, free_y = width - (x1 - x0), height - (y1 - y0)
        if free_x <= 0 or free_y <= 0:
            continue
        by = np.round([right * free_x - 0.5 - x0, down * free_y - 0.5 - y0])
        moved = affinity.translate(shape, *by.tolist())
        near = tree.query(moved)
        shared = overlap_of(moved, candidates[near])
        if not (shared >= OTHER_IOU * (areas[near] + moved.area - shared)).any():
            found.append(moved)
        if len(found) == PLACES:
            break
    return np.array([None, *found], dtype=object)[1:]
