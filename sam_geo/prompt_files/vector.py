"""Vector files of prompts: any format that GDAL reads, in a zip file or not, and GeoParquet.

Only columns that prompts may need are read, with the types of the file: an integer stays one
beside empty cells, and text never becomes a number. The id of a feature, which is a member `id` in
GeoJSON and the key in a GeoPackage, becomes the column `id` where the file has no such column.
"""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from sam_common.errors import PromptError, one_line
from sam_geo.prompt_files.geojson_text import GEOJSON_DRIVERS, GeoJSONText
from sam_geo.prompt_files.table import (
    PROMPTS,
    WEAK,
    PromptTable,
    Wanted,
    cells_of,
    object_array,
    spelled,
)
from sam_geo.prompt_files.vector_parts import check_parts, check_sources, gdal_name, in_zip, part_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sam_geo.prompt_files.table import Column

PARQUET = (".parquet", ".geoparquet", ".pq")
"""Suffixes of GeoParquet files."""
HEAD = 65_536
"""Bytes at the beginning of a GeoJSON file in which its reference system is looked for."""
CHECKED_DRIVERS = frozenset(
    (
        *GEOJSON_DRIVERS,
        *("ESRI Shapefile", "GPKG", "FlatGeobuf", "OpenFileGDB", "LIBKML"),
        *("TopoJSON", "ESRIJSON", "JSONFG"),
    )
)
"""Drivers that raise an error for a file that is cut off, or whose text is checked here."""
CLAMPED = frozenset((2**63 - 1, -(2**63)))
"""Integers that GDAL puts in place of larger ones in sequences of GeoJSON features."""
UNREADABLE = (DataSourceError, DataLayerError, OSError, ValueError)
"""Errors of pyogrio for a file that GDAL cannot read."""


def read_vector(path: Path, wanted: Wanted = PROMPTS, *, layer: str | None = None) -> PromptTable:
    """Read a layer of a vector file.

    Args:
        path: A vector file that GDAL opens, or a zip file with one in it.
        wanted: What it is read for.
        layer: The layer to read; the only one with features where None.

    Raises:
        PromptError: The file cannot be read whole, has no such layer, or has several and none is
            chosen.
    """
    check_parts(path)
    member = in_zip(path)
    name = gdal_name(path, member)
    try:
        # GDAL warns of things that do not matter here, such as feature ids that are there twice
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_sources(path)
            chosen = _layer(name, path, layer, wanted.option)
            return _read_layer(name, path, chosen, member, wanted)
    except UnicodeDecodeError as error:
        way = f"write its encoding into {path.stem}.cpg beside it, for example ISO-8859-1 or CP1251"
        if path.suffix.lower() not in {".shp", ".dbf"}:
            way = "save it in UTF-8"
        raise PromptError(f"text in {path} is not UTF-8: {way}") from error
    except UNREADABLE as error:
        way = ""
        if path.suffix.lower() == ".json":
            way = "; annotations of images, as of COCO or LabelMe, are read from VOC XML or CSV"
        raise PromptError(
            f"not a vector file that GDAL can read: {path} ({one_line(error)}){way}"
        ) from error


def read_parquet(path: Path, wanted: Wanted = PROMPTS) -> PromptTable:
    """Read a GeoParquet file.

    Args:
        path: The file.
        wanted: What it is read for.

    Raises:
        PromptError: The file is not Parquet, or does not name its column of geometries.
    """
    try:
        file = pq.ParquetFile(path)
        metadata = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        if "primary_column" not in metadata:
            raise PromptError(
                f"{path} is no GeoParquet: it does not say which column holds the geometries"
            )
        shapes = geopandas.read_parquet(path, columns=[metadata["primary_column"]])
        every = list(file.schema_arrow.names)
        names = {name for name in every if wanted.reads(name)}
        cells = file.read(columns=sorted(names))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise PromptError(f"not a GeoParquet file: {path} ({one_line(error)})") from error
    except (shapely.errors.ShapelyError, NotImplementedError) as error:
        raise PromptError(f"{path} has a geometry of an unknown kind ({error})") from error
    columns = [(name, cells_of(cells.column(n))) for n, name in enumerate(cells.column_names)]
    return PromptTable(
        *(str(path), object_array(shapes.geometry), columns, shapes.crs),
        option=wanted.option,
        all_names=[name for name in every if name != metadata["primary_column"]],
    )


