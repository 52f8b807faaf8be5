"""Everything in a raster as one table in memory: the automatic job for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas
import pandas as pd

from sam_common.errors import InputError
from sam_common.segmenter.capabilities import check_kinds
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.run import run_job
from sam_geo.automatic.job import AutoJob, AutoOptions
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from sam_geo.results.finish import Finish, finished_tables
from sam_geo.results.object_rows import object_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress


def segment_everything(
    image: str | os.PathLike[str],
    *,
    segmenter: Segmenter,
    options: AutoOptions | None = None,
    bands: Sequence[int] | None = None,
    finish: Finish | None = None,
    progress: Progress | None = None,
) -> geopandas.GeoDataFrame:
    """Segment everything in a raster of any size, as `sam-geo auto` does.

    Masks are bounded in memory by the windows at work; the table is in memory as a whole. For
    results that are larger than that, jobs that are resumed, label rasters and pictures, run
    `sam_geo.run_auto`.

    Args:
        image: A raster of any size that GDAL opens.
        segmenter: From `sam_common.segmenter.load_segmenter`.
        options: Size of the windows, grid of points and filters.
        bands: One or three 1-based bands to look at; red, green, blue where not given.
        finish: Least area, simplification and reference system of the polygons.
        progress: Called with a description and a total for each long step.

    Returns:
        One row per object with the columns `sam_geo.results.rows.COLUMNS`, numbered from 1 in
        `id`, in the raster's reference system or the one of `finish`.

    Raises:
        InputError: The raster cannot be used, or a part of it cannot be read.
        GeometryError: The windows do not fit the network.
        CapabilityError: The segmenter was not trained for points, or boxes of superpixels.
    """
    how, shaped = options or AutoOptions(), finish or Finish()
    how.check_side(segmenter.model_size)
    check_kinds(segmenter.name, segmenter.capabilities.kinds, how.kinds())
    told = progress or silent
    with open_raster(image, bands=bands) as source:
        shaped.check(source.crs)
        job = AutoJob(source, segmenter, choose_stretch(source), how)
        plan = job.plan()
        with parts_of(plan, None) as parts:
            with told("windows", len(plan)) as advance:
                report = run_job(job.work(plan), parts, advance=advance)
            scene = job.scene(plan, parts, progress=progress)
            if failures := [*report.messages, *scene.failures]:
                raise InputError(f"{len(failures)} windows failed, the first with: {failures[0]}")
            with told("objects", scene.passes) as advance:
                rows = object_rows(scene.objects(advance), source.frame, source.size_hw)
                pairs = finished_tables(rows, shaped, crs=source.crs, model=segmenter.name)
                tables = [table for table, _ in pairs]
    return geopandas.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=tables[0].crs)
