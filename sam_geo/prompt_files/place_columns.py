"""Columns that say where the rows of a table lie, and those that say more than is read.

A column beside a point that may be a size, a second corner or a reference system is not left out:
the table is refused, and the message names the column.
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
"""First the corner of the smaller numbers, then that of the larger ones."""
DEGREES = tuple(itertools.product(("lon", "longitude", "lng", "long"), ("lat", "latitude")))
WKT = ("wkt", "geometry", "geom", "the_geom", "wkt_geom")
KNOWN = frozenset((*WKT, *POINT_COLUMNS, *itertools.chain(*BOX_SPELLINGS, *DEGREES)))
"""Names that say where a row lies."""
SYSTEMS = (
    *("crs", "srs", "srid", "epsg", "epsg_code", "crs_code"),
    *("coordinate_system", "spatial_reference"),
)
"""Columns that may say what reference system the coordinates are in."""
TURNS = ("angle", "rotation", "theta", "rot")
"""Columns that may turn a box."""

_AXIS = r"(x|y|lon|lat|long|lng|longitude|latitude)"
_END = r"(min|max|start|end|stop|to|left|right|top|bottom|tl|br|ul|lr|cent(er|re))"
EXTENT = re.compile(
    rf"{_AXIS}_?\d+|{_AXIS}_?{_END}|{_END}_?{_AXIS}|[cdpr]_?[xy]|[xy]_(px|pixels?)"
    r"|(.*_)?(bbox|bboxes|bounding_?box|bounds|extent|envelope|box)(_.*)?"
    r"|left|right|top|bottom|west|east|north|south"
    r"|(w|h|r|width|height|size|diameter)(_(px|pixels?))?|radius(_.*)?|polygon|segmentation"
)
"""Beside a point they make a box or a circle of it, from a corner or the middle: nobody knows."""
CORNERS = re.compile(r"[xy]_?([3-9]|\d\d+)")
"""Beside a box they make a polygon of it."""
COLOURS = frozenset("rgb")


def check_beside_points(columns: Sequence[Column], table: str, point: Sequence[str]) -> None:
    """Raise `PromptError` where columns beside a point may make more than a point of it.

    Args:
        columns: All of the table.
        table: What messages call it.
        point: The two that are read.
    """
    names = {spelled(name): name for name, _ in columns}
    found = [name for name in names if EXTENT.fullmatch(name) and name not in point]
    if set(names) >= COLOURS:
        found = [name for name in found if name not in COLOURS]
    if found:
        raise PromptError(
            f"{table} has {', '.join(names[name] for name in found)} beside "
            f"{', '.join(names[name] for name in point)}: "
            f"write boxes as {', '.join(BOX_COLUMNS)}, or remove what is no part of the point"
        )


def check_beside_boxes(columns: Sequence[Column], table: str) -> None:
    """Raise `PromptError` where columns beside a box make another shape of it, or turn it."""
    more = [name for name, _ in columns if CORNERS.fullmatch(spelled(name))]
    turns = [name for name, cells in columns if spelled(name) in TURNS and any(map(_turns, cells))]
    if more or turns:
        raise PromptError(
            f"{table} has {', '.join([*more, *turns])} beside the corners of boxes: write other "
            f"shapes than upright boxes as WKT, or remove what is no part of the box"
        )


def doubt_of_system(columns: Sequence[Column], table: str, crs: pyproj.CRS | None) -> str | None:
    """What a column says of the reference system, where it is not that of the coordinates.

    Args:
        columns: All of the table.
        table: What messages call it.
        crs: Reference system of the coordinates, None for pixels.
    """
    for name in SYSTEMS:
        found = column_of(columns, name, table)
        said = {} if found is None else dict.fromkeys(cell for cell in found[1] if cell is not None)
        others = [cell for cell in said if not _is_of(str(cell), crs)]
        if found is not None and others:
            return f"column {found[0]} of {table} names a reference system ({others[0]})"
    return None


def _is_of(text: str, crs: pyproj.CRS | None) -> bool:
    """Whether a cell names a system, or says that there is none."""
    if text in {"0", "-1"} or text.lower().startswith("pixel"):
        return crs is None or text in {"0", "-1"}
    if crs is None:
        return False
    try:
        said = pyproj.CRS.from_user_input(f"EPSG:{text}" if text.isdecimal() else text)
    except pyproj.exceptions.CRSError:
        return False
    # longitude and latitude are read in this order, whatever the order of the axes
    return said.equals(crs, ignore_axis_order=True)


def _turns(cell: str | None) -> bool:
    try:
        return cell is not None and float(cell) != 0
    except ValueError:
        return False
