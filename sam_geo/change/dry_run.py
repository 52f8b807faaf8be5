"""Dry run: what a comparison would cost, from one of its windows, or a block of each image."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sam_common.tiled_job.progress import silent
from sam_geo.change.opened import opened_pair
from sam_geo.comparison.common_grid import SIDE
from sam_geo.comparison.from_to import count_changes
from sam_geo.comparison.polygons import Least, PolygonCounts, change_tables
from sam_geo.mapping.dry_run import dry_run_landcover

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.change.request import ChangeRequest
    from sam_geo.comparison.common_grid import CommonGrid

PIXEL_BYTES = 128
"""Memory of a pixel of the window that is compared: values, codes, areas and borders of classes."""


def dry_run_change(
    request: ChangeRequest,
    load: Callable[[], Segmenter] | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Estimate the cost of `run_change`: one window is compared, or one block of each image mapped.

    Args:
        request: The job.
        load: Makes the network; needed where the model of the request was trained with one.
        progress: Called with a description and a total for each step.

    Returns:
        `windows, seconds, ram_bytes, disk_bytes`. Of two maps, those of the comparison; of two
        images and a model, those of both maps, which take far longer than their comparison.
        Nothing is written.

    Raises:
        SuiteError: As `run_change` would, before its work.
    """
    request.check_files()
    if request.apply is None:
        with opened_pair(request.before, request.after) as grid:
            request.check_sources(grid.before.source, grid.after.source)
            return _of_maps(request, grid)
    costs = [
        dry_run_landcover(job, load, progress=progress) for job in request.cover_requests.values()
    ]
    return {
        "windows": sum(cost["windows"] for cost in costs),
        "seconds": sum(cost["seconds"] for cost in costs),
        # one after the other
        "ram_bytes": max(cost["ram_bytes"] for cost in costs),
        "disk_bytes": sum(cost["disk_bytes"] for cost in costs),
    }


def _of_maps(request: ChangeRequest, grid: CommonGrid) -> dict[str, Any]:
    """The cost of a comparison of two maps, from the middle window or the next one with both."""
    windows = list(grid.windows())
    middle = len(windows) // 2
    seconds = 0.0
    for window in (*windows[middle:], *windows[:middle]):
        if not grid.read(window).valid.any():
            continue
        start = time.perf_counter()
        part = replace(grid, extent=window)
        _, names = count_changes(part, misregistration=request.misregistration)
        tables = change_tables(
            part,
            names,
            PolygonCounts(),
            misregistration=request.misregistration,
            least=Least(request.min_area_m2, request.min_pixels),
        )
        for _ in tables:
            pass
        seconds = time.perf_counter() - start
        break
    largest = max((math.prod(window.shape) for window in windows), default=SIDE * SIDE)
    return {
        "windows": len(windows),
        "seconds": seconds * len(windows),
        "ram_bytes": PIXEL_BYTES * largest,
        "disk_bytes": 0,
    }
