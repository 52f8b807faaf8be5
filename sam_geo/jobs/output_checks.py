"""Output checks: every file that a job writes, looked at in one place before any work is done."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.errors import InputError, OutputError
from sam_common.support.files import check_apart, output_error
from sam_geo.jobs.inputs import files_of
from sam_geo.outlines.destination import check_way, reproject_table
from sam_geo.raster.frame import corners_to_world
from sam_geo.results.rows import Row, table_of
from sam_geo.tables.shapefile import WRITTEN, check_text
from sam_geo.tables.write import write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.source import RasterSource


def table_files(output: Path) -> list[Path]:
    """Every file that a table becomes."""
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
    """Raise `OutputError` where an output is a file of the raster, or of a table that is read."""
    check_apart(outputs, files_of(source, tables))


def try_output(
    output: Path, source: RasterSource, *, dst_crs: str | None, layer: str | None
) -> None:
    """Write a table of one pixel, as the result will be, to a folder that goes away again.

    What a driver, a reference system or a network drive cannot do is known before the work then;
    it costs about a tenth of a second.

    Raises:
        InputError: There is no way to the reference system of the result.
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
    """The pixel in the middle of a raster, and those in its corners, in its reference system."""
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
