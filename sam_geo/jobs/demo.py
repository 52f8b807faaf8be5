"""The demo: 61 tree crowns of a NEON aerial image, each from its box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from sam_common.errors import OutputError
from sam_common.published import samples
from sam_common.support.files import check_no_address
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.raster.frame import index_to_corners, world_to_corners
from sam_geo.raster.source import open_raster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sam_common.frame import Frame
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.prompted.segment import PromptJob

IMAGE = "osbs_029.tif"
BOXES = "osbs_029.xml"
TABLE_NAME = "trees.gpkg"
PICTURE_NAME = "trees_overlay.png"


def run(
    folder: Path, load: Callable[[], Segmenter], *, progress: Progress | None = None, quiet: bool
) -> dict[str, Any]:
    """Fetch the sample, segment its trees, write `trees.gpkg` and `trees_overlay.png`.

    Files of an earlier demo are replaced.

    Args:
        folder: Where the results go; made where it is missing.
        load: Makes the segmenter.
        progress: Shows how many windows are done.
        quiet: Nothing on stderr while fetching.

    Returns:
        Figures: `objects, ok, clipped, seconds, mean_score, mean_box_iou`, the last between the
        box of each crown and the box it was asked with.

    Raises:
        OutputError: The folder cannot be made or written to.
        WeightsError: The sample cannot be fetched.
    """
    check_no_address(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make folder {folder}: {error.strerror}") from error
    request = PromptRequest(
        image=str(samples.fetch(IMAGE, progress=not quiet)),
        prompts=samples.fetch(BOXES, progress=not quiet),
        output=folder / TABLE_NAME,
        overlay=folder / PICTURE_NAME,
        overwrite=True,
    )
    job, record = run_request(request, load, progress=progress)
    with open_raster(request.image) as source:
        overlaps = box_overlaps(job, source.frame)
    return {
        "objects": len(job.prompts),
        "ok": job.counts.get("ok", 0),
        "clipped": job.counts.get("clipped", 0),
        "seconds": record["seconds"]["total"],
        "mean_score": round(float(job.table["score"].mean()), 3),
        "mean_box_iou": round(float(np.mean(overlaps)), 3),
    }


def box_overlaps(job: PromptJob, frame: Frame) -> list[float]:
    """IoU between each prompt box and the box of its polygon, where there are both."""
    overlaps = []
    for prompt, shape in zip(job.prompts, job.table.geometry, strict=True):
        if prompt.box_xyxy is None or shape is None:
            continue
        corners = shapely.transform(shape, lambda world: world_to_corners(world, frame))
        given = index_to_corners(np.reshape(prompt.box_xyxy, (2, 2)))
        asked, found = shapely.box(*given.ravel()), shapely.box(*corners.bounds)
        overlaps.append(asked.intersection(found).area / asked.union(found).area)
    return overlaps
