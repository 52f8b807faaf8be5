"""Reference systems: CRSs named by a user or by a raster, and shapes made ready for another CRS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError

from sam_common.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Shapes = npt.NDArray[np.object_]

LONLAT = "OGC:CRS84"
"""Longitude and latitude of WGS 84 in degrees, in this order: the system of GeoJSON (RFC 7946)."""
EDGE_POINTS = 21
"""Parts of the longer side of a shape: no edge is longer than one of them when the shape goes into
another CRS, where straight edges become curves. `rasterio.warp.transform_bounds` has the same
default."""


def crs_named(
    text: str, *, shown: str | None = None, error: type[InputError] = InputError
) -> pyproj.CRS:
    """Look up the coordinate reference system that a user names.

    Args:
        text: An authority code, WKT, a PROJ string, or anything else that pyproj takes.
        shown: The text as the message shows it, with the option that it was given to; quoted
            where None.
        error: Class of the error.

    Raises:
        InputError: There is no such system.
    """
    try:
        return pyproj.CRS.from_user_input(text)
    except (CRSError, UnicodeEncodeError) as found:
        raise error(
            f"no such coordinate reference system: {shown or repr(text)} (for example EPSG:4326)"
        ) from found


def image_crs(text: str) -> pyproj.CRS:
    """Look up the value of `--image-crs`: a system with x and y on the ground.

    Raises:
        InputError: There is no such system, or it is geocentric or vertical.
    """
    shown = f"--image-crs {text!r}"
    crs = crs_named(text, shown=shown)
    if crs.is_geocentric or crs.is_vertical:
        raise InputError(f"{shown} ({crs.name}) has no x and y on the ground")
    return crs


def pyproj_crs(crs: Any, name: str) -> pyproj.CRS:
    """Turn a rasterio CRS into the one of pyproj.

    Args:
        crs: A rasterio CRS.
        name: The raster as messages show it.

    Raises:
        InputError: pyproj does not understand it.
    """
    # by code where there is one: the WKT of an older GDAL can lose the datum's details
    try:
        if (authority := crs.to_authority()) is not None:
            try:
                return pyproj.CRS.from_authority(*authority)
            except CRSError:  # known to GDAL's database only
                pass
        return pyproj.CRS.from_wkt(crs.to_wkt())
    except (CRSError, ValueError) as error:
        raise InputError(
            f"the coordinate reference system of {name} is not understood: name it with "
            f"--image-crs, for example --image-crs EPSG:32633"
        ) from error


def densified(shapes: Shapes) -> Shapes:
    """Put vertices on the edges of shapes, which may become curves in another CRS.

    Args:
        shapes: (N,) shapely geometries with finite coordinates, or None.

    Returns:
        (N,) the same shapes; no edge is longer than the shape's longer side / 21.
    """
    left, bottom, right, top = shapely.bounds(shapes).T
    longest = np.maximum(right - left, top - bottom)
    # points and missing shapes have no edges; their step only has to be positive
    steps = np.where(longest > 0, longest / EDGE_POINTS, 1.0)
    return np.asarray(shapely.segmentize(shapes, steps), dtype=object)