def _layer(name: str, path: Path, layer: str | None, option: str) -> str:
    """Choose the layer to read: the given one, or the only one with features."""
    found = [(str(each), kind) for each, kind in pyogrio.list_layers(name)]
    layers = [each for each, kind in found if kind is not None]
    if not layers:
        raise PromptError(f"no {option} in {path}: no layer of it has geometries")
    if layer is not None and layer not in layers:
        raise PromptError(f"no layer {layer!r} in {path}: it has {', '.join(layers)}")
    if layer is not None or len(layers) == 1:
        return layer or layers[0]
    # a GPX file always has five layers, most of them empty
    filled = [
        each
        for each in layers
        if pyogrio.read_info(name, layer=each, force_feature_count=True)["features"]
    ]
    if len(filled) > 1:
        raise PromptError(
            f"{path} has {len(filled)} layers ({', '.join(filled)}): "
            f"choose one with --{option}-layer"
        )
    return (filled or layers)[0]


def _read_layer(
    name: str, path: Path, layer: str, member: str | None, wanted: Wanted
) -> PromptTable:
    """Read the geometries and columns of a layer, and check that nothing is missing."""
    about = pyogrio.read_info(name, layer=layer)
    driver = about["driver"]
    is_cut = driver == "ESRI Shapefile"
    names = [
        str(field)
        for field in about["fields"]
        if wanted.reads(wanted.whole_name(str(field)) if is_cut else field)
    ]
    is_json = driver in GEOJSON_DRIVERS
    # GDAL would change the form of text that looks like a date
    options = {"DATE_AS_STRING": "YES"} if is_json else {}
    with_key = not is_json and wanted.reads(about["fid_column"])
    meta, table = pyogrio.read_arrow(
        name, layer=layer, columns=names, return_fids=with_key, **options
    )
    # the geometry is the last column, whatever attributes have its name
    shapes = table.column(table.num_columns - 1).to_numpy(zero_copy_only=False)
    columns = _columns(table, wanted, is_cut=is_cut)
    if is_json:
        text = GeoJSONText(path, member, is_sequence=driver == "GeoJSONSeq")
        text.check(table.num_rows)
        if text.is_sequence:
            _check_clamped(columns, path)
        columns = _with_ids(columns, text, table.num_rows)
        if driver == "GeoJSON":
            _check_geojson_crs(text)
    else:
        _check_whole(name, path, layer, about, table.num_rows)
    crs = _crs(meta, path)
    return PromptTable(
        *(str(path), _shapes(shapes, name, layer, path), columns, crs),
        option=wanted.option,
        all_names=[str(field) for field in about["fields"]],
    )


def _columns(table: pa.Table, wanted: Wanted, *, is_cut: bool) -> list[Column]:
    """Read all columns but the last, which is the geometry; `is_cut`: names of a Shapefile."""
    names = [wanted.whole_name(name) if is_cut else name for name in table.column_names[:-1]]
    found = [(name, _cells(table.column(n), name, wanted)) for n, name in enumerate(names)]
    return [(name, cells) for name, cells in found if cells is not None]


def _cells(column: pa.ChunkedArray, name: str, wanted: Wanted) -> list[Any] | None:
    """Read the cells of a column that prompts may need; None for any other."""
    if not wanted.reads(name):
        return None
    try:
        return cells_of(column)
    except UnicodeDecodeError:
        # a column that may be an ordinary attribute must not stop a job
        if spelled(name) in WEAK:
            return None
        raise


def _with_ids(columns: list[Column], text: GeoJSONText, rows: int) -> list[Column]:
    """Add the ids of GeoJSON features as column `id`, where a property `id` is not there."""
    found = [cells for name, cells in columns if spelled(name) == "id"]
    values: Sequence[Any] = found[0] if found else [None] * rows
    if None not in values or len(found) > 1:
        return columns
    ids = [given if own is None else own for own, given in zip(values, text.ids(rows), strict=True)]
    others = [column for column in columns if spelled(column[0]) != "id"]
    return others if all(each is None for each in ids) else [*others, ("id", ids)]


