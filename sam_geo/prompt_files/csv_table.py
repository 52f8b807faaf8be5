"""CSV files of prompts: boxes, points, longitude and latitude, or WKT.

- `xmin, ymin, xmax, ymax` (or `minx, ...`, `x1, y1, x2, y2`, `left, top, right, bottom`): boxes,
  in pixels unless `--prompts-crs` says otherwise
- `x, y`: points, in pixels unless `--prompts-crs` says otherwise
- `lon, lat` (or `longitude, latitude`): points in degrees of WGS 84
- `WKT` (or `geometry`, `geom`, `the_geom`): geometries, in the system of their SRID or of
  `--prompts-crs`

A file may place its rows in two of these ways, where both give the same places.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely

from sam_common.errors import PromptError
from sam_common.prompts import check_box
from sam_geo.prompt_files.delimited import integers, read_columns
from sam_geo.prompt_files.place_columns import (
    BOX_COLUMNS,
    BOX_SPELLINGS,
    DEGREES,
    KNOWN,
    POINT_COLUMNS,
    WKT,
    check_beside_boxes,
    check_beside_points,
    doubt_of_system,
)
from sam_geo.prompt_files.table import (
    PROMPTS,
    Column,
    PromptTable,
    Wanted,
    column_of,
    object_array,
    spelled,
)
from sam_geo.raster.reference_system import LONLAT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

IS_WKT = re.compile(
    r"\s*(SRID=\d+;)?\s*(MULTI|COMPOUND)?(POINT|LINESTRING|POLYGON|CURVE|SURFACE|CURVEPOLYGON|"
    r"CIRCULARSTRING|GEOMETRYCOLLECTION|TRIANGLE|TIN|POLYHEDRALSURFACE)\b",
    re.IGNORECASE,
)
"""How WKT begins, with an SRID or without."""
OTHER_SHAPES = re.compile(r"\s*(0[01][0-9a-f]{40,}|\{\s*\"(type|coordinates)\")", re.IGNORECASE)
"""How geometries in WKB as hexadecimal digits, or in GeoJSON, begin: they are refused as WKT."""
SRID = re.compile(r"\s*SRID=(\d+);", re.IGNORECASE)
"""EPSG code before WKT, as PostGIS writes it."""
GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
"""A number such as 1,234, whose comma separates thousands or decimals."""
COMMA = re.compile(r"^([^,.]*),([^,.]*)$")
"""A number with one comma and no point."""
AGREEMENT = 1e-6
"""Tolerance for coordinates that a file has twice, relative to their size."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The places of all rows by one set of columns."""

    names: str
    """The columns as the file spells them, separated by commas."""
    shapes: Sequence[Any]
    """A geometry or None for each row."""
    crs: pyproj.CRS | None = None
    """Reference system that the columns state, None where they state none."""
    in_pixels: bool = True
    """Whether the coordinates are pixels unless `--prompts-crs` says otherwise."""


def read_csv(path: Path, wanted: Wanted = PROMPTS) -> PromptTable:
    """Read a CSV file of prompts.

    Args:
        path: A file in UTF-8, or in UTF-16 with a byte order mark, with commas, semicolons, tabs
            or bars between its cells.
        wanted: What it is read for.

    Raises:
        PromptError: The file cannot be read, or its columns place no rows, or place them in two
            different ways; messages count rows from 0.
    """
    columns, delimiter = read_columns(path, KNOWN)
    places = _Sheet(str(path), columns, has_decimal_commas=delimiter != ",").places()
    chosen = _agreed(places, str(path))
    kept = [(name, values) for name, values in columns if wanted.reads(name)]
    kept = [(name, integers(values)) for name, values in kept]
    shapes = object_array(chosen.shapes)
    return PromptTable(
        *(str(path), shapes, kept, chosen.crs),
        in_pixels=chosen.in_pixels,
        all_names=[name for name, _ in columns],
        doubt=doubt_of_system(columns, str(path), chosen.crs)
        or (doubt_of_fractions(shapes, str(path)) if chosen.in_pixels else None),
    )


