"""The antimeridian: shapes on both sides of 180 degrees, for rasters and maps across or beside it.

A turn is the length after which x repeats, such as 360 degrees; a part of a shape is a Polygon of
a MultiPolygon.

```
raster            170 ........ 180 ........ 190              x goes on beyond 180
prompt in a file         [175 -- 180]  [-180 -- -175]        in two parts, as RFC 7946 cuts it
prompt moved             [175 ----------- 185]
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
    """A function that gives the shift of each vertex along x, from x of all vertices, the part
    that each belongs to, and the lowest and highest x of every part."""

PERIODIC = ("mercator", "cylindrical")
"""Words in the names of projections whose x is proportional to the longitude."""
WHOLE_TURN = 1e-9
"""Tolerance for an edge that goes once around the Earth, as a part of a turn."""
TURNED = ("transverse", "oblique")
"""Words in the names of projections that are called cylindrical but have another axis."""


def half_turn(crs: pyproj.CRS) -> float | None:
    """Give half a turn in units of a system, such as 180 degrees; None where x does not repeat.

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
    """Undo the jump of x in parts that cross the antimeridian: -179 after 179 becomes 181.

    A part with an edge longer than 180 degrees crosses the antimeridian. A part with an edge from
    -180 to 180 goes around the Earth, and stays as it is.

    Args:
        shapes: (N,) shapely geometries or None.
        crs: Reference system of the shapes.

    Returns:
        (N,) the shapes, with parts that may reach beyond 180 degrees.
    """
    if (half := half_turn(crs)) is None:
        return shapes

    def offsets(xs: Floats, part_of: npt.NDArray[np.int64], low: Floats, high: Floats) -> Floats:
        """Shift the western half of each part that crosses the antimeridian by one turn."""
        edges = np.where(np.diff(part_of) == 0, np.abs(np.diff(xs)), 0.0)
        jumps = (edges > half) & (edges < 2 * half * (1 - WHOLE_TURN))
        crossing = (np.isin(np.arange(len(low)), part_of[1:][jumps]) & (high - low > half))[part_of]
        return np.where(crossing & (xs < (low + high)[part_of] / 2), 2 * half, 0.0)

    return _moved(shapes, offsets)


def split(shapes: Shapes, *, half: float, seam: float) -> Shapes:
    """Cut polygons at the longitude where a map ends, and move the pieces into the map.

    A polygon around a pole gets an edge along the pole, as it has on a map.

    Args:
        shapes: (N,) Polygons, MultiPolygons or None in longitude and latitude, with edges of less
            than half a turn.
        half: Half a turn in units of the longitude.
        seam: Longitude at which the map ends on its right, for most maps 180 degrees.

    Returns:
        (N,) Polygons, MultiPolygons or None.

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
    """Let the x of a polygon go on beyond the seam, with its holes inside it."""
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
    """Undo the jumps of a ring's x; a ring around a pole is closed along the pole."""
    xy = xy.copy()
    xy[:, 0] = np.unwrap(xy[:, 0], period=2 * half)
    if abs(xy[-1, 0] - xy[0, 0]) < half:
        return xy
    pole = np.copysign(half / 2, xy[:, 1].mean())
    return np.vstack([xy, [xy[-1, 0], pole], [xy[0, 0], pole], xy[0]])


def _pieces(shape: shapely.Geometry, half: float, seam: float) -> Iterator[shapely.Polygon]:
    """Yield the pieces of a shape in each turn, moved into the map that ends at the seam."""
    left, low, right, high = shapely.bounds(shape).tolist()
    first, last = (int(np.ceil((x - seam) / (2 * half))) for x in (left, right))
    for turn in range(first, last + 1):
        start = seam + (turn - 1) * 2 * half
        one = shapely.box(start, low - 1, start + 2 * half, high + 1)
        parts = shapely.get_parts(shapely.intersection(shape, one))
        # a shape that only touches the seam is a line or a point in the next turn
        parts = parts[shapely.area(parts) > 0]
        shift = np.array([turn * 2 * half, 0.0])
        yield from shapely.set_coordinates(parts, shapely.get_coordinates(parts) - shift)


def shift_to_raster(shapes: Shapes, source: RasterSource) -> Shapes:
    """Move each part of shapes by whole turns to where it is nearest to a raster.

    Args:
        shapes: (N,) shapely geometries or None, in the raster's reference system.
        source: The raster; where it spans more than half a turn, the shapes stay as they are.

    Returns:
        (N,) the shapes.
    """
    half = None if source.crs is None else half_turn(source.crs)
    left, _, right, _ = source.bounds
    if source.crs is None or half is None or abs(right - left) > half:
        return shapes

    def offsets(_xs: Floats, part_of: npt.NDArray[np.int64], low: Floats, high: Floats) -> Floats:
        """Shift the middle of each part to within half a turn of the raster's middle."""
        turns = np.round(((left + right) - (low + high)) / (4 * half))
        return np.where(np.isfinite(turns), turns, 0.0)[part_of] * 2 * half

    return _moved(unwrap(shapes, source.crs), offsets)


def _moved(shapes: Shapes, offsets: Offsets) -> Shapes:
    """Move the x of vertices by what `offsets` gives, and rebuild the shapes that changed."""
    parts, shape_of = shapely.get_parts(shapes, return_index=True)
    coordinates, part_of = shapely.get_coordinates(parts, return_index=True)
    bounds = shapely.bounds(parts)
    with np.errstate(invalid="ignore"):  # the middle of infinite coordinates is NaN
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
