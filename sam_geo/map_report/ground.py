"""Ground: how long the pixels of a map are on the ground, and where north is in its picture.

Lengths are those of geodesics on the ellipsoid of the map's reference system, so that web mercator
and maps in degrees have true ones too. They are measured in the middle of the map; how much they
differ at its edges is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyproj
from pyproj.enums import TransformDirection
from pyproj.exceptions import ProjError

from sam_geo.raster.reference_system import LONLAT

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from sam_common.frame import Frame

    FloatArray = npt.NDArray[np.float64]

BAR_SHARE = 0.4
"""Most of the width of a map that its scale bar takes."""
STEPS = (1.0, 2.0, 5.0, 10.0)
"""Lengths of scale bars, times a power of ten."""
PARTS = 32
"""Parts in which a line across a map is measured: a straight line of the map is no geodesic."""
TURNS = 10.0
"""Degrees by which north may differ within a map that still gets an arrow."""
QUARTERS = ((0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75))
"""Places, in shares of rows and columns, at which the direction of north is compared."""


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A length on the ground and on the map, across the middle of the map."""

    metres: float
    """A round number of metres."""
    pixels: float
    """Pixels of the map, along a row, that are as long on the ground."""
    at_edges: tuple[float, float]
    """Metres on the ground of as many pixels along the top and the bottom row; NaN where the
    projection is not defined."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Lengths and directions in the middle of a raster; make one with `measure_ground`."""

    size_hw: tuple[int, int]
    """Rows and columns of the raster."""
    row_m: float
    """Metres from a row to the next."""
    col_m: float
    """Metres from a column to the next."""
    is_mirrored: bool
    """Whether rows drawn downwards show the ground in a mirror, as they do in south-up rasters."""
    north_deg: float | None
    """Direction of true north in the picture that is not mirrored, clockwise from up; None where it
    is unknown or differs too much within the raster."""
    across: Callable[[float, float], float]
    """Metres of a number of pixels (second) along a row (first), in the middle columns."""

    def scale_bar(self) -> ScaleBar | None:
        """A bar of a round length below two fifths of the width; None where that is unknown."""
        height, width = self.size_hw
        longest = BAR_SHARE * width * self.col_m
        if not (math.isfinite(longest) and longest > 0):
            return None
        power = 10.0 ** math.floor(math.log10(longest))
        metres = max(step * power for step in STEPS if step * power <= longest)
        pixels = metres / self.col_m
        middle = (height - 1) / 2
        # the columns may be longer or shorter beside the middle one
        pixels *= metres / self.across(middle, pixels)
        edges = self.across(0, pixels), self.across(height - 1, pixels)
        return ScaleBar(metres, pixels, edges) if math.isfinite(pixels) else None


def measure_ground(crs: pyproj.CRS | None, frame: Frame, size_hw: tuple[int, int]) -> Ground | None:
    """Measure the pixels in the middle of a raster, and find north.

    Args:
        crs: Reference system of the raster.
        frame: Index (row, col) of pixel centres to world (x, y).
        size_hw: Rows and columns of the raster.

    Returns:
        Lengths and directions. Where the system has no place on a globe, lengths are those of its
        grid, and north is unknown. None where there is no system, or where its projection is not
        defined in the middle of the raster.
    """
    if crs is None:
        return None
    globe = _Globe.of(crs)
    middle = np.array([(side - 1) / 2 for side in size_hw])

    def length(start: FloatArray, stop: FloatArray) -> float:
        line = frame.to_world(np.linspace(start, stop, PARTS + 1))
        return _planar(crs, line) if globe is None else globe.length(line)

    def across(row: float, pixels: float) -> float:
        half = pixels / 2
        return length(np.array([row, middle[1] - half]), np.array([row, middle[1] + half]))

    steps = np.eye(2) / 2
    row_m, col_m = (length(middle - step, middle + step) for step in steps)
    if not (math.isfinite(row_m) and math.isfinite(col_m) and row_m > 0 and col_m > 0):
        return None
    is_mirrored, north = (
        (bool(np.linalg.det(frame.array[:2, :2]) < 0), None)
        if globe is None
        else _directions(globe, frame, size_hw, (row_m, col_m))
    )
    return Ground(size_hw, row_m, col_m, is_mirrored, north, across)


