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
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from sam_geo.raster.source import RasterSource

    Shapes = npt.NDArray[np.object_]
    Floats = npt.NDArray[np.float64]
    Offsets = Callable[[Floats, npt.NDArray[np.int64], Floats, Floats], Floats]
    """From x of all vertices, the part of each, and the lowest and highest x of every part."""

PERIODIC = ("mercator", "cylindrical")
"""Projections whose x goes evenly with the longitude, by words in their method's name."""
WHOLE_TURN = 1e-9
"""What may be lacking in a whole turn, as a part of it."""
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

    A part with an edge longer than 180 degrees is taken for one that crosses the antimeridian; one
    whose edge goes from -180 to 180 goes round the Earth, and stays.

    Args:
        shapes: (N,) shapely geometries or None.
        crs: Their reference system.
    """
    if (half := half_turn(crs)) is None:
        return shapes

    def offsets(xs: Floats, part_of: npt.NDArray[np.int64], low: Floats, high: Floats) -> Floats:
        edges = np.where(np.diff(part_of) == 0, np.abs(np.diff(xs)), 0.0)
        jumps = (edges > half) & (edges < 2 * half * (1 - WHOLE_TURN))
        crossing = (np.isin(np.arange(len(low)), part_of[1:][jumps]) & (high - low > half))[part_of]
        return np.where(crossing & (xs < (low + high)[part_of] / 2), 2 * half, 0.0)

    return _moved(shapes, offsets)


def split(shapes: Shapes, *, half: float, seam: float) -> Shapes:
    """Polygons in longitude and latitude, each cut where the map ends, its pieces put inside it.

    A polygon around a pole gets the pole's whole line, as a map shows it.

    Args:
        shapes: (N,) polygons, multi-polygons or None, with edges of less than half a turn.
        half: Half a turn in their unit.
        seam: Longitude at which the map ends on its right: 180 degrees of most.

    Law: no piece lies on both sides of the seam.
    """
    cut = shapes.copy()
    bounds = shapely.bounds(shapes)
    is_inside = (bounds[:, 0] >= seam - 2 * half) & (bounds[:, 2] <= seam)
    for n in np.flatnonzero(~(is_inside & (bounds[:, 2] - bounds[:, 0] <= half))):
        if shapes[n] is not None and not shapes[n].is_empty:
            parts = [_unrolled(part, half) for part in shapely.get_parts(shapes[n])]
            pieces = [piece for part in parts for piece in _pieces(part, half, seam)]
            cut[n] = pieces[0] if len(pieces) == 1 else shapely.MultiPolygon(pieces)
    return cut


def _unrolled(polygon: shapely.Polygon, half: float) -> shapely.Geometry:
    """The polygon as it is without a seam, its x going on beyond it."""
    shell = _ring(np.array(polygon.exterior.coords)[:, :2], half)
    middle = (shell[:, 0].min() + shell[:, 0].max()) / 2
    holes = []
    for interior in polygon.interiors:
        hole = _ring(np.array(interior.coords)[:, :2], half)
        own = (hole[:, 0].min() + hole[:, 0].max()) / 2
        hole[:, 0] += np.round((middle - own) / (2 * half)) * 2 * half
        holes.append(hole)
    found = shapely.Polygon(shell, holes)
    return found if found.is_valid else shapely.make_valid(found)


def _ring(xy: Floats, half: float) -> Floats:
    """A ring without jumps; one around a pole is closed along it."""
    xy = xy.copy()
    xy[:, 0] = np.unwrap(xy[:, 0], period=2 * half)
    if abs(xy[-1, 0] - xy[0, 0]) < half:
        return xy
    pole = np.copysign(half / 2, xy[:, 1].mean())
    return np.vstack([xy, [xy[-1, 0], pole], [xy[0, 0], pole], xy[0]])


def _pieces(shape: shapely.Geometry, half: float, seam: float) -> Iterator[shapely.Polygon]:
    left, low, right, high = shapely.bounds(shape).tolist()
    first, last = (int(np.ceil((x - seam) / (2 * half))) for x in (left, right))
    for turn in range(first, last + 1):
        start = seam + (turn - 1) * 2 * half
        one = shapely.box(start, low - 1, start + 2 * half, high + 1)
        parts = shapely.get_parts(shapely.intersection(shape, one))
        # what only touches the seam is a line or a point there
        parts = parts[shapely.area(parts) > 0]
        shift = np.array([turn * 2 * half, 0.0])
        yield from shapely.set_coordinates(parts, shapely.get_coordinates(parts) - shift)


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
