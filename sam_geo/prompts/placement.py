"""Placement: geometries of prompts put into raster indices, and clipped at the raster's edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError, ProjError

from sam_common.errors import PromptError
from sam_geo.prompts.antimeridian import shift_to_raster, unwrap
from sam_geo.raster.frame import PIXELS
from sam_geo.raster.reference_system import crs_named, densified

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_common.frame import Frame
    from sam_geo.prompt_files.table import PromptTable
    from sam_geo.raster.read_window import Box, Point
    from sam_geo.raster.source import RasterSource


EDGE = -0.5
"""Index of the outer edge of the first pixel."""
TOLERANCE_PX = 1e-3
"""A box that passes the raster's edge by fewer pixels does so by rounding: it is not clipped."""
BY_CHANCE = 0.01
"""Least part of the raster's pixels whose coordinates are also places of the raster in the world,
for the two to be indistinguishable: then numbers are not refused."""
DEGREES = "EPSG:4326"
"""Longitude and latitude of WGS 84, as messages name it to users."""
PIXEL_CRS = "pixel"
"""Value of `--prompts-crs` that means pixel corners, x to the right and y down."""


def into_indices(
    table: PromptTable, source: RasterSource, *, crs: str | None = None
) -> npt.NDArray[np.object_]:
    """Put the geometries of a table into raster indices.

    Args:
        table: Rows with shapely geometries or None.
        source: The raster.
        crs: Reference system of the coordinates in place of the table's own, or `"pixel"`.

    Returns:
        (N,) shapely geometries or None, x before y. Coordinates that do not exist in the raster's
        reference system are infinite.

    Raises:
        PromptError: The reference system is unknown or does not go with the raster's.
    """
    given, frame = _reference(table, source, crs)
    shapes = table.geometry
    if given is not None and source.crs is not None:
        if given != source.crs:
            way = _way(given, source.crs, table, source)
            shapes = _transformed(densified(unwrap(shapes, given)), way)
        shapes = shift_to_raster(shapes, source)
    elif crs is None and table.in_pixels and not table.says_pixels:
        _check_pixels(shapes, table, source)

    def to_index(coordinates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Turn coordinates (K, 2) of the frame's world into indices, x before y."""
        # a ring with NaN is not closed; infinity is equal to itself
        index = np.full_like(coordinates, np.inf)
        finite = np.isfinite(coordinates).all(axis=1)
        index[finite] = frame.to_index(coordinates[finite])[:, ::-1]
        return index

    return np.asarray(shapely.transform(shapes, to_index), dtype=object)


def check_doubt(table: PromptTable, crs: str | None) -> None:
    """Raise `PromptError` where nobody says what the coordinates of a table are."""
    if table.doubt is not None and crs is None:
        raise PromptError(
            f"{table.doubt}: say what its coordinates are with --{table.option}-crs, "
            f"--{table.option}-crs {PIXEL_CRS} for pixels"
        )


def bounding_box(shape: shapely.Geometry) -> Box:
    """Give the bounds (x0, y0, x1, y1) of the finite vertices; NaN where there is none."""
    coordinates = shapely.get_coordinates(shape)
    coordinates = coordinates[np.isfinite(coordinates).all(axis=1)]
    if not len(coordinates):
        return (np.nan,) * 4
    (x0, y0), (x1, y1) = coordinates.min(axis=0).tolist(), coordinates.max(axis=0).tolist()
    return x0, y0, x1, y1


def clip_box(box: Box, size_hw: tuple[int, int]) -> Box | None:
    """Clip a box in raster indices to the raster; None where it lies outside.

    >>> clip_box((-5.5, 2.5, 3.5, 4.5), (10, 10))
    (-0.5, 2.5, 3.5, 4.5)
    >>> clip_box((20.5, 2.5, 30.5, 4.5), (10, 10)) is None
    True
    """
    right, bottom = size_hw[1] + EDGE, size_hw[0] + EDGE
    x0, y0, x1, y1 = box
    # every comparison with NaN is false
    overlaps_x = x1 > EDGE + TOLERANCE_PX and x0 < right - TOLERANCE_PX
    overlaps_y = y1 > EDGE + TOLERANCE_PX and y0 < bottom - TOLERANCE_PX
    if not (overlaps_x and overlaps_y):
        return None
    return max(x0, EDGE), max(y0, EDGE), min(x1, right), min(y1, bottom)


def is_cut(box: Box, clipped: Box) -> bool:
    """Tell whether clipping moved an edge of a box by more than rounding does."""
    return any(abs(a - b) > TOLERANCE_PX for a, b in zip(box, clipped, strict=True))


def is_inside(point: Point, size_hw: tuple[int, int]) -> bool:
    """Tell whether a point (x, y) in raster indices lies on a pixel of the raster."""
    x, y = point
    return EDGE <= x < size_hw[1] + EDGE and EDGE <= y < size_hw[0] + EDGE


def is_in_pixels(table: PromptTable, crs: str | None) -> bool:
    """Tell whether the coordinates of a table are pixel corners, given `--prompts-crs` or None."""
    return crs == PIXEL_CRS or (table.in_pixels and crs is None)


def _way(
    origin: pyproj.CRS, target: pyproj.CRS, table: PromptTable, source: RasterSource
) -> pyproj.Transformer:
    """Find the transformation from the prompts' system to the raster's."""
    try:
        return pyproj.Transformer.from_crs(origin, target, always_xy=True)
    except ProjError as error:
        raise PromptError(
            f"there is no way from {origin.name}, the reference system of {table.name}, to "
            f"{target.name}, that of {source.path}: give pixel coordinates with "
            f"--{table.option}-crs {PIXEL_CRS}, or coordinates in the raster's own system"
        ) from error


def _check_pixels(
    shapes: npt.NDArray[np.object_], table: PromptTable, source: RasterSource
) -> None:
    """Raise `PromptError` for coordinates taken as pixels that fit the raster's place in the world.

    Nothing is refused where the raster's world coordinates overlap with the numbers of its pixels,
    because then pixels fit both by chance.
    """
    height, width = source.size_hw
    pixels = shapely.box(0, 0, width, height)
    bounds = shapely.total_bounds(shapes)
    if source.crs is None or not np.isfinite(bounds).all():
        return
    for system, name, extent in _extents(source.crs, source.bounds):
        world = shapely.box(*extent)
        is_there = world.covers(shapely.box(*bounds))
        if is_there and world.intersection(pixels).area < BY_CHANCE * pixels.area:
            raise PromptError(
                f"{table.name} does not say what its coordinates are, and they lie in or by the "
                f"raster {system}: say --{table.option}-crs {name}, or "
                f"--{table.option}-crs {PIXEL_CRS} where they are pixels"
            )


def _extents(crs: pyproj.CRS, bounds: Box) -> Iterator[tuple[str, str, Box]]:
    """Yield the bounds of a raster in its own system and in degrees.

    Yields:
        Words for the system, a value of `--prompts-crs` that names it, and the bounds (left,
        bottom, right, top).
    """
    yield "in its own system", _short(crs), bounds
    try:
        way = pyproj.Transformer.from_crs(crs, DEGREES, always_xy=True)
        west, south, east, north = way.transform_bounds(*bounds)
    except (CRSError, ProjError):
        return  # the system has no longitude and latitude on the Earth
    # across the antimeridian the west is the larger number
    if np.isfinite([west, south, east, north]).all() and west <= east:
        # prompts may also lie beside the raster
        x, y = east - west, north - south
        yield "in degrees", DEGREES, (west - x, south - y, east + x, north + y)


def _short(crs: pyproj.CRS) -> str:
    """Name a system by its authority code, else by its quoted name."""
    code = crs.to_authority()
    return f"{crs.name!r}" if code is None else ":".join(code)


def _transformed(
    shapes: npt.NDArray[np.object_], way: pyproj.Transformer
) -> npt.NDArray[np.object_]:
    """Transform the vertices of shapes to another reference system."""

    def project(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Transform (K, 2) coordinates, x before y."""
        return np.column_stack(way.transform(xy[:, 0], xy[:, 1]))

    return np.asarray(shapely.transform(shapes, project), dtype=object)


def _reference(
    table: PromptTable, source: RasterSource, crs: str | None
) -> tuple[pyproj.CRS | None, Frame]:
    """Find the reference system of a table's coordinates, and the frame that gives their indices.

    Returns:
        The reference system, None where the coordinates are in the frame's world already; and the
        frame of the raster, or the one of its pixel corners.
    """
    if is_in_pixels(table, crs):
        return None, PIXELS
    given = table.crs if crs is None else prompts_crs(crs)
    # heights and places around the Earth's centre have no x and y on a map
    if given is not None and (given.is_geocentric or len(given.axis_info) == 1):
        raise PromptError(
            f"{given.name}, the reference system of {table.name}, has no x and y on a map: "
            f"give a geographic or projected one with --{table.option}-crs"
        )
    if given is None and source.crs is not None:
        raise PromptError(
            f"{table.name} has no coordinate reference system: name it with "
            f"--{table.option}-crs, for example --{table.option}-crs EPSG:4326, or "
            f"--{table.option}-crs {PIXEL_CRS} for pixel coordinates"
        )
    if given is not None and source.crs is None:
        raise PromptError(
            f"{table.name} is in {given.name}, but {source.path} has no coordinate reference "
            f"system: give the prompts in pixel coordinates with --{table.option}-crs {PIXEL_CRS}"
        )
    if given is not None and source.crs is not None:
        _check_local(given, source.crs, table, source)
    return given, source.frame


def _check_local(
    given: pyproj.CRS, target: pyproj.CRS, table: PromptTable, source: RasterSource
) -> None:
    """Raise `PromptError` for a local system of another site than the raster's."""
    # PROJ takes any two local systems for the same one
    if given.is_engineering and target.is_engineering and given.name != target.name:
        raise PromptError(
            f"{table.name} is in the local system {given.name!r}, but {source.path} is in "
            f"{target.name!r}: put them into one, or give pixel coordinates with "
            f"--{table.option}-crs {PIXEL_CRS}"
        )


def prompts_crs(text: str) -> pyproj.CRS:
    """Look up the value of `--prompts-crs`; `+init=` before an authority code is allowed.

    Raises:
        PromptError: There is no such system.
    """
    # x is always the first axis here, which is what +init stands for and what PROJ warns about
    return crs_named(text.strip().removeprefix("+init="), shown=repr(text), error=PromptError)
