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

    FloatArray = npt.NDArray[np.float64]

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
    meter = _meter(crs)

    def area_m2(shape: shapely.Geometry) -> float | None:
        area = math.nan if meter is None else meter(shape)[0]
        return None if math.isnan(area) else area

    return area_m2


def measurer(
    crs: pyproj.CRS | None,
) -> Callable[[npt.NDArray[np.object_]], tuple[FloatArray, FloatArray]]:
    """A function that gives areas and perimeters of many polygons in one reference system.

    Args:
        crs: The polygons' reference system.

    Returns:
        (N,) shapely geometries or None to (N,) square metres and (N,) metres along geodesics, as
        `area_meter`. NaN where there is no geometry, no reference system on the Earth, or a shape
        leaves the projection's domain.
    """
    meter = _meter(crs)

    def measure(shapes: npt.NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
        figures = np.full((len(shapes), 2), np.nan)
        for n, shape in enumerate(shapes):
            if shape is not None and meter is not None:
                figures[n] = meter(shape)
        return figures[:, 0], figures[:, 1]

    return measure


def _meter(crs: pyproj.CRS | None) -> Callable[[shapely.Geometry], tuple[float, float]] | None:
    """Square metres and metres of one polygon, NaN where they are not known."""
    geodetic = None if crs is None else crs.geodetic_crs
    geod = None if geodetic is None else geodetic.get_geod()
    if crs is None or geodetic is None or geod is None:
        return None
    transformer = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    degrees = math.degrees(geodetic.axis_info[0].unit_conversion_factor)  # grads exist too

    def to_lonlat(coordinates: FloatArray) -> FloatArray:
        lonlat = transformer.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack(lonlat) * degrees

    def measure(shape: shapely.Geometry) -> tuple[float, float]:
        x0, y0, x1, y1 = shapely.bounds(shape).tolist()
        dense = shapely.segmentize(shape, max(x1 - x0, y1 - y0) / SEGMENTS)
        # holes are subtracted only if they run the other way round than their outer ring
        lonlat = shapely.orient_polygons(shapely.transform(dense, to_lonlat))
        area, perimeter = geod.geometry_area_perimeter(lonlat)
        if not (math.isfinite(area) and math.isfinite(perimeter)):
            return math.nan, math.nan
        return abs(float(area)), float(perimeter)

    return measure