def _check_clamped(columns: Sequence[Column], path: Path) -> None:
    """Raise `PromptError` where GDAL may have replaced an integer of more than 64 bits."""
    for name, values in columns:
        if not CLAMPED.isdisjoint(value for value in values if isinstance(value, int)):
            raise PromptError(
                f"column {name} of {path} has whole numbers of more than 64 bits, which GDAL "
                f"changes: write them as text"
            )


def _check_whole(name: str, path: Path, layer: str, about: Mapping[str, Any], rows: int) -> None:
    """Raise `PromptError` for a file that is cut off, of which fewer features were read.

    Files of drivers that raise no error for it are read once more by another reader.
    """
    # the count of a GeoPackage may be wrong; that of a Shapefile follows from its size
    said = about["features"] if about["driver"] == "ESRI Shapefile" else rows
    if about["driver"] not in CHECKED_DRIVERS:
        # this reader raises an error at a broken place, where the Arrow reader just stops
        ids, *_ = pyogrio.raw.read(
            name, layer=layer, columns=[], read_geometry=False, return_fids=True
        )[1:]
        said = len(ids)
    if path.suffix.lower() == ".mif" and (beside := part_of(path, ".mid")) is not None:
        lines = beside.read_bytes().splitlines()
        said = sum(1 for line in lines if line.strip())
    if said != rows:
        raise PromptError(
            f"{path} is damaged: it says that it has {said} features, and {rows} can be read"
        )


def _crs(meta: Mapping[str, Any], path: Path) -> pyproj.CRS | None:
    """Read the reference system of a layer from GDAL's metadata."""
    try:
        return None if meta["crs"] is None else pyproj.CRS.from_user_input(meta["crs"])
    except pyproj.exceptions.CRSError as error:
        raise PromptError(
            f"the reference system of {path} makes no sense: {one_line(error)[:200]}"
        ) from error


def geojson_crs(member: Any, name: str) -> pyproj.CRS:
    """Look up the reference system that a member `crs` of GeoJSON names.

    Args:
        member: The member as GeoJSON had it before RFC 7946, such as
            `{"type": "name", "properties": {"name": "EPSG:32633"}}`.
        name: The GeoJSON as messages name it.

    Raises:
        PromptError: The member names no known system.
    """
    named = member
    try:
        named = member["properties"]["name"]
        return pyproj.CRS.from_user_input(named)
    except (pyproj.exceptions.CRSError, KeyError, TypeError) as error:
        raise PromptError(f"no such reference system in {name}: {named!r}") from error


def _check_geojson_crs(text: GeoJSONText) -> None:
    """Raise `PromptError` for a named system that GDAL does not know, and reads as WGS 84.

    Only the beginning of the file is searched, where writers put the member `crs`.
    """
    head = text.head(HEAD).decode(errors="replace").partition('"features"')[0]
    if (found := re.search(r'"crs"\s*:\s*', head)) is None:
        return
    try:
        member, _ = json.JSONDecoder().raw_decode(head, found.end())
    except ValueError:  # the member is longer than the beginning that was read
        return
    if isinstance(member, dict) and "code" in (member.get("properties") or {}):
        return
    if member is not None:
        geojson_crs(member, str(text.path))


def _shapes(
    wkb: Sequence[bytes | None], name: str, layer: str, path: Path
) -> npt.NDArray[np.object_]:
    """Parse geometries from WKB; curves, which shapely does not know, become lines."""
    try:
        return np.asarray(shapely.from_wkb(wkb), dtype=object)
    except NotImplementedError:
        # this reader of pyogrio turns curves into lines
        _, _, lines, _ = pyogrio.raw.read(name, layer=layer, columns=[])
        return np.asarray(shapely.from_wkb(lines), dtype=object)
    except shapely.errors.ShapelyError as error:
        raise PromptError(f"{path} has a geometry of an unknown kind ({error})") from error
