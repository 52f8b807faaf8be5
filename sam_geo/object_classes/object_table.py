"""Object table: objects in the reference system of their raster, with columns and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas
import shapely

from sam_geo.object_features.kept import world_shapes
from sam_geo.outlines.area import measurer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from sam_geo.raster.source import RasterSource


def object_table(
    columns: Mapping[str, Any], shapes: npt.NDArray[np.object_], grid: RasterSource
) -> geopandas.GeoDataFrame:
    """Make a table of objects.

    Args:
        columns: By name, (N,) values.
        shapes: (N,) polygons in raster indices.
        grid: Their raster.

    Returns:
        The columns, `area_m2` and `perimeter_m` on the ellipsoid (NaN where the raster has no
        reference system), `area_px`, and the polygons.
    """
    geometry = shapely.orient_polygons(world_shapes(shapes, grid))
    areas, perimeters = measurer(grid.crs)(geometry)
    measures = {"area_m2": areas, "perimeter_m": perimeters, "area_px": shapely.area(shapes)}
    return geopandas.GeoDataFrame({**columns, **measures}, geometry=geometry, crs=grid.crs)
