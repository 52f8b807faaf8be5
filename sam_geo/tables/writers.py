"""Writers: objects that write the batches of a table one after the other, one class per format."""

from __future__ import annotations

import io
import json
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio

from sam_geo.tables.shapefile import SHORT_NAMES, columns_as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import geopandas

    from sam_geo.tables.formats import Format

POLYGONS = "MultiPolygon"
"""Type of the geometries of a table, unless all of them are points."""
STAGE = "stage"
"""Name of the layer of a temporary GeoPackage that holds the batches."""
BATCH = 1000
"""Rows that are read at a time."""


class Writer(Protocol):
    """The interface of all writers."""

    def write(self, batch: geopandas.GeoDataFrame) -> None:
        """Write the next batch."""

    def finish(self) -> None:
        """Complete the file after the last batch."""

    def drop(self) -> None:
        """Close the file and remove temporary ones, whether it was completed or not."""


def writer_for(part: Path, target: Path, chosen: Format, layer: str) -> Writer:
    """Make the writer for a format.

    Args:
        part: The temporary file that is written.
        target: The final file, which messages name.
        chosen: The format.
        layer: Layer of a GeoPackage.
    """
    if not chosen.driver:
        return _Parquet(part)
    return _Layer(part, layer) if chosen.driver == "GPKG" else _Staged(part, target, chosen)


class _Layer:
    """Writes a layer of a GeoPackage, to which GDAL can append rows."""

    def __init__(self, path: Path, layer: str) -> None:
        self._path = path
        self._layer = layer  # the temporary name of the file must not become the layer's
        self._append = False

    def write(self, batch: geopandas.GeoDataFrame) -> None:
        kinds = set(batch.geometry.geom_type.dropna())
        kind = "Point" if kinds == {"Point"} else POLYGONS
        with warnings.catch_warnings():
            # polygons of a raster without a reference system have none, on purpose
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            pyogrio.write_dataframe(
                batch,
                self._path,
                layer=self._layer,
                driver="GPKG",
                geometry_type=kind,
                promote_to_multi=kind == POLYGONS,
                append=self._append,
            )
        self._append = True

    def finish(self) -> None:
        pass

    def drop(self) -> None:
        for side in ("-wal", "-journal", "-shm"):
            self._path.with_name(self._path.name + side).unlink(missing_ok=True)


class _Staged:
    """Writes a file that GDAL writes all at once; until then a GeoPackage holds the batches."""

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
        with reading(self._stage, STAGE) as (meta, batches), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            options = {} if meta["crs"] is None else dict(self._chosen.georeferenced)
            pyogrio.write_arrow(
                _adapted(batches, names, wide),
                self._part,
                layer=self._target.stem,
                driver=self._chosen.driver,
                geometry_name=geometry_name(meta),
                geometry_type=meta["geometry_type"],
                crs=meta["crs"],
                layer_options={**self._chosen.options, **options},
            )

    def drop(self) -> None:
        self._layer.drop()
        self._stage.unlink(missing_ok=True)


class _Parquet:
    """Writes a GeoParquet file in row groups of `BATCH` rows, however they come."""

    def __init__(self, part: Path) -> None:
        self._part = part
        self._writer: pq.ParquetWriter | None = None
        self._waiting: pa.Table | None = None

    def write(self, batch: geopandas.GeoDataFrame) -> None:
        rows = geo_table(batch)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._part, _without_extent(rows.schema))
        rows = rows.cast(self._writer.schema)
        if self._waiting is not None:
            rows = pa.concat_tables([self._waiting, rows])
        whole = len(rows) - len(rows) % BATCH
        if whole:
            self._writer.write_table(rows.slice(0, whole), row_group_size=BATCH)
        self._waiting = rows.slice(whole)

    def finish(self) -> None:
        if self._writer is not None:
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self._writer.write_table(waiting)
            self._writer.close()

    def drop(self) -> None:
        # on a full disk closing fails too, after the error that was raised already
        with suppress(OSError, pa.ArrowException):
            self.finish()


def geo_table(batch: geopandas.GeoDataFrame) -> pa.Table:
    """Rows as a table of GeoParquet 1.1, with the column `bbox` and the metadata `geo`."""
    packed = io.BytesIO()
    batch.to_parquet(packed, schema_version="1.1.0", write_covering_bbox=True, index=False)
    packed.seek(0)
    return pq.read_table(packed)


@contextmanager
def reading(
    path: Path, layer: str | None, **options: str
) -> Iterator[tuple[Mapping[str, str], pa.RecordBatchReader]]:
    """Open a layer for reading in batches.

    Args:
        path: The file.
        layer: Its layer; the only one where None.
        **options: Open options of the driver.

    Yields:
        GDAL's metadata of the layer, and a reader of its rows.
    """
    with pyogrio.open_arrow(
        path, layer=layer, use_pyarrow=True, batch_size=BATCH, **options
    ) as found:
        yield found


def geometry_name(meta: Mapping[str, str]) -> str:
    """Give the name of the geometry column from GDAL's metadata of a layer."""
    return meta["geometry_name"] or "wkb_geometry"


def _adapted(
    batches: pa.RecordBatchReader, names: Mapping[str, str], as_text: set[str]
) -> pa.RecordBatchReader:
    """Rename columns of rows that are read, and turn the columns `as_text` into text."""
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
    """Remove extent and geometry types from the schema: they are those of the first batch only."""
    geo = json.loads(schema.metadata[b"geo"])
    for column in geo["columns"].values():
        column.pop("bbox", None)
        column["geometry_types"] = []
    return schema.with_metadata({**schema.metadata, b"geo": json.dumps(geo).encode()})
