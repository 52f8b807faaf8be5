"""Results to files: whole or not at all, every prompt a row, the raster's reference system."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from sam_common.errors import InputError, OutputError
from sam_common.files import atomic_output, check_output

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    import geopandas

    Write = Callable[[geopandas.GeoDataFrame], None]

DENSIFY = 21
"""Vertices added to the longest edge of a shape that changes its reference system."""
STAMP = "2000-01-01T00:00:00.000Z"
"""GeoPackage keeps a date of change; with the true one no two runs would give the same bytes."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one suffix is written."""

    driver: str
    """GDAL's name of it; empty for what GDAL does not write here."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Layer creation options."""
    georeferenced: Mapping[str, str] = field(default_factory=dict)
    """More of them, where there is a reference system."""


FORMATS: Mapping[str, Format] = {
    ".gpkg": Format("GPKG"),
    # the spatial index sorts rows along a curve; without it they stay in the order of the prompts
    ".fgb": Format("FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
    ".geojson": Format("GeoJSON", {}, {"RFC7946": "YES"}),
    ".parquet": Format(""),
    ".shp": Format("ESRI Shapefile", {"ENCODING": "UTF-8", "DBF_DATE_LAST_UPDATE": STAMP[:10]}),
}
SHORT_NAMES = {
    "perimeter_m": "perim_m",
    "touches_edge": "at_edge",
    "seam_merged": "seam_mergd",
}
"""Columns in a Shapefile, whose names have 10 characters at most."""
STALE = (".qix", ".sbn", ".sbx", ".cpg")
"""Sidecar files that would describe an older Shapefile."""


def check_table_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a table could not be written to `path`."""
    _format(Path(path))
    check_output(Path(path), overwrite=overwrite)


def write_table(
    table: geopandas.GeoDataFrame, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a whole table; see `table_writer`."""
    with table_writer(path, overwrite=overwrite) as write:
        write(table)


@contextmanager
def table_writer(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Write]:
    """Write a table batch by batch, by the suffix of its path.

    `.gpkg`, `.fgb`, `.geojson` (RFC 7946: always longitude and latitude in WGS 84), `.parquet`
    (GeoParquet 1.1 with a bbox column) or `.shp` (with `SHORT_NAMES`). Rows keep their order, rows
    without geometry stay, the same batches give the same bytes, and memory is bounded by a batch.
    The file appears when the block ends well; whatever ends it early leaves the old one as it was.
    A Shapefile is several files: they appear one after the other, the .shp last.

    Yields:
        A function that takes the next batch; all have the same columns and reference system.

    Raises:
        OutputError: The suffix is unknown, or the file exists or cannot be written.
    """
    target = Path(path)
    check_table_output(target, overwrite=overwrite)
    chosen = _format(target)
    place = _shapefile_output if target.suffix.lower() == ".shp" else atomic_output
    with place(target) as part, _fixed_date():
        try:
            if not chosen.driver:
                with _parquet(part) as write:
                    yield write
            elif chosen.driver == "GPKG":
                yield _Layer(part, target.stem)
            else:
                # these drivers write in one go: batches wait in a GeoPackage
                stage = part.with_suffix(".stage.gpkg")
                try:
                    yield _Layer(stage, target.stem)
                    _convert(stage, part, chosen, target.stem)
                finally:
                    stage.unlink(missing_ok=True)
        except (DataSourceError, DataLayerError, FeatureError, ImportError, OSError) as error:
            raise OutputError(f"cannot write {target}: {error}") from error


def reproject_table(table: geopandas.GeoDataFrame, dst_crs: str) -> geopandas.GeoDataFrame:
    """A table in another reference system; edges that would bend get vertices first.

    Raises:
        InputError: There is no such system, or the table has none to start from.
    """
    try:
        target = pyproj.CRS.from_user_input(dst_crs)
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            f"no such coordinate reference system: {dst_crs!r} (for example EPSG:4326)"
        ) from error
    if table.crs is None:
        raise InputError(
            f"the raster has no coordinate reference system, so its polygons cannot be put into "
            f"{dst_crs}: leave --dst-crs out"
        )
    if table.crs == target:
        return table
    sides = table.geometry.bounds
    longest = np.maximum(sides["maxx"] - sides["minx"], sides["maxy"] - sides["miny"])
    steps = (longest / DENSIFY).where(longest > 0, 1.0).to_numpy()
    dense = table.set_geometry(shapely.segmentize(table.geometry.to_numpy(), steps), crs=table.crs)
    moved = dense.to_crs(target)
    spoiled = ~(moved.geometry.is_valid | moved.geometry.isna())
    moved.loc[spoiled, "geometry"] = moved.geometry[spoiled].make_valid()
    return moved


class _Layer:
    """A GeoPackage layer that takes one batch after the other."""

    def __init__(self, path: Path, layer: str) -> None:
        self._path = path
        self._layer = layer  # the temporary name of the file must not become the layer's
        self._append = False

    def __call__(self, batch: geopandas.GeoDataFrame) -> None:
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


def _convert(stage: Path, part: Path, chosen: Format, layer: str) -> None:
    with pyogrio.open_arrow(stage, use_pyarrow=True) as (meta, batches), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        options = {} if meta["crs"] is None else dict(chosen.georeferenced)
        pyogrio.write_arrow(
            _short_names(batches) if part.suffix.lower() == ".shp" else batches,
            part,
            layer=layer,
            driver=chosen.driver,
            geometry_name=meta["geometry_name"] or "wkb_geometry",
            geometry_type="MultiPolygon",
            crs=meta["crs"],
            layer_options={**chosen.options, **options},
        )


def _short_names(batches: pa.RecordBatchReader) -> pa.RecordBatchReader:
    fields = [field.with_name(SHORT_NAMES.get(field.name, field.name)) for field in batches.schema]
    renamed = (batch.rename_columns([field.name for field in fields]) for batch in batches)
    return pa.RecordBatchReader.from_batches(pa.schema(fields), renamed)


@contextmanager
def _shapefile_output(target: Path) -> Iterator[Path]:
    """A folder beside the target to write to; its files are moved when the block ends well."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}-") as folder:
        part = Path(folder) / target.name
        yield part
        for suffix in STALE:
            target.with_suffix(suffix).unlink(missing_ok=True)
        # the .shp last: until then readers do not see the new one
        for path in sorted(Path(folder).iterdir(), key=lambda path: path == part):
            path.replace(target.with_name(path.name))


@contextmanager
def _parquet(part: Path) -> Iterator[Write]:
    writer: pq.ParquetWriter | None = None

    def write(batch: geopandas.GeoDataFrame) -> None:
        nonlocal writer
        packed = io.BytesIO()
        batch.to_parquet(packed, schema_version="1.1.0", write_covering_bbox=True, index=False)
        packed.seek(0)
        rows = pq.read_table(packed)
        if writer is None:
            writer = pq.ParquetWriter(part, _without_extent(rows.schema))
        writer.write_table(rows.cast(writer.schema))

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


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
def _fixed_date() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
