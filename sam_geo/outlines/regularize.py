"""Regularisation: outlines of buildings with straight walls and right angles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import buildingregulariser
import geopandas
import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]

PARALLEL = 2
"""Parallel walls that are nearer to each other than this number of tolerances become one wall;
`buildingregulariser` names the distance `parallel_threshold`."""
LEAST_IOU = 0.7
"""Least IoU of a straightened polygon with the outline of the mask: below it the shape is lost."""


def regularize(shapes: Shapes, tolerance: float) -> Shapes:
    """Straighten polygons along their main direction (package `buildingregulariser`).

    Edges are turned to multiples of 45 degrees from it, and a polygon that is nearly a circle
    becomes a circle. Each polygon is straightened by itself, so a common wall of two may become
    two walls, a little apart or overlapping.

    Args:
        shapes: (N,) valid Polygons and MultiPolygons in a projected reference system.
        tolerance: Size of details that are straightened away, in units of that system; with less
            than about a pixel, the stairs of pixels are taken for walls.

    Returns:
        (N,) valid Polygons and MultiPolygons with their holes. A polygon stays as it was where the
        straightened one has an IoU below 0.7 with it.
    """
    table = geopandas.GeoDataFrame({"at": np.arange(len(shapes))}, geometry=shapes)
    regular = buildingregulariser.regularize_geodataframe(
        table,
        parallel_threshold=PARALLEL * tolerance,
        simplify_tolerance=tolerance,
        include_metadata=True,  # without it, columns are dropped in a way that pandas warns of
        num_cores=1,  # a pool of processes is slower, and needs a main guard in every script
    )
    result = np.array(shapes, dtype=object)
    for at, parts in regular.groupby("at")["geometry"]:
        joined = shapely.union_all(parts.to_numpy())
        if joined.geom_type in {"Polygon", "MultiPolygon"} and joined.is_valid:
            before = shapes[at]
            shared = shapely.area(shapely.intersection(joined, before))
            if shared >= LEAST_IOU * shapely.area(shapely.union(joined, before)):
                result[at] = joined
    return result