def box_of(numbers: list[float], place: str) -> shapely.Polygon:
    """Make a box of the numbers of `BOX_COLUMNS`; `place` names the row in a `PromptError`."""
    try:
        check_box(numbers)
    except PromptError as error:
        raise PromptError(f"{place}: {error}") from error
    x0, y0, x1, y1 = numbers
    return shapely.box(x0, y0, x1, y1)


def point_of(numbers: list[float], place: str) -> shapely.Point:
    """Make a point of the numbers of `POINT_COLUMNS`; `place` names the row in a `PromptError`."""
    if not all(map(math.isfinite, numbers)):
        raise PromptError(f"{place}: point must be finite, got {numbers}")
    return shapely.Point(numbers)


def number_of(text: str | None, name: str, place: str) -> float:
    """Parse a number with a decimal point.

    Args:
        text: The cell, None where it is empty.
        name: The column as the message names it.
        place: The row as the message names it.

    Raises:
        PromptError: The cell is empty or no number.
    """
    try:
        # Python parses 1_000 as a number
        return float("" if text is None or "_" in text else text)
    except ValueError as error:
        raise PromptError(f"{place}: {name} is not a number: {text!r}") from error


class _Sheet:
    """The columns of a CSV file, from which the places of its rows are read.

    Args:
        name: The file as messages name it.
        columns: All columns as text.
        has_decimal_commas: Whether a comma may be a decimal point, because it separates no cells.
    """

    def __init__(self, name: str, columns: Sequence[Column], *, has_decimal_commas: bool) -> None:
        self._name = name
        self._columns = columns
        self._has_decimal_commas = has_decimal_commas
        self._spelled = {spelled(column): column for column, _ in columns}

    def places(self) -> list[_Place]:
        """Read the places of the rows by each set of columns that the file has.

        Returns:
            At least one; boxes first, then points in pixels, points in degrees, and WKT.

        Raises:
            PromptError: The file has no set of such columns, or others that contradict them.
        """
        boxes = [names for names in BOX_SPELLINGS if set(names) <= set(self._spelled)]
        degrees = [names for names in DEGREES if set(names) <= set(self._spelled)]
        if boxes:
            check_beside_boxes(self._columns, self._name)
        places = [self._numbered(names, box_of) for names in boxes]
        if set(POINT_COLUMNS) <= set(self._spelled):
            places.append(self._point(POINT_COLUMNS, is_alone=not boxes))
        for names in degrees:
            found = self._point(names, is_alone=not boxes)
            places.append(_Place(found.names, found.shapes, pyproj.CRS(LONLAT), in_pixels=False))
        shapes = [name for name in WKT if name in self._spelled]
        # beside other places, a column `geometry` without WKT is an ordinary attribute
        meant = [name for name in shapes if self._is_wkt(name)]
        places += [self._wkt(name) for name in meant or (shapes if not places else [])]
        if not places:
            raise PromptError(
                f"{self._name} needs the columns {', '.join(BOX_COLUMNS)} or "
                f"{', '.join(POINT_COLUMNS)} (or lon, lat, or WKT), got "
                f"{', '.join(column for column, _ in self._columns) or 'none'}"
            )
        return places

    def _point(self, names: Sequence[str], *, is_alone: bool) -> _Place:
        """Read two columns as points; without boxes, no other column may seem to be a size."""
        if is_alone:
            check_beside_points(self._columns, self._name, names)
        return self._numbered(names, point_of)

    def _values(self, name: str) -> Sequence[str | None]:
        """Give the cells of a column."""
        found = column_of(self._columns, name, self._name)
        return [] if found is None else found[1]

    def _numbered(
        self, names: Sequence[str], shape_of: Callable[[list[float], str], shapely.Geometry]
    ) -> _Place:
        """Read columns of numbers as geometries, which `shape_of` makes of the numbers of a row."""
        columns = self._points_for_commas([self._values(name) for name in names])
        spellings = [self._spelled[name] for name in names]
        shapes = []
        for n, cells in enumerate(zip(*columns, strict=True)):
            place = f"row {n} of {self._name}"
            pairs = zip(cells, spellings, strict=True)
            shapes.append(shape_of([number_of(*pair, place) for pair in pairs], place))
        return _Place(", ".join(spellings), shapes)

    def _points_for_commas(self, columns: Sequence[Sequence[str | None]]) -> Sequence[Any]:
        """Turn decimal commas of columns into points, unless all may separate thousands."""
        commas = [cell for cells in columns for cell in cells if cell is not None and "," in cell]
        if not self._has_decimal_commas or all(map(GROUPS.fullmatch, commas)):
            return columns
        return [
            [cell if cell is None else COMMA.sub(r"\1.\2", cell) for cell in cells]
            for cells in columns
        ]

    def _is_wkt(self, name: str) -> bool:
        """Tell whether the first cell of a column that is not empty is a geometry as text."""
        first = next((cell for cell in self._values(name) if cell is not None), "")
        return any(known.match(first) is not None for known in (IS_WKT, OTHER_SHAPES))

    def _wkt(self, name: str) -> _Place:
        """Read a column of WKT, with the one SRID of its cells or without."""
        spelling, cells = self._spelled[name], self._values(name)
        shapes = [self._wkt_shape(cell, f"row {n}", spelling) for n, cell in enumerate(cells)]
        said = [SRID.match(cell) for cell in cells if cell is not None]
        codes = {"0" if found is None else found[1] for found in said}
        if len(codes) > 1:
            raise PromptError(
                f"column {spelling} of {self._name} has several reference systems: "
                f"SRID={', '.join(sorted(codes))}"
            )
        return _Place(spelling, shapes, self._system(spelling, codes), in_pixels=False)

    def _wkt_shape(self, cell: str | None, row: str, spelling: str) -> Any:
        """Parse one cell of WKT; None where it is empty."""
        try:
            return None if cell is None else shapely.from_wkt(SRID.sub("", cell))
        except (shapely.errors.ShapelyError, NotImplementedError) as error:
            raise PromptError(
                f"{row} of {self._name}: {spelling} is not WKT: {str(cell)[:60]!r}"
            ) from error

    def _system(self, spelling: str, codes: set[str]) -> pyproj.CRS | None:
        """Look up the reference system of an SRID; None for SRID 0, which names none."""
        code = next(iter(codes), "0")
        try:
            return None if code == "0" else pyproj.CRS.from_epsg(code)
        except pyproj.exceptions.CRSError as error:
            raise PromptError(
                f"no such reference system in column {spelling} of {self._name}: SRID={code}"
            ) from error


