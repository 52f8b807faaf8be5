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
"""Name of the sample with the aerial image."""
BOXES = "osbs_029.xml"
"""Name of the sample with one box for each crown, Pascal VOC XML."""
TABLE_NAME = "trees.gpkg"
PICTURE_NAME = "trees_overlay.png"


def run(
    folder: Path, load: Callable[[], Segmenter], *, progress: Progress | None = None, quiet: bool
) -> dict[str, Any]:
    """Fetch the sample, segment its trees, write `trees.gpkg` and `trees_overlay.png`.

    Files of an earlier demo are replaced.

    Args:
        folder: Folder of the results; made where it is missing.
        load: Makes the segmenter.
        progress: Called with a description and a total for each step of the job.
        quiet: Whether nothing is written to stderr while the sample is fetched.

    Returns:
        The figures `objects, ok, clipped, seconds, mean_score` and `mean_box_iou`: the mean IoU
        between the bounding box of a crown's polygon and the box that was its prompt.

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
    found, record = run_request(request, load, progress=progress)
    with open_raster(request.image) as source:
        overlaps = box_overlaps(found, source.frame)
    return {
        "objects": len(found.prompts),
        "ok": found.counts.get("ok", 0),
        "clipped": found.counts.get("clipped", 0),
        "seconds": record["seconds"]["total"],
        "mean_score": round(float(found.table["score"].mean()), 3),
        "mean_box_iou": round(float(np.mean(overlaps)), 3),
    }


def box_overlaps(found: PromptJob, frame: Frame) -> list[float]:
    """IoU between the box of each prompt and the bounding box of its polygon.

    Args:
        found: The result of a prompted job; prompts without a box or a polygon are left out.
        frame: Raster indices to the reference system of the table.
    """
    overlaps = []
    for prompt, shape in zip(found.prompts, found.table.geometry, strict=True):
        if prompt.box_xyxy is None or shape is None:
            continue
        corners = shapely.transform(shape, lambda world: world_to_corners(world, frame))
        given = index_to_corners(np.reshape(prompt.box_xyxy, (2, 2)))
        asked, bounds = shapely.box(*given.ravel()), shapely.box(*corners.bounds)
        overlaps.append(asked.intersection(bounds).area / asked.union(bounds).area)
    return overlaps
