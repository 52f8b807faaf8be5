"""Shape: the size of outlines, and figures of their form that no size, place or turn changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

SIZE = ("log2 of area",)
"""Names of features of size."""
FORM = ("compactness", "solidity", "rectangularity", "log2 of elongation", "share without holes")
"""Names of features of form."""
TOLERANCE_PX = 1.0
"""Tolerance in pixels of the outline whose length counts: along the edges of pixels a slanting line
is up to 1.4 times as long as one that a person draws."""

CORNERS = 4
"""Corners of a rectangle."""


def sizes(shapes: npt.NDArray[np.object_]) -> FloatArray:
    """(N, 1) logarithm of the area of polygons in pixels, to the base of 2."""
    return np.log2(np.maximum(shapely.area(shapes), 1 / 16))[:, None].astype(np.float32)


def forms(shapes: npt.NDArray[np.object_]) -> FloatArray:
    """Figures of the form of polygons.

    Args:
        shapes: (N,) Polygons or MultiPolygons in raster indices.

    Returns:
        (N, 5), as `FORM` names them: 4 pi times the area over the squared length of the outline, 1
        for a disc; area over that of the convex hull; area over that of the least rectangle around
        it; logarithm, to the base of 2, of the long over the short side of that rectangle; area
        over the area with its holes filled. NaN where a polygon has no area.

    >>> [round(float(figure), 3) for figure in forms(np.array([shapely.box(0, 0, 8, 2)]))[0]]
    [0.503, 1.0, 1.0, 2.0, 1.0]
    """
    area = np.where(shapely.area(shapes) > 0, shapely.area(shapes), np.nan)
    smooth = shapely.simplify(shapes, TOLERANCE_PX)
    frame = shapely.minimum_rotated_rectangle(shapes)
    sides = np.array([_sides(one) for one in frame]).reshape(-1, 2)
    long, short = sides.max(axis=1), sides.min(axis=1)
    filled = [
        sum(shapely.Polygon(part.exterior).area for part in shapely.get_parts(one))
        for one in shapes
    ]
    with np.errstate(all="ignore"):
        figures = [
            4 * np.pi * shapely.area(smooth) / shapely.length(smooth) ** 2,
            area / shapely.area(shapely.convex_hull(shapes)),
            area / (long * short),
            np.log2(long / short),
            area / np.array(filled),
        ]
    found = np.stack(figures, axis=1)
    found[~np.isfinite(found)] = np.nan
    return found.astype(np.float32)


def _sides(rectangle: shapely.Geometry) -> tuple[float, float]:
    """Lengths of two sides of a rectangle that meet; NaN where it is none, as around a line."""
    corners = shapely.get_coordinates(rectangle)
    if len(corners) < CORNERS:
        return np.nan, np.nan
    first, second = np.hypot(*np.diff(corners[:3], axis=0).T).tolist()
    return first, second
