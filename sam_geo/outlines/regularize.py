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
"""Walls nearer to each other than so many tolerances become one, as the library has it."""
LEAST_IOU = 0.7
"""A result that agrees less with the mask's outline has lost the object."""


def regularize(shapes: Shapes, tolerance: float) -> Shapes:
    """Straighten polygons along their main direction (package `buildingregulariser`).

    Edges turn to multiples of 45 degrees from it; what is nearly a circle becomes one. Neighbours
    are looked at one by one, so a common wall may become two, a little apart or overlapping.

    Args:
        shapes: (N,) valid Polygons and MultiPolygons in a projected reference system.
        tolerance: What may be straightened away, in units of that system; about a pixel at least,
            or the stairs of pixels are taken for walls.

    Returns:
        (N,) valid Polygons and MultiPolygons with their holes. One whose straightened outline has
        an IoU below 0.7 with its own stays as it was.
    """
    table = geopandas.GeoDataFrame({"at": np.arange(len(shapes))}, geometry=shapes)
    regular = buildingregulariser.regularize_geodataframe(
        table,
        parallel_threshold=PARALLEL * tolerance,
        simplify_tolerance=tolerance,
        include_metadata=True,  # without, it drops columns in a way that pandas is giving up
        num_cores=1,  # a pool of processes costs more than it saves, and every script a main guard
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
