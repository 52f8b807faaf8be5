"""Output checks, before the work: no input is written over, and the result can be written."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.errors import InputError, OutputError
from sam_common.segmenter.embedding_store import SIGNATURE
from sam_common.support.addresses import is_remote
from sam_common.support.files import check_apart, check_no_address, check_output, output_error
from sam_geo.address.local_files import local_files
from sam_geo.outlines.destination import check_way, reproject_table
from sam_geo.raster.fingerprint import sources_of
from sam_geo.raster.frame import corners_to_world
from sam_geo.results.rows import Row, table_of
from sam_geo.tables.shapefile import WRITTEN, check_text, members
from sam_geo.tables.write import write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.source import RasterSource


SINGLE_FILES = (".fgb", ".geojson", ".gpkg", ".json", ".kml", ".parquet", ".xml")
"""Suffixes of vector files that consist of one file."""
MOST_FILES = 10_000
"""Files of a mosaic of mosaics that are told apart from outputs; further ones are not looked at."""


def table_files(output: Path) -> list[Path]:
    """Every file that a table is written to: of a Shapefile its members, else the file itself."""
    if output.suffix.lower() != ".shp":
        return [output]
    return [output, *(output.with_suffix(suffix) for suffix in WRITTEN if suffix != ".shp")]


def check_texts(output: Path, prompts: Sequence[GeoPrompt]) -> None:
    """Raise `OutputError` where a table could not hold the names of prompts or of their classes."""
    if output.suffix.lower() == ".shp":
        for prompt in prompts:
            check_text("prompt_id", str(prompt.prompt_id))
            check_text("class", prompt.class_name or "")


def check_against(
    outputs: Sequence[Path], source: RasterSource, tables: Iterable[Path | None]
) -> None:
    """Raise `OutputError` where an output is a file of the raster, or of a table that is read.

    Args:
        outputs: Every file that will be written.
        source: The raster, with the files that GDAL reads beside it; a VRT with its sources.
        tables: Vector files that are read, and the checkpoint of the network.
    """
    check_apart(outputs, input_files(source, tables))


def check_store_folder(folder: Path, *, is_filled: bool = False) -> None:
    """Raise `OutputError` where embeddings could not be kept in a folder.

    Args:
        folder: The folder, which may be missing.
        is_filled: Whether to fill it is what the job is for; else one that is there may be one
            that is only read from.
    """
    check_no_address(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file: embeddings need a folder")
    if is_filled or not folder.exists():
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        check_output(nearest / SIGNATURE, overwrite=True)


def input_files(source: RasterSource, tables: Iterable[Path | None]) -> list[Path]:
    """The files of this disk that a raster and some tables are read from.

    Args:
        source: The raster, with the files beside it; a VRT with its sources, and theirs.
        tables: Vector files, of a Shapefile all members; None is left out.
    """
    names: list[str] = []
    if not is_remote(source.name):  # beside a raster on a server lie no files of this disk
        names += (source.name, *source.files)
        with contextlib.suppress(InputError):  # a map service has no files
            listed = sources_of(source.name, source.header.driver, source.files)
            names += itertools.islice(listed, MOST_FILES)
    found = dict.fromkeys(path for name in names for path in local_files(name))
    for table in tables:
        if table is not None:
            found[table] = None
            if table.suffix.lower() not in SINGLE_FILES:
                found.update(dict.fromkeys(members(table)))
    return list(found)


def try_output(
    output: Path, source: RasterSource, *, dst_crs: str | None, layer: str | None
) -> None:
    """Write a table of one pixel into a temporary folder, in the format of the result.

    What a driver, a reference system or a network drive cannot do is so known before the work; the
    trial takes about a tenth of a second.

    Args:
        output: The table that the job will write; the temporary folder is made beside it.
        source: The raster.
        dst_crs: Reference system of the result; the raster's where None.
        layer: Layer of a GeoPackage.

    Raises:
        InputError: The raster cannot be reprojected into the reference system of the result.
        OutputError: Such a file cannot be written there.
    """
    check_way(source.crs, dst_crs, output)
    table = None
    for shape in _samples(source):
        table = table_of([Row(geometry=shape)], crs=source.crs, model="")
        if dst_crs is None:
            break
        try:
            table = reproject_table(table, dst_crs)
        except InputError as error:
            # a raster may reach beyond what a projection is for
            refused = error
        else:
            break
    else:
        raise refused
    try:
        with tempfile.TemporaryDirectory(dir=output.parent.absolute(), prefix=".try-") as folder:
            write_table(table, Path(folder) / output.name, layer=layer)
    except OSError as error:
        raise output_error(output, error) from error
    except OutputError as error:
        raise type(error)(str(error).replace(f"{folder}", str(output.parent))) from error


def _samples(source: RasterSource) -> list[shapely.Geometry]:
    """Squares of the raster's middle pixel and its four corner pixels, in its reference system."""
    height, width = source.size_hw
    places = [(height // 2, width // 2)]
    places += [(row, col) for row in (0, height - 1) for col in (0, width - 1)]
    return [
        shapely.transform(
            shapely.box(col, row, col + 1, row + 1),
            lambda corners: corners_to_world(np.asarray(corners), source.frame),
        )
        for row, col in places
    ]
