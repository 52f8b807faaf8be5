"""Simplification: fewer vertices, no gap and no overlap that was not there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]


def simplify(shapes: Shapes, tolerance: float) -> Shapes:
    """Simplify polygons; where they share edges, they share them afterwards.

    Polygons that overlap another (masks may) have no common edge to keep, so they are simplified
    by themselves, with their topology. The others form coverages, groups of polygons that touch
    without overlap, and each group is simplified as a whole (`shapely.coverage_simplify`).

    Args:
        shapes: (N,) valid Polygons and MultiPolygons.
        tolerance: In units of their reference system: Douglas-Peucker's distance for the former,
            the square root of Visvalingam's area for the latter.

    Returns:
        (N,) valid shapes. One that would vanish or become invalid stays as it was.
    """
    overlapping = _overlapping(shapes)
    result = np.array(shapes, dtype=object)
    alone, together = np.flatnonzero(overlapping), np.flatnonzero(~overlapping)
    if len(together):
        result[together] = shapely.coverage_simplify(shapes[together], tolerance)
    if len(alone):
        result[alone] = shapely.simplify(shapes[alone], tolerance, preserve_topology=True)
    spoiled = shapely.is_empty(result) | ~shapely.is_valid(result)
    result[spoiled] = shapes[spoiled]
    return result


def _overlapping(shapes: Shapes) -> npt.NDArray[np.bool_]:
    """Which shapes share an area with another: touching is none."""
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="intersects")
    pairs = first < second
    first, second = first[pairs], second[pairs]
    # their interiors meet: T in the first place of the relation
    meets = shapely.relate_pattern(shapes[first], shapes[second], "T********")
    found = np.zeros(len(shapes), dtype=np.bool_)
    found[first[meets]] = found[second[meets]] = True
    return found
