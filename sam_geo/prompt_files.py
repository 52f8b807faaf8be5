"""Files of prompts: vector files, Pascal VOC XML and CSV, read into one kind of table.

Nothing is interpreted here: `sam_geo.prompts` decides what a column means and where a coordinate
lies.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import defusedxml
import defusedxml.ElementTree
import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely

from sam_common.errors import PromptError
from sam_common.files import check_input
from sam_common.prompts import check_box

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from xml.etree.ElementTree import Element

    import numpy.typing as npt
    import pyproj

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
POINT_COLUMNS = ("x", "y")
ATTRIBUTES = ("class", "id", "label", "object_id", "prompt_id")
"""Columns that mean something, in any case; all others stay in their file."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptTable:
    """One row per feature, in the order of the file."""

    name: str
    """What messages call it: the path of the file."""
    geometry: npt.NDArray[np.object_]
    """(N,) shapely geometries; None where a feature has none."""
    columns: Mapping[str, Sequence[Any]]
    """The `ATTRIBUTES` that are there; None where a cell is empty."""
    crs: pyproj.CRS | None
    """Reference system of the coordinates, None where the file does not say."""
    in_pixels: bool
    """Whether the file's format means pixel corners, x to the right and y down."""

    def __len__(self) -> int:
        return len(self.geometry)


def read_table(path: str | os.PathLike[str], *, layer: str | None = None) -> PromptTable:
    """Read a file of prompts by its suffix: `.xml` is Pascal VOC, `.csv` is CSV, else GDAL.

    Args:
        path: The file.
        layer: Layer of a vector file that has several.

    Raises:
        InputError: There is no such file.
        PromptError: It cannot be read, has no prompts, or a row makes no sense; rows count from 0.
    """
    check_input(path)
    suffix = Path(path).suffix.lower()
    readers: dict[str, Callable[[Path], PromptTable]] = {".xml": _read_voc, ".csv": _read_csv}
    if suffix in readers:
        table = readers[suffix](Path(path))
    else:
        table = table_of(_read_vector(Path(path), layer), name=str(path))
    if not len(table):
        raise PromptError(f"no prompts in {path}: it has no features")
    return table


def table_of(features: geopandas.GeoDataFrame, *, name: str = "the GeoDataFrame") -> PromptTable:
    """The table of a GeoDataFrame."""
    columns: dict[str, list[Any]] = {}
    for column in features.columns:
        if (key := str(column).lower()) in ATTRIBUTES and key not in columns:
            values = features[column].tolist()
            columns[key] = [None if pd.isna(value) else value for value in values]
    geometry = np.array([None, *features.geometry], dtype=object)[1:]
    return PromptTable(name, geometry, columns, features.crs, in_pixels=False)


def _read_vector(path: Path, layer: str | None) -> geopandas.GeoDataFrame:
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        if layer is None and len(layers) > 1:
            raise PromptError(
                f"{path} has {len(layers)} layers ({', '.join(layers)}): "
                f"choose one with --prompts-layer"
            )
        if not layers:
            raise PromptError(f"no prompts in {path}: no layer of it has geometries")
        return geopandas.read_file(path, layer=layer or layers[0], engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise PromptError(f"not a vector file that GDAL can read: {path} ({error})") from error


def _read_csv(path: Path) -> PromptTable:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = [(name or "").strip().lower() for name in reader.fieldnames or []]
            records = [
                dict(zip(names, (_cell(value) for value in row.values()), strict=False))
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PromptError(f"not a CSV file in UTF-8: {path} ({error})") from error
    shapes: list[shapely.Geometry]
    if set(BOX_COLUMNS) <= set(names):
        shapes = [box_of(record, f"row {n} of {path}") for n, record in enumerate(records)]
    elif set(POINT_COLUMNS) <= set(names):
        shapes = [point_of(record, f"row {n} of {path}") for n, record in enumerate(records)]
    else:
        raise PromptError(
            f"{path} needs the columns {', '.join(BOX_COLUMNS)} or {', '.join(POINT_COLUMNS)}, "
            f"got {', '.join(names) or 'none'}"
        )
    columns = {
        name: [record.get(name) for record in records] for name in names if name in ATTRIBUTES
    }
    return _pixel_table(path, shapes, columns)


def _read_voc(path: Path) -> PromptTable:
    try:
        root: Element | None = defusedxml.ElementTree.parse(path).getroot()
    except (defusedxml.ElementTree.ParseError, defusedxml.DefusedXmlException) as error:
        raise PromptError(f"not an XML file: {path} ({error})") from error
    if root is None or root.tag != "annotation":
        found = "nothing" if root is None else f"<{root.tag}>"
        raise PromptError(f"not a Pascal VOC file: {path} starts with {found}")
    shapes, classes = [], []
    for n, item in enumerate(root.iter("object")):
        record = {name: item.findtext(f"bndbox/{name}") for name in BOX_COLUMNS}
        shapes.append(box_of(record, f"object {n} of {path}"))
        classes.append(_cell(item.findtext("name")))
    return _pixel_table(path, shapes, {"class": classes})


def _pixel_table(
    path: Path, shapes: Sequence[shapely.Geometry], columns: Mapping[str, Sequence[Any]]
) -> PromptTable:
    geometry = np.array([None, *shapes], dtype=object)[1:]
    return PromptTable(str(path), geometry, columns, crs=None, in_pixels=True)


def box_of(record: Mapping[str, str | None], place: str) -> shapely.Polygon:
    """The box of a record with `BOX_COLUMNS`; `place` names it in the `PromptError`."""
    x0, y0, x1, y1 = (_number(record.get(name), name, place) for name in BOX_COLUMNS)
    try:
        check_box([x0, y0, x1, y1])
    except PromptError as error:
        raise PromptError(f"{place}: {error}") from error
    return shapely.box(x0, y0, x1, y1)


def point_of(record: Mapping[str, str | None], place: str) -> shapely.Point:
    """The point of a record with `POINT_COLUMNS`; `place` names it in the `PromptError`."""
    x, y = (_number(record.get(name), name, place) for name in POINT_COLUMNS)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise PromptError(f"{place}: point must be finite, got {[x, y]}")
    return shapely.Point(x, y)


def _number(text: str | None, name: str, place: str) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise PromptError(f"{place}: {name} is not a number: {text!r}") from error


def _cell(value: str | None) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None