def doubt_of_fractions(shapes: npt.NDArray[np.object_], table: str) -> str | None:
    """Word the doubt about pixel coordinates that may be parts of an image's size; else None.

    Args:
        shapes: (N,) geometries or None.
        table: The table as messages name it.
    """
    numbers = shapely.get_coordinates(shapes)
    is_within = len(numbers) and numbers.min() >= 0 and numbers.max() <= 1
    if not is_within or (numbers == np.round(numbers)).all():
        return None
    return f"all coordinates of {table} lie between 0 and 1, as parts of an image's size do"


def _agreed(places: Sequence[_Place], table: str) -> _Place:
    """Choose one of several equal places: WKT, which is the last, as it may be more than a box."""
    first, last = places[0], places[-1]
    for other in places[1:]:
        if not _agree(first, other):
            raise PromptError(
                f"{table} says in two ways where its rows lie, and they differ "
                f"({first.names}; {other.names}): remove the columns that are not meant"
            )
    return first if last.in_pixels else replace(last, in_pixels=first.in_pixels)


def _agree(first: _Place, other: _Place) -> bool:
    """Tell whether two places have the same bounds, or are points inside boxes."""
    if first.crs != other.crs:
        return False
    a, b = (shapely.bounds(object_array(place.shapes)) for place in (first, other))
    slack = AGREEMENT * np.maximum(1, np.abs(a))
    inside = np.concatenate(
        [b[:, :2] >= a[:, :2] - slack[:, :2], b[:, 2:] <= a[:, 2:] + slack[:, 2:]]
    )
    are_points = np.all(b[:, :2] == b[:, 2:])
    return bool(inside.all() and (are_points or (np.abs(a - b) <= slack).all()))
