"""Writing of tables: a file appears whole and read back, or not at all."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import (
    CRSError,
    DataLayerError,
    DataSourceError,
    FeatureError,
    GeometryError,
)

from sam_common.errors import OutputError
from sam_common.support.files import atomic_output, check_output, writing
from sam_geo.tables.formats import STAMP, Format, format_of
from sam_geo.tables.geopackage import check_index, check_layer, has_others
from sam_geo.tables.read_back import Content
from sam_geo.tables.shapefile import check_shapefile_output, shapefile_output
from sam_geo.tables.writers import BATCH, geometry_name, reading, writer_for

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import geopandas

    Write = Callable[[geopandas.GeoDataFrame], None]

SETTINGS = {
    "OGR_CURRENT_DATE": STAMP,
    # FlatGeobuf's own Arrow batches are wrong where a geometry is missing (GDAL 3.12)
    "OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES",
}
"""GDAL's configuration options while a table is written."""
ADDRESS_MARKS = frozenset("!;?")
"""Characters of a path that make pyogrio take it for an address."""
ERRORS = (
    CRSError,
    DataLayerError,
    DataSourceError,
    FeatureError,
    GeometryError,
    ImportError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    pa.ArrowException,
    shapely.errors.ShapelyError,
    sqlite3.Error,
)
"""Errors of the libraries where a table cannot be written or read back."""


def check_table_output(
    path: str | os.PathLike[str], *, overwrite: bool, layer: str | None = None
) -> None:
    """Raise `OutputError` before long work where a table could not be written to `path`.

    Args:
        path: The file to be written; for a Shapefile all its files are checked.
        overwrite: Whether an existing file, or layer of a GeoPackage, may be replaced.
        layer: Layer of a GeoPackage; the name of the file where None.
    """
    target = Path(path)
    chosen = format_of(target)
    if layer is not None and chosen.driver != "GPKG":
        raise OutputError(f"--layer is for a .gpkg, {target} has one table only: leave it out")
    if chosen.driver == "ESRI Shapefile":
        check_shapefile_output(target, overwrite=overwrite)
        return
    check_output(target, overwrite=overwrite)
    if chosen.driver == "GPKG":
        check_layer(target, target.stem if layer is None else layer)


def write_table(
    table: geopandas.GeoDataFrame,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    layer: str | None = None,
) -> None:
    """Write a whole table at once.

    Args:
        table: Polygons, MultiPolygons or None in the geometry column, or points only.
        path: The file to be written; its suffix chooses the format, see `table_writer`.
        overwrite: Whether an existing file, or layer of a GeoPackage, may be replaced.
        layer: Layer of a GeoPackage; the name of the file where None.

    Raises:
        DiskError: The disk is full or read-only.
        OutputError: The suffix is unknown, the file exists or cannot be written, or a value does
            not fit the format.
    """
    with table_writer(path, overwrite=overwrite, layer=layer) as write:
        write(table)


@contextmanager
def table_writer(
    path: str | os.PathLike[str], *, overwrite: bool = False, layer: str | None = None
) -> Iterator[Write]:
    """Write a table batch by batch, in the format of the path's suffix.

    The formats are `.gpkg`, `.fgb`, `.geojson` (RFC 7946: always longitude and latitude in WGS 84),
    `.parquet` (GeoParquet 1.1 with a bbox column) and `.shp` (with `SHORT_NAMES`; integers of more
    than 18 digits become text). Rows keep their order, rows without geometry are kept, the same
    batches give the same bytes, and memory is bounded by a batch.

    The file appears when the block ends without an error and the written table was read back and
    is equal to the batches; otherwise an older file stays as it was. The files of a Shapefile
    appear one after the other, the .shp last.

    Args:
        path: The file to be written.
        overwrite: Whether an existing table may be replaced: in a GeoPackage the layer, while
            other layers stay; else the file, with all files of a Shapefile.
        layer: Layer of a GeoPackage; the name of the file where None.

    Yields:
        A function that writes the next batch; all batches have the same columns and reference
        system.

    Raises:
        DiskError: The disk is full or read-only.
        OutputError: The suffix is unknown, the file exists or cannot be written, or a value does
            not fit the format.
    """
    target = Path(path)
    check_table_output(target, overwrite=overwrite, layer=layer)
    chosen, name = format_of(target), layer or target.stem
    given = Content(chosen.fidelity)

    def verify(part: Path) -> None:
        """Read the written table back, and raise `OutputError` where it is not the given one."""
        with _plain_path(part) as plain, writing(target, *ERRORS):
            found = _content(plain, chosen, name)
            given.check(found, target)
            if chosen.driver == "GPKG":
                check_index(part, name, found.shapes)

    with _settings(), _output(target, chosen, verify) as place, _plain_path(place) as part:
        with writing(target):
            if chosen.driver == "GPKG" and has_others(target, name):
                shutil.copyfile(target, part)
        sink = writer_for(part, target, chosen, name)

        def write(batch: geopandas.GeoDataFrame) -> None:
            """Write the next batch."""
            with writing(target, *ERRORS):
                given.add(batch)
                sink.write(batch)

        try:
            yield write
            with writing(target, *ERRORS):
                sink.finish()
        finally:
            sink.drop()


def _output(
    target: Path, chosen: Format, verify: Callable[[Path], None]
) -> AbstractContextManager[Path]:
    """Give a temporary path, which replaces the target after `verify`."""
    if chosen.driver == "ESRI Shapefile":
        return shapefile_output(target, verify=verify)
    return atomic_output(target, verify=verify)


@contextmanager
def _plain_path(path: Path) -> Iterator[Path]:
    """Give a path to a file that pyogrio does not take for an address, through a link if needed."""
    if not ADDRESS_MARKS.intersection(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "link"
        link.symlink_to(path.parent.absolute(), target_is_directory=True)
        yield link / path.name


def _content(part: Path, chosen: Format, layer: str) -> Content:
    """Read back the content of a table that was just written."""
    found = Content(chosen.fidelity)
    if not chosen.driver:
        add_parquet(found, part)
        return found
    name = layer if chosen.driver == "GPKG" else None
    with reading(part, name, **chosen.reading) as (meta, batches):
        for batch in batches:
            found.add_arrow(batch, geometry_name(meta))
    return found


def add_parquet(found: Content, path: Path) -> None:
    """Add the rows of a GeoParquet file to what was read back."""
    with pq.ParquetFile(path) as file:
        geometry = json.loads(file.schema_arrow.metadata[b"geo"])["primary_column"]
        for batch in file.iter_batches(BATCH):
            columns = [name for name in batch.schema.names if name != "bbox"]
            found.add_arrow(batch.select(columns), geometry)


@contextmanager
def _settings() -> Iterator[None]:
    """Set GDAL's configuration options for writing until the block ends."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in SETTINGS}
    pyogrio.set_gdal_config_options(dict(SETTINGS))
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
