"""Areas and perimeters of polygons on the ellipsoid, whatever their projection."""

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

SEGMENTS_AT_1000_KM = 256
"""Parts of an edge of 1000 km: edges are cut before they are taken out of their projection, because
straight lines there are no geodesics. The number grows with the square root of the size, so that
the error stays the same: a square in web mercator at 60 degrees is right to 1e-6."""
MOST_SEGMENTS = 512
"""Most parts of an edge, whatever its length."""
EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth, from which lengths in degrees are estimated in metres."""


def measurer(
    crs: pyproj.CRS | None,
) -> Callable[[npt.NDArray[np.object_]], tuple[FloatArray, FloatArray]]:
    """Make a function that measures areas and perimeters of polygons in a reference system.

    Areas are those between geodesics on the ellipsoid of the system (Karney 2013, through
    `pyproj.Geod`), so the scale of the projection has no influence: web mercator doubles areas at
    45 degrees, the measured ones stay true.

    Args:
        crs: Reference system of the polygons.

    Returns:
        A function of (N,) Polygons, MultiPolygons or None, which gives (N,) areas in square metres
        and (N,) lengths of all rings in metres. They are NaN where there is no geometry, where the
        system has no place on the Earth (such as a local grid), and where a shape leaves the
        domain of the projection.
    """
    geodetic = None if crs is None else crs.geodetic_crs
    geod = None if geodetic is None else geodetic.get_geod()
    if crs is None or geodetic is None or geod is None:
        return lambda shapes: (np.full(len(shapes), np.nan), np.full(len(shapes), np.nan))
    transformer = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    # the unit of longitude and latitude may be grads
    degrees = math.degrees(geodetic.axis_info[0].unit_conversion_factor)
    unit_m = crs.axis_info[0].unit_conversion_factor * (EARTH_RADIUS_M if crs.is_geographic else 1)

    def to_lonlat(coordinates: FloatArray) -> FloatArray:
        """Turn (K, 2) map coordinates into longitude and latitude in degrees."""
        lonlat = transformer.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack(lonlat) * degrees

    def measure(shapes: npt.NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
        """Measure areas and perimeters; see `measurer`."""
        figures = np.full((len(shapes), 2), np.nan)
        at = np.flatnonzero(~shapely.is_missing(shapes))
        dense = shapely.segmentize(shapes[at], _steps(shapes[at], unit_m))
        # holes are subtracted only if they run the other way round than their outer ring
        with np.errstate(invalid="ignore"):  # infinite outside the domain of the projection
            lonlat = shapely.orient_polygons(shapely.transform(dense, to_lonlat))
        sums = _ring_sums(np.asarray(lonlat, dtype=object), geod)
        sums[~np.isfinite(sums).all(axis=1)] = np.nan
        figures[at] = np.abs(sums)
        return figures[:, 0], figures[:, 1]

    return measure


def _steps(shapes: npt.NDArray[np.object_], unit_m: float) -> FloatArray:
    """Compute the (N,) greatest length of an edge that is not cut into parts, in map units."""
    bounds = shapely.bounds(shapes)
    longest = (bounds[:, 2:] - bounds[:, :2]).max(axis=1)
    pieces = SEGMENTS_AT_1000_KM * np.sqrt(longest * unit_m / 1e6)
    return np.asarray(longest / np.clip(np.ceil(pieces), 1, MOST_SEGMENTS))


def _ring_sums(lonlat: npt.NDArray[np.object_], geod: pyproj.Geod) -> FloatArray:
    """Sum (N, 2) signed area and length of polygons over their rings."""
    polygons, shape_of = shapely.get_parts(lonlat, return_index=True)
    rings, polygon_of = shapely.get_rings(polygons, return_index=True)
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    starts = np.searchsorted(ring_of, np.arange(len(rings) + 1))
    sums = np.zeros((len(lonlat), 2))
    for n, owner in enumerate(shape_of[polygon_of]):
        lon, lat = coordinates[starts[n] : starts[n + 1]].T
        sums[owner] += geod.polygon_area_perimeter(lon, lat)
    return sums
