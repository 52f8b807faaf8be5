"""Results to files: whole or not at all, every prompt a row, the raster's reference system."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tempfile
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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
from sam_common.files import atomic_output, check_output, writing
from sam_geo.geopackage import check_index, check_layer, has_others
from sam_geo.read_back import Content, Fidelity
from sam_geo.shapefile import (
    SHORT_NAMES,
    check_shapefile_output,
    columns_as_text,
    shapefile_output,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import geopandas

    Write = Callable[[geopandas.GeoDataFrame], None]

STAMP = "2000-01-01T00:00:00.000Z"
"""GeoPackage keeps a date of change; with the true one no two runs would give the same bytes."""
SETTINGS = {
    "OGR_CURRENT_DATE": STAMP,
    # its own way of filling Arrow batches is wrong where a shape is missing (GDAL 3.12)
    "OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES",
}
"""Of GDAL, while a table is written."""
ADDRESS_MARKS = frozenset("!;?")
STAGE = "stage"
"""Layer of the GeoPackage in which batches wait."""
BATCH = 1000
"""Rows that are read back at once."""
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
"""What the libraries raise where a table cannot be written, or not be read again."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one suffix is written."""

    driver: str
    """GDAL's name of it; empty for what GDAL does not write here."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Layer creation options."""
    georeferenced: Mapping[str, str] = field(default_factory=dict)
    """More of them, where there is a reference system."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """Options of the driver when it reads."""
    fidelity: Fidelity = field(default_factory=Fidelity)
    """What of a table comes back exactly."""


FORMATS: Mapping[str, Format] = {
    ".gpkg": Format("GPKG"),
    # the spatial index sorts rows along a curve; without it they stay in the order of the prompts
    ".fgb": Format("FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
    ".geojson": Format(
        "GeoJSON",
        # a text that looks like a list stays a text, one that looks like a date too
        {"AUTODETECT_JSON_STRINGS": "NO"},
        {"RFC7946": "YES"},
        {"DATE_AS_STRING": "YES"},
        # beyond these it has all digits, but GDAL may read them as floats, as browsers do
        Fidelity(geometry="presence", whole=2**53),
    ),
    ".parquet": Format(""),
    ".shp": Format(
        "ESRI Shapefile",
        {"ENCODING": "UTF-8", "DBF_DATE_LAST_UPDATE": STAMP[:10]},
        fidelity=Fidelity("bounds", floats=False, blanks=False),
    ),
}


def check_table_output(
    path: str | os.PathLike[str], *, overwrite: bool, layer: str | None = None
) -> None:
    """Raise `OutputError` before long work where a table could not be written to `path`.

    Args:
        path: The file to be written; of a Shapefile every member is checked.
        overwrite: Whether what is there may be replaced.
        layer: Layer of a GeoPackage.
    """
    target = Path(path)
    chosen = _format(target)
    if layer is not None and chosen.driver != "GPKG":
        raise OutputError(f"--layer is for a .gpkg, {target} has one table only: leave it out")
    if chosen.driver == "ESRI Shapefile":
        check_shapefile_output(target, overwrite=overwrite)
        return
    check_output(target, overwrite=overwrite)
    if chosen.driver == "GPKG":
        check_layer(target, layer or target.stem)


def write_table(
    table: geopandas.GeoDataFrame,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    layer: str | None = None,
) -> None:
    """Write a whole table; see `table_writer`."""
    with table_writer(path, overwrite=overwrite, layer=layer) as write:
        write(table)


@contextmanager
def table_writer(
    path: str | os.PathLike[str], *, overwrite: bool = False, layer: str | None = None
) -> Iterator[Write]:
    """Write a table batch by batch, by the suffix of its path.

    `.gpkg`, `.fgb`, `.geojson` (RFC 7946: always longitude and latitude in WGS 84), `.parquet`
    (GeoParquet 1.1 with a bbox column) or `.shp` (with `SHORT_NAMES`; whole numbers of more than
    18 digits become text). Rows keep their order, rows without geometry stay, the same batches give
    the same bytes, and memory is bounded by a batch. The file appears when the block ends well and
    what was written was read back and is the same; whatever ends it early leaves the old one as it
    was. A Shapefile is several files: they appear one after the other, the .shp last.

    Args:
        path: The file to be written.
        overwrite: Whether what is there may be replaced: of a GeoPackage the layer, the others
            stay; else the file, of a Shapefile with all that belongs to it.
        layer: Layer of a GeoPackage; the name of the file where None.

    Yields:
        A function that takes the next batch; all have the same columns and reference system.

    Raises:
        DiskError: The disk is full or read-only.
        OutputError: The suffix is unknown, the file exists or cannot be written, or a value does
            not fit the format.
    """
    target = Path(path)
    check_table_output(target, overwrite=overwrite, layer=layer)
    chosen, name = _format(target), layer or target.stem
    given = Content(chosen.fidelity)

    def verify(part: Path) -> None:
        with _plain_path(part) as plain, writing(target, *ERRORS):
            found = _content(plain, chosen, name)
            given.check(found, target)
            if chosen.driver == "GPKG":
                check_index(part, name, found.shapes)

    with _settings(), _output(target, chosen, verify) as place, _plain_path(place) as part:
        with writing(target):
            if chosen.driver == "GPKG" and has_others(target, name):
                shutil.copyfile(target, part)
        sink = _sink(part, target, chosen, name)

        def write(batch: geopandas.GeoDataFrame) -> None:
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
    if chosen.driver == "ESRI Shapefile":
        return shapefile_output(target, verify=verify)
    return atomic_output(target, verify=verify)


@contextmanager
def _plain_path(path: Path) -> Iterator[Path]:
    """A way to a file that pyogrio does not take for an address, with an archive or parameters."""
    if not ADDRESS_MARKS.intersection(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "link"
        link.symlink_to(path.parent.absolute(), target_is_directory=True)
        yield link / path.name


class _Sink(Protocol):
    """What takes batches."""

    def write(self, batch: geopandas.GeoDataFrame) -> None:
        """Take the next one."""

    def finish(self) -> None:
        """All have come."""

    def drop(self) -> None:
        """Leave nothing behind, whether it was finished or not."""


def _sink(part: Path, target: Path, chosen: Format, layer: str) -> _Sink:
    if not chosen.driver:
        return _Parquet(part)
    return _Layer(part, layer) if chosen.driver == "GPKG" else _Staged(part, target, chosen)


class _Layer:
    """A GeoPackage layer that takes one batch after the other."""

    def __init__(self, path: Path, layer: str) -> None:
        self._path = path
        self._layer = layer  # the temporary name of the file must not become the layer's
        self._append = False

    def write(self, batch: geopandas.GeoDataFrame) -> None:
        with warnings.catch_warnings():
            # a raster without a reference system gives polygons without one: no accident
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            pyogrio.write_dataframe(
                batch,
                self._path,
                layer=self._layer,
                driver="GPKG",
                geometry_type="MultiPolygon",
                promote_to_multi=True,
                append=self._append,
            )
        self._append = True

    def finish(self) -> None:
        pass

    def drop(self) -> None:
        for side in ("-wal", "-journal", "-shm"):
            self._path.with_name(self._path.name + side).unlink(missing_ok=True)


class _Staged:
    """A file of a driver that writes in one go: batches wait in a GeoPackage."""

    def __init__(self, part: Path, target: Path, chosen: Format) -> None:
        self._part = part
        self._target = target
        self._chosen = chosen
        self._stage = part.with_suffix(".stage.gpkg")
        self._layer = _Layer(self._stage, STAGE)

    def write(self, batch: geopandas.GeoDataFrame) -> None:
        self._layer.write(batch)

    def finish(self) -> None:
        wide, names = set(), {}
        if self._chosen.driver == "ESRI Shapefile":
            wide, names = columns_as_text(self._stage, STAGE, self._target), SHORT_NAMES
        with _reading(self._stage, STAGE) as (meta, batches), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            options = {} if meta["crs"] is None else dict(self._chosen.georeferenced)
            pyogrio.write_arrow(
                _adapted(batches, names, wide),
                self._part,
                layer=self._target.stem,
                driver=self._chosen.driver,
                geometry_name=_geometry(meta),
                geometry_type="MultiPolygon",
                crs=meta["crs"],
                layer_options={**self._chosen.options, **options},
            )

    def drop(self) -> None:
        self._layer.drop()
        self._stage.unlink(missing_ok=True)


class _Parquet:
    """A GeoParquet file that takes one batch after the other."""

    def __init__(self, part: Path) -> None:
        self._part = part
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: geopandas.GeoDataFrame) -> None:
        packed = io.BytesIO()
        batch.to_parquet(packed, schema_version="1.1.0", write_covering_bbox=True, index=False)
        packed.seek(0)
        rows = pq.read_table(packed)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._part, _without_extent(rows.schema))
        self._writer.write_table(rows.cast(self._writer.schema))

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def drop(self) -> None:
        # on a full disk closing fails, whenever it is done: there is nothing new to be told
        with suppress(OSError, pa.ArrowException):
            self.finish()


def _content(part: Path, chosen: Format, layer: str) -> Content:
    """What a file says that was written just now."""
    found = Content(chosen.fidelity)
    if not chosen.driver:
        with pq.ParquetFile(part) as file:
            geometry = json.loads(file.schema_arrow.metadata[b"geo"])["primary_column"]
            for batch in file.iter_batches(BATCH):
                columns = [name for name in batch.schema.names if name != "bbox"]
                found.add_arrow(batch.select(columns), geometry)
        return found
    name = layer if chosen.driver == "GPKG" else None
    with _reading(part, name, **chosen.reading) as (meta, batches):
        for batch in batches:
            found.add_arrow(batch, _geometry(meta))
    return found


@contextmanager
def _reading(
    path: Path, layer: str | None, **options: str
) -> Iterator[tuple[Mapping[str, str], pa.RecordBatchReader]]:
    with pyogrio.open_arrow(
        path, layer=layer, use_pyarrow=True, batch_size=BATCH, **options
    ) as found:
        yield found


def _geometry(meta: Mapping[str, str]) -> str:
    return meta["geometry_name"] or "wkb_geometry"


def _adapted(
    batches: pa.RecordBatchReader, names: Mapping[str, str], as_text: set[str]
) -> pa.RecordBatchReader:
    """The same rows with other names of columns, and some numbers as text."""
    if not names and not as_text:
        return batches
    schema = pa.schema(
        [
            pa.field(names.get(each.name, each.name), pa.string(), metadata=each.metadata)
            if each.name in as_text
            else each.with_name(names.get(each.name, each.name))
            for each in batches.schema
        ]
    )
    changed = (
        pa.RecordBatch.from_arrays(
            [column.cast(each.type) for column, each in zip(batch.columns, schema, strict=True)],
            schema=schema,
        )
        for batch in batches
    )
    return pa.RecordBatchReader.from_batches(schema, changed)


def _without_extent(schema: pa.Schema) -> pa.Schema:
    """The schema of the file: the extent and kinds of geometry are those of the first batch."""
    geo = json.loads(schema.metadata[b"geo"])
    for column in geo["columns"].values():
        column.pop("bbox", None)
        column["geometry_types"] = []
    return schema.with_metadata({**schema.metadata, b"geo": json.dumps(geo).encode()})


def _format(path: Path) -> Format:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError as error:
        raise OutputError(
            f"cannot write {path.suffix or 'a file without suffix'}: {path} "
            f"(give one of {', '.join(FORMATS)})"
        ) from error


@contextmanager
def _settings() -> Iterator[None]:
    before = {name: pyogrio.get_gdal_config_option(name) for name in SETTINGS}
    pyogrio.set_gdal_config_options(dict(SETTINGS))
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
