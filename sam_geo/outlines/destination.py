"""Destination: the reference system of an output, and the polygons of a result put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pyproj
import shapely

from sam_common.errors import InputError
from sam_geo.prompts.antimeridian import split
from sam_geo.raster.reference_system import EDGE_POINTS, LONLAT, crs_named, densified

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]
    Floats = npt.NDArray[np.float64]

NEAR = 1e-12
"""Distance from the seam at which polygons that are cut there end, as a part of half a turn: on the
seam itself PROJ may give either end of the map."""
FAR = 1000.0
"""Least distance in units of a projection between the two ends of its map: on both sides of the
seam, points of a map that goes on there lie nearer to each other."""


def output_crs(dst_crs: str) -> pyproj.CRS:
    """Look up the value of `--dst-crs`: a projected or a geographic system.

    Raises:
        InputError: There is no such system, or it is of another type.
    """
    target = crs_named(dst_crs)
    if not (target.is_projected or target.is_geographic):
        raise InputError(
            f"polygons cannot be put into {dst_crs} ({target.name}, {target.type_name}): give a "
            f"projected or a geographic reference system"
        )
    return target


def reproject_table(table: geopandas.GeoDataFrame, dst_crs: str) -> geopandas.GeoDataFrame:
    """Put the polygons of a table into another reference system.

    Edges that become curves there get vertices first, and polygons across the end of the map are
    cut in two.

    Args:
        table: Polygons, MultiPolygons or None in the geometry column.
        dst_crs: The other system; anything that pyproj takes.

    Returns:
        A table with the same rows and columns; the given one where it is in the system already.

    Raises:
        InputError: There is no such system, the table has none, there is no transformation between
            the two, or a polygon lies where the other system has no coordinates.
    """
    target = output_crs(dst_crs)
    if table.crs is None:
        raise InputError(
            f"the raster has no coordinate reference system, so its polygons cannot be put into "
            f"{dst_crs}: leave --dst-crs out"
        )
    if table.crs == target:
        return table
    dense = densified(table.geometry.to_numpy())
    try:
        moved = table.set_geometry(_in_one_map(dense, table.crs, target), crs=target)
    except pyproj.exceptions.ProjError as error:
        raise _no_way(table.crs, dst_crs) from error
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


def _in_one_map(shapes: Shapes, crs: pyproj.CRS, target: pyproj.CRS) -> Shapes:
    """Transform shapes to another system, and cut those that lie across the end of its map.

    The end of the map is called its seam: 180 degrees of a geographic system, and for a projection
    of the whole Earth the meridian opposite its middle.
    """
    moved = _transformed(shapes, crs, target)
    globe, seam = target.geodetic_crs, _seam(target)
    if globe is None or seam is None:
        return moved
    half = round(float(np.pi / globe.axis_info[0].unit_conversion_factor), 9)
    lonlat = moved if target.is_geographic else _transformed(shapes, crs, globe)
    # longitudes within half a turn of the middle of the map
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
        near = half * NEAR
        # the new edges follow a meridian, which may be a curve on the map
        heights = shapely.bounds(pieces)[:, 3] - shapely.bounds(pieces)[:, 1]
        pieces = shapely.transform(
            shapely.segmentize(pieces, heights / EDGE_POINTS),
            lambda xy: np.column_stack(
                (np.clip(xy[:, 0], seam - 2 * half + near, seam - near), xy[:, 1])
            ),
        )
        pieces = _transformed(pieces, globe, target)
    moved[torn] = pieces
    return moved


def _transformed(shapes: Shapes, crs: pyproj.CRS, target: pyproj.CRS) -> Shapes:
    """Transform the vertices of shapes to another system."""
    moved: Shapes = geopandas.GeoSeries(shapes, crs=crs).to_crs(target).to_numpy().copy()
    return moved


def _turned(xy: Floats, half: float, seam: float) -> Floats:
    """Move longitudes by whole turns into the map that ends at the seam on its right."""
    turns = np.ceil((xy[:, 0] - seam) / (2 * half))
    return np.column_stack((xy[:, 0] - np.where(np.isfinite(turns), turns, 0) * 2 * half, xy[:, 1]))


def _seam(target: pyproj.CRS) -> float | None:
    """Find the longitude at which a map ends, in units of its geodetic CRS; None if not known."""
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
    """Tell whether the two sides of the seam lie apart on a map; around a pole they do not."""
    if target.is_geographic:
        return True
    near, middle = half * NEAR, (bounds[1] + bounds[3]) / 2
    transformer = pyproj.Transformer.from_crs(globe, target, always_xy=True)
    xs, ys = transformer.transform([seam - near, seam - 2 * half + near], [middle, middle])
    apart = float(np.hypot(xs[1] - xs[0], ys[1] - ys[0]))
    return bool(np.isfinite(apart) and apart > FAR)


def _no_way(crs: pyproj.CRS, dst_crs: str) -> InputError:
    """Word the error of two systems without a transformation, for example of two planets."""
    advice = "write a .gpkg" if dst_crs == LONLAT else "give another --dst-crs, or leave it out"
    wanted = "longitude and latitude of GeoJSON (WGS 84)" if dst_crs == LONLAT else dst_crs
    return InputError(f"there is no way from {crs.name} to {wanted}: {advice}")


def check_way(crs: pyproj.CRS | None, dst_crs: str | None, output: Path) -> None:
    """Raise `InputError` where the polygons of a raster cannot be written in a reference system.

    Args:
        crs: Reference system of the raster, None where it has none.
        dst_crs: The value of `--dst-crs`.
        output: The file; GeoJSON is always in longitude and latitude.
    """
    target = None if dst_crs is None else output_crs(dst_crs)
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
    """Raise `InputError` where there is no transformation between two systems."""
    try:
        pyproj.Transformer.from_crs(crs, dst_crs, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise _no_way(crs, dst_crs) from error
