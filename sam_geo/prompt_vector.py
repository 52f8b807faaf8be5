"""Vector files of prompts: what GDAL reads, zipped or not, and GeoParquet.

Only columns that mean something are read, with the types of the file: an integer stays one beside
empty cells, and text is never a number.
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from sam_common.errors import PromptError
from sam_common.files import check_input
from sam_geo.prompt_table import PromptTable, means_something, object_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

PARQUET = (".parquet", ".geoparquet", ".pq")
IN_ZIPS = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml", ".kmz", ".gpx", ".gml", ".tab")
"""What is looked for in a zip."""
HEAD = 65_536
DATES_AS_TEXT = frozenset({"GeoJSON", "GeoJSONSeq"})
"""Drivers that take texts for dates."""
"""Bytes at the beginning of a GeoJSON file in which its reference system is looked for."""
PARTS = {".shx": "where each shape begins", ".dbf": "classes and labels"}
"""What a Shapefile needs beside itself, and what it is for."""
UNREADABLE = (DataSourceError, DataLayerError, OSError, ValueError)
"""What GDAL's reader raises; text that is no UTF-8 is a ValueError."""


def read_vector(path: Path, *, layer: str | None, option: str = "prompts") -> PromptTable:
    """Read a layer of a vector file.

    Args:
        path: Anything that GDAL opens as a vector file, or a zip with one in it.
        layer: Its layer; the only one with features where None.
        option: How options about the file are called, as in `--prompts-layer`.

    Raises:
        PromptError: It cannot be read whole, or it has several layers and none is chosen.
    """
    _check_shapefile(path)
    name = _gdal_name(path)
    try:
        # GDAL warns of what is no business of prompts, such as feature ids that are there twice
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = _layer(name, path, layer, option)
            return _read_layer(name, path, chosen, option)
    except UnicodeDecodeError as error:
        way = f"write its encoding into {path.stem}.cpg beside it, for example ISO-8859-1 or CP1251"
        if path.suffix.lower() not in {".shp", ".dbf"}:
            way = "save it in UTF-8"
        raise PromptError(f"text in {path} is not UTF-8: {way}") from error
    except UNREADABLE as error:
        raise PromptError(
            f"not a vector file that GDAL can read: {path} ({_one_line(error)})"
        ) from error


def read_parquet(path: Path, *, option: str = "prompts") -> PromptTable:
    """Read a GeoParquet file.

    Raises:
        PromptError: It is not Parquet, or it does not say which column holds the geometries.
    """
    try:
        file = pq.ParquetFile(path)
        metadata = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        if "primary_column" not in metadata:
            raise PromptError(
                f"{path} is no GeoParquet: it does not say which column holds the geometries"
            )
        shapes = geopandas.read_parquet(path, columns=[metadata["primary_column"]])
        names = {name for name in file.schema_arrow.names if means_something(name)}
        cells = file.read(columns=sorted(names))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise PromptError(f"not a GeoParquet file: {path} ({_one_line(error)})") from error
    except (shapely.errors.ShapelyError, NotImplementedError) as error:
        raise PromptError(f"{path} has a geometry of an unknown kind ({error})") from error
    columns = [(name, cells.column(n).to_pylist()) for n, name in enumerate(cells.column_names)]
    return PromptTable(str(path), object_array(shapes.geometry), columns, shapes.crs, option=option)


def _gdal_name(path: Path) -> str:
    """What GDAL opens; its reader would take `zip:` and `!` in a name for an archive."""
    if "!" in str(path):
        raise PromptError(f"GDAL takes what follows a ! for a part of a zip: {path} (rename it)")
    plain = str(path) if path.is_absolute() else f"./{path}"
    return _in_zip(path, plain) if path.suffix.lower() == ".zip" else plain


