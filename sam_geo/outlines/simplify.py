"""Simplification: polygons with fewer vertices, without new gaps or overlaps between neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]


def simplify(shapes: Shapes, tolerance: float) -> Shapes:
    """Simplify polygons so that neighbours keep sharing their common edges.

    Polygons that touch without overlap form a coverage, which is simplified as a whole
    (`shapely.coverage_simplify`). Polygons that overlap others, as masks may, have no common edge
    to keep: each is simplified by itself (`shapely.simplify` with `preserve_topology`).

    Args:
        shapes: (N,) valid Polygons and MultiPolygons.
        tolerance: In units of their reference system; in a coverage the square root of
            Visvalingam's area, else the distance of Douglas and Peucker.

    Returns:
        (N,) valid shapes. A shape that would vanish or become invalid stays as it was.
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
    """Mark the shapes that share an area with another; touching ones do not."""
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="intersects")
    pairs = first < second
    first, second = first[pairs], second[pairs]
    # T in the first place of the DE-9IM pattern: the interiors meet
    meets = shapely.relate_pattern(shapes[first], shapes[second], "T********")
    found = np.zeros(len(shapes), dtype=np.bool_)
    found[first[meets]] = found[second[meets]] = True
    return found
