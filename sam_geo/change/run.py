"""The way of the data: from two class maps to what changed, as numbers, polygons and a page.

```
compared_maps    two images and a model -> two maps                    change/classified
common_grid      both maps on the pixels of the first                  comparison/common_grid
count_changes    from-to areas, and what a move could explain          change/from_to, moves,
                                                                       misregistration
change_tables    pieces of change -> polygons -> table                 change/polygons
change_record    how the result came about, and all of its numbers     change/record
draw_pictures    both maps and their change -> report                  change/pictures, report
```
Where there are two images and one model, it is applied to each of them first (`compared_maps`), and
the maps that come out of it are compared.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sam_common.support.files import write_bytes
from sam_common.support.held_outputs import held
from sam_common.tiled_job.progress import silent
from sam_geo.change.classified import compared_maps
from sam_geo.change.opened import opened_pair
from sam_geo.change.pictures import draw_pictures
from sam_geo.change.record import change_record, changes_frame, matrix_frame
from sam_geo.change.report import report_html
from sam_geo.change.request import ChangeRequest, check_options
from sam_geo.change.style import write_change_style
from sam_geo.comparison.from_to import count_changes
from sam_geo.comparison.moves import HALF_A_PIXEL
from sam_geo.comparison.polygons import Least, PolygonCounts, change_tables
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import StepTimes, manifest_path, write_manifest
from sam_geo.tables.write import table_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress


@dataclass(frozen=True, slots=True, eq=False)
class MapChange:
    """What changed between two class maps."""

    changes: pd.DataFrame
    """One row for each change, the largest first: the classes `from` and `to`, `pixels`, `area_m2`
    (NaN where the maps have no reference system), and `misreg_share`, the share that
    misregistration alone could explain, 0 to 1."""
    areas_m2: pd.DataFrame
    """True areas from each class (index) to each class (columns), what stayed included; pixels
    where the maps have no reference system."""
    misreg_share: float
    """Share of all changes together that misregistration alone could explain, 0 to 1; 0 where
    nothing changed."""
    polygons: geopandas.GeoDataFrame
    """Pieces of change with the columns `id, from, to, area_m2, pixels, p_from, p_from_min, p_to,
    p_to_min, misreg`: mean and least probability of both classes, 0 to 1 (NaN where a map has
    none), and the share of the pixels that changed as if one map had been moved."""
    notes: tuple[str, ...]
    """What a user should know, one sentence each."""


def detect_change(  # noqa: PLR0913  # one call for what is a request elsewhere
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    *,
    misregistration: float = HALF_A_PIXEL,
    min_area_m2: float = 0.0,
    min_pixels: int = 1,
    model: str | os.PathLike[str] | None = None,
    band_names: Sequence[str] | None = None,
    load: Callable[[], Segmenter] | None = None,
    progress: Progress = silent,
) -> MapChange:
    """Compare two class maps, or two images: areas from class to class, polygons of what changed.

    The maps are compared where both have a class, on the pixels of the first, with the nearest
    pixel of the second; they may differ in reference system, resolution and extent. Classes are the
    same where their names are, which the record beside a map gives (`MAP.job.json`); values are
    names where there is none.

    Args:
        before: The first map: a raster of classes, with their probability in per cent as a second
            band if there is one; an image where there is a model.
        after: The second one.
        misregistration: Pixels of the first map, along each axis, by which the maps may lie beside
            each other, 0 to 5; `sam_geo.comparison.misregistration` says what is made of it.
        min_area_m2: Smaller polygons are left out (pixels where there is no reference system); the
            areas count all changes.
        min_pixels: Polygons of fewer pixels are left out.
        model: A model that a land-cover job saved, by which both images are classified first; the
            maps are not kept (`run_change` keeps them). None where there are maps already.
        band_names: Names of the bands of both images in their order; from the files where None.
        load: Makes the network; needed where the model was trained with one.
        progress: Called with a description and the number of windows.

    Raises:
        OutputError: None of the blocks of an image could be classified.
        InputError: A file is no class map or no model, an image has other bands than the model, the
            maps do not overlap or have no class in common, one of them has no reference system, or
            a number is out of its range.
    """
    least = Least(min_area_m2, min_pixels)
    check_options(misregistration, least)
    with tempfile.TemporaryDirectory(prefix="sam-change-") as folder, ExitStack() as opened:
        request = ChangeRequest(
            before=os.fspath(before),
            after=os.fspath(after),
            # its maps lie beside it; the table itself is not written
            output=Path(folder) / "change.gpkg",
            apply=None if model is None else Path(model),
            band_names=None if band_names is None else tuple(band_names),
        )
        maps = opened.enter_context(compared_maps(request, load, progress=progress))
        grid = opened.enter_context(opened_pair(maps.before, maps.after))
        found, names = count_changes(grid, misregistration=misregistration, progress=progress)
        tables = list(
            change_tables(
                grid,
                names,
                PolygonCounts(),
                misregistration=misregistration,
                least=least,
                progress=progress,
            )
        )
        has_area = grid.before.source.crs is not None
    return MapChange(
        changes_frame(found, has_area=has_area),
        matrix_frame(found),
        found.explained_share,
        pd.concat(tables, ignore_index=True),
        (*maps.notes, *maps.failures, *found.notes),
    )


def run_change(
    request: ChangeRequest,
    load: Callable[[], Segmenter] | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Compare two class maps, or two images, and write polygons, record, style and report.

    Memory is bounded by a window and a few hundred bytes for each polygon; with a model, by what a
    land-cover job needs.

    Args:
        request: Inputs, outputs and options.
        load: Makes the network; needed where the model of the request was trained with one.
        progress: Called with a description and a total for each step.

    Returns:
        The record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    start, times = time.perf_counter(), StepTimes()
    request.check_files()
    with ExitStack() as opened:
        opened.enter_context(held(request.named_outputs))
        with times.timed("maps"):
            maps = opened.enter_context(compared_maps(request, load, progress=progress))
        grid = opened.enter_context(opened_pair(maps.before, maps.after))
        if request.apply is None:
            times.seconds.pop("maps")
            request.check_sources(grid.before.source, grid.after.source)
        with times.timed("compare"):
            found, names = count_changes(
                grid, misregistration=request.misregistration, progress=progress
            )
        counts = PolygonCounts()
        with (
            times.timed("polygons"),
            table_writer(request.output, overwrite=request.replaces, layer=request.layer) as write,
        ):
            for table in change_tables(
                grid,
                names,
                counts,
                misregistration=request.misregistration,
                least=Least(request.min_area_m2, request.min_pixels),
                progress=progress,
            ):
                write(table)
        write_change_style(found, style_path(request.output), table=request.output.name)
        if request.report is not None:
            with times.timed("report"):
                page = report_html(
                    grid,
                    found,
                    draw_pictures(grid, names, progress=progress),
                    misregistration=request.misregistration,
                    polygons=counts,
                )
                write_bytes(request.report, page.encode())
        seconds = {**times.seconds, "total": time.perf_counter() - start}
        record = change_record(request, grid, found, counts, maps=maps, seconds=seconds)
        write_manifest(record, manifest_path(request.output))
    return record
