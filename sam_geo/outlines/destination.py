"""Destination: the reference system of a result, and whether a result can be written there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pyproj
import shapely

from sam_common.errors import InputError
from sam_geo.prompts.antimeridian import split

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]
    Floats = npt.NDArray[np.float64]

DENSIFY = 21
"""Vertices added to the longest edge of a shape that changes its reference system."""
NEAR = 1e-12
"""So near to the end of a map a shape ends that is cut there: a part of half a turn."""
FAR = 1000.0
"""In units of a projection: two sides of one meridian that lie further apart are two ends."""
LONLAT = "OGC:CRS84"
"""What GeoJSON is in, whatever its polygons came from."""


def parse_crs(dst_crs: str) -> pyproj.CRS:
    """The reference system that a result is asked for in.

    Raises:
        InputError: There is no such system, or its coordinates are not two on a plane or a globe.
    """
    try:
        target = pyproj.CRS.from_user_input(dst_crs)
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            f"no such coordinate reference system: {dst_crs!r} (for example EPSG:4326)"
        ) from error
    if not (target.is_projected or target.is_geographic):
        raise InputError(
            f"polygons cannot be put into {dst_crs} ({target.name}, {target.type_name}): give a "
            f"projected or a geographic reference system"
        )
    return target


def reproject_table(table: geopandas.GeoDataFrame, dst_crs: str) -> geopandas.GeoDataFrame:
    """A table in another reference system; edges that would bend get vertices first.

    Raises:
        InputError: There is no such system, the table has none to start from, there is no way from
            the one to the other, or a polygon lies where the other one has no place.
    """
    target = parse_crs(dst_crs)
    if table.crs is None:
        raise InputError(
            f"the raster has no coordinate reference system, so its polygons cannot be put into "
            f"{dst_crs}: leave --dst-crs out"
        )
    if table.crs == target:
        return table
    dense = _dense(table.geometry.to_numpy())
    try:
        moved = table.set_geometry(_in_one_map(dense, table.crs, target), crs=target)
    except pyproj.exceptions.ProjError as error:
        raise no_way(table.crs, dst_crs) from error
    shapes = moved.geometry.to_numpy()
    coordinates, owners = shapely.get_coordinates(shapes, return_index=True)
    if lost := set(owners[~np.isfinite(coordinates).all(axis=1)].tolist()):
        raise InputError(
            f"{len(lost)} of {len(table)} polygons lie where {dst_crs} ({target.name}) has no "
            f"place: give another --dst-crs"
        )
    spoiled = ~(moved.geometry.is_valid | moved.geometry.isna())
    moved.loc[spoiled, "geometry"] = moved.geometry[spoiled].make_valid()
    return moved


def _dense(shapes: Shapes) -> Shapes:
    """Shapes with vertices along edges that may bend."""
    left, bottom, right, top = shapely.bounds(shapes).T
    longest = np.maximum(right - left, top - bottom)
    steps = np.where(longest > 0, longest / DENSIFY, 1.0)
    return np.asarray(shapely.segmentize(shapes, steps), dtype=object)


def _in_one_map(shapes: Shapes, crs: pyproj.CRS, target: pyproj.CRS) -> Shapes:
    """Shapes in another system; those that lie across the end of its map are cut there.

    A system of degrees ends at 180 degrees, a projection of the whole Earth opposite its middle.
    """
    moved = _transformed(shapes, crs, target)
    globe, seam = target.geodetic_crs, _seam(target)
    if globe is None or seam is None:
        return moved
    half = round(float(np.pi / globe.axis_info[0].unit_conversion_factor), 9)
    lonlat = moved if target.is_geographic else _transformed(shapes, crs, globe)
    # of what PROJ gives one turn around the middle of the map
    inside = shapely.transform(lonlat, lambda xy: _turned(xy, half, seam))
    if target.is_geographic:
        moved = inside
    bounds = shapely.bounds(inside)
    with np.errstate(invalid="ignore"):
        wide = np.flatnonzero(bounds[:, 2] - bounds[:, 0] > half)
    torn = [n for n in wide.tolist() if _is_torn(bounds[n], half, seam, globe, target)]
    if not torn:
        return moved
    pieces = split(inside[torn], half=half, seam=seam)
    if not target.is_geographic:
        # beside the seam: on it PROJ takes either side
        near = half * NEAR
        # the new edges go along a meridian
        heights = shapely.bounds(pieces)[:, 3] - shapely.bounds(pieces)[:, 1]
        pieces = shapely.transform(
            shapely.segmentize(pieces, heights / DENSIFY),
            lambda xy: np.column_stack(
                (np.clip(xy[:, 0], seam - 2 * half + near, seam - near), xy[:, 1])
            ),
        )
        pieces = _transformed(pieces, globe, target)
    moved[torn] = pieces
    return moved


def _transformed(shapes: Shapes, crs: pyproj.CRS, target: pyproj.CRS) -> Shapes:
    moved: Shapes = geopandas.GeoSeries(shapes, crs=crs).to_crs(target).to_numpy().copy()
    return moved


def _turned(xy: Floats, half: float, seam: float) -> Floats:
    turns = np.ceil((xy[:, 0] - seam) / (2 * half))
    return np.column_stack((xy[:, 0] - np.where(np.isfinite(turns), turns, 0) * 2 * half, xy[:, 1]))


def _seam(target: pyproj.CRS) -> float | None:
    """Longitude opposite to the middle of a map, in the unit of its globe; None if not known."""
    if target.is_geographic:
        return round(float(np.pi / target.axis_info[0].unit_conversion_factor), 9)
    operation, globe = target.coordinate_operation, target.geodetic_crs
    if operation is None or globe is None:
        return None
    unit = float(globe.axis_info[0].unit_conversion_factor)
    for parameter in operation.params:
        name = parameter.name.lower()
        if name.startswith("longitude of") and ("origin" in name or "cent" in name):
            middle = float(parameter.value) * float(parameter.unit_conversion_factor)
            return round((middle + np.pi) / unit, 9)
    return None


def _is_torn(
    bounds: Floats, half: float, seam: float, globe: pyproj.CRS, target: pyproj.CRS
) -> bool:
    """Whether both sides of a seam lie apart, as they do on no map around a pole."""
    if target.is_geographic:
        return True
    near, middle = half * NEAR, (bounds[1] + bounds[3]) / 2
    transformer = pyproj.Transformer.from_crs(globe, target, always_xy=True)
    xs, ys = transformer.transform([seam - near, seam - 2 * half + near], [middle, middle])
    apart = float(np.hypot(xs[1] - xs[0], ys[1] - ys[0]))
    return bool(np.isfinite(apart) and apart > FAR)


def no_way(crs: pyproj.CRS, dst_crs: str) -> InputError:
    """That there is no transformation, for example to another body."""
    advice = "write a .gpkg" if dst_crs == LONLAT else "give another --dst-crs, or leave it out"
    wanted = "longitude and latitude of GeoJSON (WGS 84)" if dst_crs == LONLAT else dst_crs
    return InputError(f"there is no way from {crs.name} to {wanted}: {advice}")


def check_way(crs: pyproj.CRS | None, dst_crs: str | None, output: Path) -> None:
    """Raise `InputError` where a table in `crs` cannot be put where it should go.

    Args:
        crs: Reference system of the raster.
        dst_crs: The one that is asked for.
        output: The file, whose format may have one of its own.
    """
    target = None if dst_crs is None else parse_crs(dst_crs)
    if crs is None and target is not None:
        raise InputError(
            f"the raster has no coordinate reference system, so its polygons cannot be put into "
            f"{dst_crs}: leave --dst-crs out"
        )
    ways = [] if crs is None or dst_crs is None else [(crs, dst_crs)]
    final = target or crs
    if output.suffix.lower() == ".geojson" and final is not None:
        if target is not None and not target.equals(pyproj.CRS(LONLAT), ignore_axis_order=True):
            raise InputError(
                f"GeoJSON is in longitude and latitude of WGS 84 (RFC 7946), not in {dst_crs}: "
                f"leave --dst-crs out, or write a .gpkg"
            )
        ways.append((final, LONLAT))
    for source, wanted in ways:
        _check_step(source, wanted)


def _check_step(crs: pyproj.CRS, dst_crs: str) -> None:
    try:
        pyproj.Transformer.from_crs(crs, dst_crs, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise no_way(crs, dst_crs) from error
