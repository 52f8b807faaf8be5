"""Everything in a raster as one table in memory: the automatic job for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas
import pandas as pd

from sam_common.errors import InputError
from sam_common.segmenter.capabilities import check_kinds
from sam_common.tiled_job.progress import silent
from sam_geo.automatic.finished_objects import Finishing, finished_objects
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.windows_to_objects import AutoWork, found_objects
from sam_geo.prompted.segment import RunOptions
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from sam_geo.results.finish import Finish

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sam_common.executors.executor import Executor
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress


def segment_everything(  # noqa: PLR0913  # six keyword-only options
    image: str | os.PathLike[str],
    *,
    segmenter: Segmenter,
    options: AutoOptions | None = None,
    bands: Sequence[int] | None = None,
    finish: Finish | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> geopandas.GeoDataFrame:
    """Segment everything in a raster of any size, as `sam-geo auto` does.

    Masks are bounded in memory by the windows at work; the table is in memory as a whole. For
    results larger than memory, and for jobs that can be resumed, label rasters and pictures, use
    `sam_geo.run_auto`.

    Args:
        image: A raster of any size that GDAL opens.
        segmenter: From `sam_common.segmenter.load_segmenter`.
        options: Size of the windows, grid of points and filters.
        bands: One or three 1-based bands to look at; red, green, blue where not given.
        finish: Least area, simplification and reference system of the polygons.
        executor: Segments windows and makes polygons in other processes, such as
            `sam_common.executors.DaskExecutor`; this one does where None.
        progress: Called with a description and a total for each long step.

    Returns:
        One row per object with the columns `sam_geo.results.rows.COLUMNS`, numbered from 1 in
        `id`, in the raster's reference system or the one of `finish`.

    Raises:
        InputError: The raster cannot be used, or a part of it cannot be read.
        GeometryError: The windows do not fit the network.
        CapabilityError: The segmenter was not trained for points, or boxes of superpixels.
    """
    looked_for, shaped, told = options or AutoOptions(), finish or Finish(), progress or silent
    looked_for.check_side(segmenter.model_size)
    check_kinds(segmenter.name, segmenter.capabilities.kinds, looked_for.kinds())
    with open_raster(image, bands=bands) as source:
        shaped.check(source.crs)
        work = AutoWork(source, segmenter, choose_stretch(source), looked_for)
        with found_objects(work, RunOptions(executor=executor), progress=told) as found:
            if failures := found.failures:
                raise InputError(f"{len(failures)} windows failed, the first with: {failures[0]}")
            finishing = Finishing(source.frame, source.size_hw, shaped, source.crs, segmenter.name)
            with told("objects", finishing.passes * found.scene.passes) as advance:
                pairs = finished_objects(found.scene, finishing, executor, advance=advance)
                tables = [table for table, _ in pairs]
    return geopandas.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=tables[0].crs)
