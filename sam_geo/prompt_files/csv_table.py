"""Tables of prompts in text: CSV with boxes, points, degrees or WKT.

- `xmin, ymin, xmax, ymax` (or `minx, ...`, `x1, y1, x2, y2`, `left, top, right, bottom`): boxes, in
  pixels where nobody says else
- `x, y`: points, in pixels where nobody says else
- `lon, lat` (or `longitude, latitude`): points in degrees of WGS 84
- `WKT` (or `geometry`, `geom`, `the_geom`): shapes, in the system of their SRID or as it is said

A file that says in two ways where its rows lie is read where both say the same.
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
    Column,
    PromptTable,
    column_of,
    means_something,
    object_array,
    spelled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

LONLAT = "OGC:CRS84"

IS_WKT = re.compile(
    r"\s*(SRID=\d+;)?\s*(MULTI|COMPOUND)?(POINT|LINESTRING|POLYGON|CURVE|SURFACE|CURVEPOLYGON|"
    r"CIRCULARSTRING|GEOMETRYCOLLECTION|TRIANGLE|TIN|POLYHEDRALSURFACE)\b",
    re.IGNORECASE,
)
OTHER_SHAPES = re.compile(r"\s*(0[01][0-9a-f]{40,}|\{\s*\"(type|coordinates)\")", re.IGNORECASE)
"""WKB as databases export it, or GeoJSON."""
SRID = re.compile(r"\s*SRID=(\d+);", re.IGNORECASE)
GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
"""1,234: a thousand in one country, one and a bit in another."""
COMMA = re.compile(r"^([^,.]*),([^,.]*)$")
AGREEMENT = 1e-6
"""Of coordinates that are written twice, relative to their size."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One way in which the file says where its rows lie."""

    names: str
    shapes: Sequence[Any]
    crs: pyproj.CRS | None = None
    in_pixels: bool = True


def read_csv(path: Path) -> PromptTable:
    """Read a CSV file in UTF-8 (or UTF-16 with its mark), whatever separates its cells.

    Raises:
        PromptError: It cannot be read as one table in one way; rows count from 0.
    """
    columns, delimiter = read_columns(path, KNOWN)
    places = _Sheet(str(path), columns, has_decimal_commas=delimiter != ",").places()
    chosen = _agreed(places, str(path))
    kept = [(name, values) for name, values in columns if means_something(name)]
    kept = [(name, integers(values)) for name, values in kept]
    shapes = object_array(chosen.shapes)
    return PromptTable(
        *(str(path), shapes, kept, chosen.crs),
        in_pixels=chosen.in_pixels,
        doubt=doubt_of_system(columns, str(path), chosen.crs)
        or (doubt_of_fractions(shapes, str(path)) if chosen.in_pixels else None),
    )


def box_of(record: Mapping[str, str | None], place: str) -> shapely.Polygon:
    """The box of a record with `BOX_COLUMNS`; `place` names it in the `PromptError`."""
    x0, y0, x1, y1 = (number_of(record.get(name), name, place) for name in BOX_COLUMNS)
    try:
        check_box([x0, y0, x1, y1])
    except PromptError as error:
        raise PromptError(f"{place}: {error}") from error
    return shapely.box(x0, y0, x1, y1)


def point_of(record: Mapping[str, str | None], place: str) -> shapely.Point:
    """The point of a record with `POINT_COLUMNS`; `place` names it in the `PromptError`."""
    x, y = (number_of(record.get(name), name, place) for name in POINT_COLUMNS)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise PromptError(f"{place}: point must be finite, got {[x, y]}")
    return shapely.Point(x, y)


def number_of(text: str | None, name: str, place: str) -> float:
    """A number with a decimal point; `name` and `place` name it in the `PromptError`."""
    try:
        # Python takes 1_000 for a number, tables do not
        return float("" if text is None or "_" in text else text)
    except ValueError as error:
        raise PromptError(f"{place}: {name} is not a number: {text!r}") from error


