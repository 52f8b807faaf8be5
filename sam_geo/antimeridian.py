"""The antimeridian: shapes on both sides of 180 degrees, and rasters that lie across it.

```
raster    170 ........ 180 ........ 190              x goes on beyond 180
prompt           [175 -- 180]  [-180 -- -175]        in two parts, as RFC 7946 cuts them
meant            [175 -----------185]
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from sam_geo.source import RasterSource

    Shapes = npt.NDArray[np.object_]
    Floats = npt.NDArray[np.float64]
    Offsets = Callable[[Floats, npt.NDArray[np.int64], Floats, Floats], Floats]
    """From x of all vertices, the part of each, and the lowest and highest x of every part."""

PERIODIC = ("mercator", "cylindrical")
"""Projections whose x goes evenly with the longitude, by words in their method's name."""
TURNED = ("transverse", "oblique")
"""Words of those that are named so too, but have another axis."""


def half_turn(crs: pyproj.CRS) -> float | None:
    """Half the length after which x repeats: 180 degrees; None where it does not repeat.

    >>> half_turn(pyproj.CRS("EPSG:4326"))
    180.0
    >>> half_turn(pyproj.CRS("EPSG:32633")) is None
    True
    """
    if crs.is_geographic:
        return round(float(np.pi / crs.axis_info[0].unit_conversion_factor), 9)
    operation, geodetic = crs.coordinate_operation, crs.geodetic_crs
    method = "" if operation is None else operation.method_name.lower()
    if geodetic is None or not any(word in method for word in PERIODIC):
        return None
    if any(word in method for word in TURNED):
        return None
    unit = float(geodetic.axis_info[0].unit_conversion_factor)
    to_crs = pyproj.Transformer.from_crs(geodetic, crs, always_xy=True)
    (x0, x1), _ = to_crs.transform([0.0, 0.5], [0.0, 0.0])
    return float(abs(x1 - x0) * 2 * np.pi / unit)


def unwrap(shapes: Shapes, crs: pyproj.CRS) -> Shapes:
    """Shapes whose every part is in one piece: what is written as -179 after 179 becomes 181.

    A part wider than 180 degrees is taken for one that crosses the antimeridian.

    Args:
        shapes: (N,) shapely geometries or None.
        crs: Their reference system.
    """
    if (half := half_turn(crs)) is None:
        return shapes

    def offsets(xs: Floats, part_of: npt.NDArray[np.int64], low: Floats, high: Floats) -> Floats:
        crossing = (high - low > half)[part_of]
        return np.where(crossing & (xs < (low + high)[part_of] / 2), 2 * half, 0.0)

    return _moved(shapes, offsets)


def turn_to(shapes: Shapes, source: RasterSource) -> Shapes:
    """Shapes whose every part lies at the turn of the Earth at which the raster lies.

    Args:
        shapes: (N,) shapely geometries or None, in the raster's reference system.
        source: The raster. One that spans more than half the Earth has a place for everything.
    """
    half = None if source.crs is None else half_turn(source.crs)
    left, _, right, _ = source.bounds
    if source.crs is None or half is None or abs(right - left) > half:
        return shapes

    def offsets(_xs: Floats, part_of: npt.NDArray[np.int64], low: Floats, high: Floats) -> Floats:
        turns = np.round(((left + right) - (low + high)) / (4 * half))
        return np.where(np.isfinite(turns), turns, 0.0)[part_of] * 2 * half

    return _moved(unwrap(shapes, source.crs), offsets)


def _moved(shapes: Shapes, offsets: Offsets) -> Shapes:
    """Shapes with their x moved, where one moves at all."""
    parts, shape_of = shapely.get_parts(shapes, return_index=True)
    coordinates, part_of = shapely.get_coordinates(parts, return_index=True)
    bounds = shapely.bounds(parts)
    with np.errstate(invalid="ignore"):  # infinite coordinates have no middle
        shift = offsets(coordinates[:, 0], part_of, bounds[:, 0], bounds[:, 2])
    if not shift.any():
        return shapes
    coordinates[:, 0] += shift
    parts = shapely.set_coordinates(parts.copy(), coordinates)
    moved = shapes.copy()
    for n in np.unique(shape_of[np.unique(part_of[shift != 0])]):
        mine = parts[shape_of == n]
        is_multi = shapely.get_num_geometries(shapes[n]) > 1 or len(mine) > 1
        moved[n] = type(shapes[n])(list(mine)) if is_multi else mine[0]
    return moved
