"""Place columns: names of columns that place the rows of a table, and of columns that may do so.

A column that is not read, but may be a size, a further corner or a reference system, is not
ignored: the table is refused, and the message names the column.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pyproj

from sam_common.errors import PromptError
from sam_geo.prompt_files.table import column_of, spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.prompt_files.table import Column

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
POINT_COLUMNS = ("x", "y")
BOX_SPELLINGS = (
    BOX_COLUMNS,
    ("minx", "miny", "maxx", "maxy"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("min_x", "min_y", "max_x", "max_y"),
    ("x1", "y1", "x2", "y2"),
    ("x_1", "y_1", "x_2", "y_2"),
    ("x0", "y0", "x1", "y1"),
    ("left", "top", "right", "bottom"),
    ("xtl", "ytl", "xbr", "ybr"),
)
"""Names of columns of boxes: x and y of the least corner, then of the greatest."""
DEGREES = tuple(itertools.product(("lon", "longitude", "lng", "long"), ("lat", "latitude")))
"""Names of columns of points in longitude and latitude."""
WKT = ("wkt", "geometry", "geom", "the_geom", "wkt_geom")
"""Names of columns of geometries as text."""
KNOWN = frozenset((*WKT, *POINT_COLUMNS, *itertools.chain(*BOX_SPELLINGS, *DEGREES)))
"""All names of columns that place a row."""
SYSTEMS = (
    *("crs", "srs", "srid", "epsg", "epsg_code", "crs_code"),
    *("coordinate_system", "spatial_reference"),
)
"""Names of columns that may hold the reference system of the coordinates."""
ROTATIONS = ("angle", "rotation", "theta", "rot")
"""Names of columns that may hold the rotation of a box."""

_AXIS = r"(x|y|lon|lat|long|lng|longitude|latitude)"
_END = r"(min|max|start|end|stop|to|left|right|top|bottom|tl|br|ul|lr|cent(er|re))"
EXTENT = re.compile(
    rf"{_AXIS}_?\d+|{_AXIS}_?{_END}|{_END}_?{_AXIS}|[cdpr]_?[xy]|[xy]_(px|pixels?)"
    r"|(.*_)?(bbox|bboxes|bounding_?box|bounds|extent|envelope|box)(_.*)?"
    r"|left|right|top|bottom|west|east|north|south"
    r"|(w|h|r|width|height|size|diameter)(_(px|pixels?))?|radius(_.*)?|polygon|segmentation"
)
"""Names of columns that may make a point a box or a circle, in a way that nobody states."""
CORNERS = re.compile(r"[xy]_?([3-9]|\d\d+)")
"""Names of columns of a third or further corner, which make a box a polygon."""
COLOURS = frozenset("rgb")
"""Columns that are colours where all three are there, and `r` no radius."""


def check_beside_points(columns: Sequence[Column], table: str, point: Sequence[str]) -> None:
    """Raise `PromptError` where further columns may make points boxes or circles.

    Args:
        columns: All columns of the table.
        table: The table as messages name it.
        point: Names of the two columns that are read.
    """
    names = {spelled(name): name for name, _ in columns}
    found = [name for name in names if EXTENT.fullmatch(name)]
    if set(names) >= COLOURS:
        found = [name for name in found if name not in COLOURS]
    if found:
        raise PromptError(
            f"{table} has {', '.join(names[name] for name in found)} beside "
            f"{', '.join(names[name] for name in point)}: "
            f"write boxes as {', '.join(BOX_COLUMNS)}, or remove what is no part of the point"
        )


def check_beside_boxes(columns: Sequence[Column], table: str) -> None:
    """Raise `PromptError` where further columns may make boxes polygons, or rotate them."""
    more = [name for name, _ in columns if CORNERS.fullmatch(spelled(name))]
    rotations = [n for n, cells in columns if spelled(n) in ROTATIONS and any(map(_rotates, cells))]
    if more or rotations:
        raise PromptError(
            f"{table} has {', '.join([*more, *rotations])} beside the corners of boxes: write "
            f"other shapes than upright boxes as WKT, or remove what is no part of the box"
        )


def doubt_of_system(columns: Sequence[Column], table: str, crs: pyproj.CRS | None) -> str | None:
    """Word the doubt about a table whose column names another reference system; else None.

    Args:
        columns: All columns of the table.
        table: The table as messages name it.
        crs: Reference system that the coordinates are read in, None for pixels.
    """
    for name in SYSTEMS:
        found = column_of(columns, name, table)
        said = {} if found is None else dict.fromkeys(cell for cell in found[1] if cell is not None)
        others = [cell for cell in said if not _is_of(str(cell), crs)]
        if found is not None and others:
            return f"column {found[0]} of {table} names a reference system ({others[0]})"
    return None


def _is_of(text: str, crs: pyproj.CRS | None) -> bool:
    """Tell whether a cell names a reference system, or pixels where it is None."""
    if text in {"0", "-1"} or text.lower().startswith("pixel"):
        return crs is None or text in {"0", "-1"}
    if crs is None:
        return False
    try:
        said = pyproj.CRS.from_user_input(f"EPSG:{text}" if text.isdecimal() else text)
    except pyproj.exceptions.CRSError:
        return False
    # x is read before y, whatever the order of axes in a definition
    return said.equals(crs, ignore_axis_order=True)


def _rotates(cell: str | None) -> bool:
    """Tell whether a cell is a number other than 0."""
    try:
        return cell is not None and float(cell) != 0
    except ValueError:
        return False