class _Sheet:
    """The columns of a file, and the ways in which they say where its rows lie."""

    def __init__(self, name: str, columns: Sequence[Column], *, has_decimal_commas: bool) -> None:
        self._name = name
        self._columns = columns
        self._has_decimal_commas = has_decimal_commas
        self._spelled = {spelled(column): column for column, _ in columns}

    def places(self) -> list[_Place]:
        """All of them; at least one.

        Raises:
            PromptError: There is none, or one that is half there.
        """
        boxes = [names for names in BOX_SPELLINGS if set(names) <= set(self._spelled)]
        degrees = [names for names in DEGREES if set(names) <= set(self._spelled)]
        if boxes:
            check_beside_boxes(self._columns, self._name)
        places = [self._numbered(names, BOX_COLUMNS, box_of) for names in boxes]
        if set(POINT_COLUMNS) <= set(self._spelled):
            places.append(self._point(POINT_COLUMNS, is_alone=not boxes))
        for names in degrees:
            found = self._point(names, is_alone=not boxes)
            places.append(_Place(found.names, found.shapes, pyproj.CRS(LONLAT), in_pixels=False))
        shapes = [name for name in WKT if name in self._spelled]
        # beside other places such a column may be an attribute like others
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
        if is_alone:
            check_beside_points(self._columns, self._name, names)
        return self._numbered(names, POINT_COLUMNS, point_of)

    def _values(self, name: str) -> Sequence[str | None]:
        found = column_of(self._columns, name, self._name)
        return [] if found is None else found[1]

    def _numbered(
        self,
        names: Sequence[str],
        roles: Sequence[str],
        shape_of: Callable[[Mapping[str, str | None], str], shapely.Geometry],
    ) -> _Place:
        columns = self._points_for_commas([self._values(name) for name in names])
        spellings = [self._spelled[name] for name in names]
        shapes = []
        for n, cells in enumerate(zip(*columns, strict=True)):
            place = f"row {n} of {self._name}"
            for cell, spelling in zip(cells, spellings, strict=True):
                number_of(cell, spelling, place)
            shapes.append(shape_of(dict(zip(roles, cells, strict=True)), place))
        return _Place(", ".join(spellings), shapes)

    def _points_for_commas(self, columns: Sequence[Sequence[str | None]]) -> Sequence[Any]:
        """Columns with a decimal point where the file writes a decimal comma."""
        commas = [cell for cells in columns for cell in cells if cell is not None and "," in cell]
        if not self._has_decimal_commas or all(map(GROUPS.fullmatch, commas)):
            return columns
        return [
            [cell if cell is None else COMMA.sub(r"\1.\2", cell) for cell in cells]
            for cells in columns
        ]

    def _is_wkt(self, name: str) -> bool:
        first = next((cell for cell in self._values(name) if cell is not None), "")
        return any(known.match(first) is not None for known in (IS_WKT, OTHER_SHAPES))

    def _wkt(self, name: str) -> _Place:
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
        try:
            return None if cell is None else shapely.from_wkt(SRID.sub("", cell))
        except (shapely.errors.ShapelyError, NotImplementedError) as error:
            raise PromptError(
                f"{row} of {self._name}: {spelling} is not WKT: {str(cell)[:60]!r}"
            ) from error

    def _system(self, spelling: str, codes: set[str]) -> pyproj.CRS | None:
        code = next(iter(codes), "0")
        try:
            return None if code == "0" else pyproj.CRS.from_epsg(code)
        except pyproj.exceptions.CRSError as error:
            raise PromptError(
                f"no such reference system in column {spelling} of {self._name}: SRID={code}"
            ) from error


def doubt_of_fractions(shapes: npt.NDArray[np.object_], table: str) -> str | None:
    """What there is to say of coordinates in pixels that may be parts of an image's sides."""
    numbers = shapely.get_coordinates(shapes)
    is_within = len(numbers) and numbers.min() >= 0 and numbers.max() <= 1
    if not is_within or (numbers == np.round(numbers)).all():
        return None
    return f"all coordinates of {table} lie between 0 and 1, as parts of an image's size do"


def _agreed(places: Sequence[_Place], table: str) -> _Place:
    """One place for all: the shapes of WKT, which tell the most, in the system of the first."""
    first, last = places[0], places[-1]
    for other in places[1:]:
        if not _agree(first, other):
            raise PromptError(
                f"{table} says in two ways where its rows lie, and they differ "
                f"({first.names}; {other.names}): remove the columns that are not meant"
            )
    return first if last.in_pixels else replace(last, in_pixels=first.in_pixels)


def _agree(first: _Place, other: _Place) -> bool:
    """Whether shapes have the same bounds, or are points in boxes."""
    if first.crs != other.crs:
        return False
    a, b = (shapely.bounds(object_array(place.shapes)) for place in (first, other))
    slack = AGREEMENT * np.maximum(1, np.abs(a))
    inside = np.concatenate(
        [b[:, :2] >= a[:, :2] - slack[:, :2], b[:, 2:] <= a[:, 2:] + slack[:, 2:]]
    )
    are_points = np.all(b[:, :2] == b[:, 2:])
    return bool(inside.all() and (are_points or (np.abs(a - b) <= slack).all()))