def lonlat_of(crs: pyproj.CRS | None) -> Callable[[FloatArray], FloatArray] | None:
    """A function from (N, 2) coordinates to longitude and latitude of WGS 84 in degrees.

    None where the system has no place on the Earth. Coordinates without one become infinite.
    """
    if crs is None or crs.geodetic_crs is None:
        return None
    try:
        way = pyproj.Transformer.from_crs(crs, LONLAT, always_xy=True)
    except ProjError:  # another planet
        return None
    return lambda xy: np.column_stack(way.transform(xy[:, 0], xy[:, 1]))


def decimals_of(frame: Frame) -> int:
    """Decimals of world coordinates that tell neighbouring pixels of a frame from each other.

    >>> from affine import Affine
    >>> from sam_geo.raster.frame import frame_from_affine
    >>> [decimals_of(frame_from_affine(Affine(a, 0, 0, 0, -a, 0))) for a in (30, 10, 0.3, 9e-5)]
    [0, 0, 2, 6]
    """
    least = float(np.abs(frame.array[:2, :2]).max(axis=0).min())
    return max(0, 1 - math.floor(math.log10(least)))


@dataclass(frozen=True, slots=True, eq=False)
class _Globe:
    """The ellipsoid of a reference system, and the way from its coordinates to degrees there."""

    geod: pyproj.Geod
    way: pyproj.Transformer
    degrees: float
    """Degrees in a unit of the geodetic system, which may be grads."""

    @classmethod
    def of(cls, crs: pyproj.CRS) -> _Globe | None:
        geodetic = crs.geodetic_crs
        geod = None if geodetic is None else geodetic.get_geod()
        if geodetic is None or geod is None:
            return None
        way = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
        return cls(geod, way, math.degrees(geodetic.axis_info[0].unit_conversion_factor))

    def length(self, line: FloatArray) -> float:
        """Metres of a line through (N, 2) world coordinates; not finite outside of the domain."""
        lonlat = np.column_stack(self.way.transform(line[:, 0], line[:, 1])) * self.degrees
        if not np.isfinite(lonlat).all():
            return math.nan
        return float(self.geod.line_length(lonlat[:, 0], lonlat[:, 1]))

    def moved(self, world: FloatArray, azimuth: float, metres: float) -> FloatArray:
        """World coordinates (2,) of the place at a distance and azimuth from another."""
        lon, lat = (float(part) * self.degrees for part in self.way.transform(*world.tolist()))
        if not (math.isfinite(lon) and math.isfinite(lat)):
            return np.full(2, np.nan)
        east, lat, _ = self.geod.fwd(lon, lat, azimuth, metres)
        # a map in degrees may reach beyond 180
        east += 360 * round((lon - east) / 360)
        back = TransformDirection.INVERSE
        return np.array(self.way.transform(east / self.degrees, lat / self.degrees, direction=back))


def _planar(crs: pyproj.CRS, line: FloatArray) -> float:
    """Metres of a line through (N, 2) coordinates of a grid that has no place on a globe."""
    unit = float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 1.0
    return unit * float(np.hypot(*np.diff(line, axis=0).T).sum())


def _directions(
    globe: _Globe, frame: Frame, size_hw: tuple[int, int], metres: tuple[float, float]
) -> tuple[bool, float | None]:
    """Whether rows drawn downwards mirror the ground, and where north is in degrees."""
    scale = np.array(metres)
    reach = float(min(scale * size_hw)) / 100
    found = []
    for share in QUARTERS:
        index = np.array(share) * size_hw - 0.5
        start = frame.to_world(index)
        ways = (globe.moved(start, azimuth, reach) for azimuth in (0.0, 90.0))
        # metres down and to the right in a picture of the ground
        found.append([(frame.to_index(world) - index) * scale for world in ways])
    steps = np.array(found)  # (places, north and east, down and right)
    if not np.isfinite(steps[0]).all():
        return False, None
    north, east = steps[0]
    is_mirrored = bool(east[1] * north[0] - east[0] * north[1] > 0)
    if is_mirrored:
        steps[..., 0] *= -1
    angles = np.degrees(np.arctan2(steps[:, 0, 1], -steps[:, 0, 0]))
    away = np.abs((angles - angles[0] + 180) % 360 - 180)
    is_one = bool((away[np.isfinite(away)] <= TURNS).all())
    return is_mirrored, float(angles[0]) if is_one else None
