"""Destination: the reference system of a result, and whether a result can be written there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely

from sam_common.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas

DENSIFY = 21
"""Vertices added to the longest edge of a shape that changes its reference system."""
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
    sides = table.geometry.bounds
    longest = np.maximum(sides["maxx"] - sides["minx"], sides["maxy"] - sides["miny"])
    steps = (longest / DENSIFY).where(longest > 0, 1.0).to_numpy()
    dense = table.set_geometry(shapely.segmentize(table.geometry.to_numpy(), steps), crs=table.crs)
    try:
        moved = dense.to_crs(target)
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
