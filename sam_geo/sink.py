"""Results to files: whole or not at all, every prompt a row, the raster's reference system."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio
from pyogrio.errors import DataSourceError, FeatureError

from sam_common.errors import OutputError
from sam_common.files import atomic_output, check_output

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    import geopandas

STAMP = "2000-01-01T00:00:00.000Z"
"""GeoPackage keeps a date of change; with the true one no two runs would give the same bytes."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one suffix is written."""

    driver: str
    """GDAL's name of it; empty for what GDAL does not write here."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Layer creation options."""


FORMATS: Mapping[str, Format] = {
    ".gpkg": Format("GPKG"),
    # the spatial index sorts rows along a curve; without it they stay in the order of the prompts
    ".fgb": Format("FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
    ".geojson": Format("GeoJSON"),
    ".parquet": Format(""),
}


def check_table_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a table could not be written to `path`."""
    _format(Path(path))
    check_output(Path(path), overwrite=overwrite)


def write_table(
    table: geopandas.GeoDataFrame, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a table by the suffix of its path: `.gpkg`, `.fgb`, `.geojson` or `.parquet`.

    Rows keep their order, rows without geometry stay, and the same table gives the same bytes.
    GeoJSON in a system other than WGS 84 carries its name, as GDAL and QGIS read it.

    Raises:
        OutputError: The suffix is unknown, or the file exists or cannot be written.
    """
    target = Path(path)
    check_table_output(target, overwrite=overwrite)
    chosen = _format(target)
    with atomic_output(target) as part:
        try:
            if chosen.driver:
                _write_layer(table, part, chosen, layer=target.stem)
            else:
                table.to_parquet(part)
        except (DataSourceError, FeatureError, ImportError, OSError) as error:
            raise OutputError(f"cannot write {target}: {error}") from error


def _write_layer(table: geopandas.GeoDataFrame, part: Path, chosen: Format, *, layer: str) -> None:
    with _fixed_date(), warnings.catch_warnings():
        # a raster without a reference system gives polygons without one; that is no accident
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        pyogrio.write_dataframe(
            table,
            part,
            layer=layer,  # the temporary name must not become the layer's
            driver=chosen.driver,
            geometry_type="MultiPolygon",
            promote_to_multi=True,
            layer_options=dict(chosen.options),
        )


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
