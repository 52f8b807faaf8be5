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

SEGMENTS_AT_1000_KM = 256
"""The longest edges of a shape so large get about so many pieces before they leave their
projection, where straight lines are no geodesics. The number goes with the root of the size, which
keeps the error the same: a square in web mercator at 60 degrees is right to 1e-6."""
MOST_SEGMENTS = 512
EARTH_RADIUS_M = 6_371_008.8


def measurer(
    crs: pyproj.CRS | None,
) -> Callable[[npt.NDArray[np.object_]], tuple[FloatArray, FloatArray]]:
    """A function that gives areas and perimeters of many polygons in one reference system.

    The area is the one between geodesics on the system's own ellipsoid (Karney 2013, through
    `pyproj.Geod`), so no projection's scale enters: web mercator doubles areas at 45 degrees, this
    does not.

    Args:
        crs: The polygons' reference system.

    Returns:
        (N,) Polygons, MultiPolygons or None to (N,) square metres and (N,) metres along geodesics.
        NaN where there is no geometry, no reference system on the Earth (a local grid has none),
        or a shape leaves the projection's domain.
    """
    geodetic = None if crs is None else crs.geodetic_crs
    geod = None if geodetic is None else geodetic.get_geod()
    if crs is None or geodetic is None or geod is None:
        return lambda shapes: (np.full(len(shapes), np.nan), np.full(len(shapes), np.nan))
    transformer = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    degrees = math.degrees(geodetic.axis_info[0].unit_conversion_factor)  # grads exist too
    unit_m = crs.axis_info[0].unit_conversion_factor * (EARTH_RADIUS_M if crs.is_geographic else 1)

    def to_lonlat(coordinates: FloatArray) -> FloatArray:
        lonlat = transformer.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack(lonlat) * degrees

    def measure(shapes: npt.NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
        figures = np.full((len(shapes), 2), np.nan)
        at = np.flatnonzero(~shapely.is_missing(shapes))
        dense = shapely.segmentize(shapes[at], _steps(shapes[at], unit_m))
        # holes are subtracted only if they run the other way round than their outer ring
        lonlat = shapely.orient_polygons(shapely.transform(dense, to_lonlat))
        sums = _ring_sums(np.asarray(lonlat, dtype=object), geod)
        sums[~np.isfinite(sums).all(axis=1)] = np.nan
        figures[at] = np.abs(sums)
        return figures[:, 0], figures[:, 1]

    return measure


def _steps(shapes: npt.NDArray[np.object_], unit_m: float) -> FloatArray:
    """(N,) length of the longest edge that may leave the projection unbroken."""
    bounds = shapely.bounds(shapes)
    longest = (bounds[:, 2:] - bounds[:, :2]).max(axis=1)
    pieces = SEGMENTS_AT_1000_KM * np.sqrt(longest * unit_m / 1e6)
    return np.asarray(longest / np.clip(np.ceil(pieces), 1, MOST_SEGMENTS))


def _ring_sums(lonlat: npt.NDArray[np.object_], geod: pyproj.Geod) -> FloatArray:
    """(N, 2) signed area and length of polygons, summed over their rings."""
    polygons, shape_of = shapely.get_parts(lonlat, return_index=True)
    rings, polygon_of = shapely.get_rings(polygons, return_index=True)
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    starts = np.searchsorted(ring_of, np.arange(len(rings) + 1))
    sums = np.zeros((len(lonlat), 2))
    for n, owner in enumerate(shape_of[polygon_of]):
        lon, lat = coordinates[starts[n] : starts[n + 1]].T
        sums[owner] += geod.polygon_area_perimeter(lon, lat)
    return sums