def _in_zip(path: Path, plain: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [PurePosixPath(name) for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise PromptError(f"not a zip file: {path} ({error})") from error
    found = [member for member in members if member.suffix.lower() in IN_ZIPS]
    found = [member for member in found if "__MACOSX" not in member.parts]
    names = {str(member).lower() for member in members}
    for member in found:
        parts = {str(member.with_suffix(suffix)).lower() for suffix in PARTS}
        if member.suffix.lower() == ".shp" and not parts <= names:
            raise PromptError(
                f"{member} in {path} is incomplete: {', '.join(sorted(parts - names))} is missing"
            )
    if len(found) == 1:
        return f"/vsizip/{plain}/{found[0]}"
    # Shapefiles of one folder are the layers of it
    if {member.suffix.lower() for member in found} == {".shp"}:
        folders = {member.parent for member in found}
        if len(folders) == 1:
            return f"/vsizip/{plain}/{folders.pop()}".removesuffix("/.")
    what = ", ".join(map(str, found[:10])) or "none"
    raise PromptError(f"one vector file is wanted in {path}, got {what}: unpack it first")


def _check_shapefile(path: Path) -> None:
    if path.suffix.lower() != ".shp" or not path.is_file():
        return
    with path.open("rb") as file:
        header = file.read(28)
    # GDAL reads what lies beyond the end as rows without a shape
    if (length := 2 * int.from_bytes(header[24:28], "big")) > path.stat().st_size:
        raise PromptError(
            f"{path} is cut off: it says that it has {length} bytes, and {path.stat().st_size} "
            f"are there"
        )
    for suffix, holds in PARTS.items():
        spellings = [path.with_suffix(each) for each in (suffix, suffix.upper())]
        there = [each for each in spellings if each.exists()]
        if there:
            check_input(there[0])  # GDAL would do without
        else:
            way = (
                f"ogr2ogr --config SHAPE_RESTORE_SHX YES {path.stem}.gpkg {path.name} makes it anew"
                if suffix == ".shx"
                else "copy it too"
            )
            lost = path.with_suffix(suffix).name
            raise PromptError(f"{path} is incomplete: {lost} is missing, with {holds} ({way})")


def _layer(name: str, path: Path, layer: str | None, option: str) -> str:
    found = [(str(each), kind) for each, kind in pyogrio.list_layers(name)]
    layers = [each for each, kind in found if kind is not None]
    if not layers:
        raise PromptError(f"no prompts in {path}: no layer of it has geometries")
    if layer is not None and layer not in layers:
        raise PromptError(f"no layer {layer!r} in {path}: it has {', '.join(layers)}")
    if layer is not None or len(layers) == 1:
        return layer or layers[0]
    # a GPX file has five layers, whatever is in it
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


def _read_layer(name: str, path: Path, layer: str, option: str) -> PromptTable:
    about = pyogrio.read_info(name, layer=layer)
    names = [str(field) for field in about["fields"] if means_something(field)]
    # GDAL would write texts that look like dates in another way
    options = {"DATE_AS_STRING": "YES"} if about["driver"] in DATES_AS_TEXT else {}
    meta, table = pyogrio.read_arrow(name, layer=layer, columns=names, **options)
    # a GeoPackage may count wrong, a Shapefile counts by its length
    if about["driver"] == "ESRI Shapefile" and about["features"] != table.num_rows:
        raise PromptError(
            f"{path} is damaged: it says that it has {about['features']} features, "
            f"and {table.num_rows} can be read"
        )
    # the geometry is the last column, whatever attributes have its name
    shapes = table.column(table.num_columns - 1).to_numpy(zero_copy_only=False)
    columns = [
        (column, table.column(n).to_pylist())
        for n, column in enumerate(table.column_names[:-1])
        if means_something(column)
    ]
    if about["driver"] == "GeoJSON":
        _check_geojson_crs(path)
    crs = _crs(meta, path)
    return PromptTable(str(path), _shapes(shapes, name, layer, path), columns, crs, option=option)


def _crs(meta: Mapping[str, Any], path: Path) -> pyproj.CRS | None:
    try:
        return None if meta["crs"] is None else pyproj.CRS.from_user_input(meta["crs"])
    except pyproj.exceptions.CRSError as error:
        raise PromptError(
            f"the reference system of {path} makes no sense: {_one_line(error)[:200]}"
        ) from error


def geojson_crs(member: Any, name: str) -> pyproj.CRS:
    """The reference system that a member `crs` of GeoJSON names.

    Args:
        member: What older files have: `{"type": "name", "properties": {"name": ...}}`.
        name: What messages call the GeoJSON.

    Raises:
        PromptError: There is no such system.
    """
    named = member
    try:
        named = member["properties"]["name"]
        return pyproj.CRS.from_user_input(named)
    except (pyproj.exceptions.CRSError, KeyError, TypeError) as error:
        raise PromptError(f"no such reference system in {name}: {named!r}") from error


def _check_geojson_crs(path: Path) -> None:
    """Refuse a named system that GDAL does not know: it would take WGS 84 in its place.

    Only the beginning of the file is looked at, where writers put it.
    """
    with path.open("rb") as file:
        head = file.read(HEAD).decode(errors="replace").partition('"features"')[0]
    if (found := re.search(r'"crs"\s*:\s*', head)) is None:
        return
    try:
        member, _ = json.JSONDecoder().raw_decode(head, found.end())
    except ValueError:  # longer than what was read
        return
    if isinstance(member, dict) and "code" in (member.get("properties") or {}):
        return
    if member is not None:
        geojson_crs(member, str(path))


def _shapes(
    wkb: Sequence[bytes | None], name: str, layer: str, path: Path
) -> npt.NDArray[np.object_]:
    try:
        return np.asarray(shapely.from_wkb(wkb), dtype=object)
    except NotImplementedError:
        # curves: read once more by the reader that draws them as lines
        _, _, lines, _ = pyogrio.raw.read(name, layer=layer, columns=[])
        return np.asarray(shapely.from_wkb(lines), dtype=object)
    except shapely.errors.ShapelyError as error:
        raise PromptError(f"{path} has a geometry of an unknown kind ({error})") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
