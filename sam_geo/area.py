"""True areas: on the ellipsoid, whatever the projection does to them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

SEGMENTS = 64
"""A shape's longest edges get about so many pieces before they leave their projection, where
straight lines are no geodesics; a 1000 km square in web mercator at 60 degrees is then right to
1e-5."""


def area_meter(crs: pyproj.CRS | None) -> Callable[[shapely.Geometry], float | None]:
    """A function that gives the square metres of polygons in one reference system.

    The area is the one between geodesics on the system's own ellipsoid (Karney 2013, through
    `pyproj.Geod`), so no projection's scale enters: web mercator doubles areas at 45 degrees, this
    does not.

    Args:
        crs: The polygons' reference system.

    Returns:
        Polygon or MultiPolygon to square metres. None for every shape where there is no reference
        system or it lies nowhere on the Earth (a local grid), and for a shape that leaves the
        projection's domain.
    """
    geodetic = None if crs is None else crs.geodetic_crs
    geod = None if geodetic is None else geodetic.get_geod()
    if crs is None or geodetic is None or geod is None:
        return lambda _shape: None
    transformer = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    degrees = math.degrees(geodetic.axis_info[0].unit_conversion_factor)  # grads exist too

    def to_lonlat(coordinates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        lonlat = transformer.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack(lonlat) * degrees

    def area_m2(shape: shapely.Geometry) -> float | None:
        x0, y0, x1, y1 = shapely.bounds(shape).tolist()
        dense = shapely.segmentize(shape, max(x1 - x0, y1 - y0) / SEGMENTS)
        # holes are subtracted only if they run the other way round than their outer ring
        lonlat = shapely.orient_polygons(shapely.transform(dense, to_lonlat))
        area, _ = geod.geometry_area_perimeter(lonlat)
        return abs(float(area)) if math.isfinite(area) else None

    return area_m2
