"""Trees: 61 crowns of an aerial image, each from the box that others drew around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from sam_common.demo.record import Figure, Output, Part, Picture, origin_of
from sam_common.pages.marks import draw_key
from sam_common.pages.plate import Line, box_line, draw_lines, placed, write_jpeg
from sam_common.published import samples
from sam_common.published.checkpoints import model_info
from sam_common.tiled_job.folder import held, remove_parts
from sam_geo.demo.sheet import draw_sheet
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.raster.frame import corners_to_index, index_to_corners, world_to_corners
from sam_geo.raster.source import open_raster
from sam_geo.results.record import StepTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.frame import Frame
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.demo.sheet import Sheet
    from sam_geo.prompted.segment import PromptJob

IMAGE = "osbs_029.tif"
"""Name of the sample with the aerial image."""
BOXES = "osbs_029.xml"
"""Name of the sample with one box for each crown, Pascal VOC XML."""
MODEL = "mobile_sam"
TABLE_NAME = "trees.gpkg"
PICTURE_NAME, PLAIN_NAME = "trees.jpg", "trees_plain.jpg"
WIDTH_PX = 1200
CROWN, BOX = (255, 221, 51), (255, 255, 255)
"""Colours of what was found and of what was given."""


def run_trees(
    folder: Path, load: Callable[[], Segmenter], *, progress: Progress | None = None, quiet: bool
) -> tuple[Part, dict[str, Any]]:
    """Fetch the image, segment its trees, and write `trees.gpkg` and its pictures.

    Args:
        folder: Folder of the results, which exists; files of an earlier demo are replaced.
        load: Makes the segmenter.
        progress: Called with a description and a total for each step of the job.
        quiet: Whether nothing is written to stderr while the sample is fetched.

    Returns:
        The part of the demo, and the figures `objects, ok, clipped, seconds, mean_score` and
        `mean_box_iou`: the mean IoU between the bounding box of a crown's polygon and the box that
        was its prompt.

    Raises:
        OutputError: The folder cannot be written to.
        WeightsError: The sample cannot be fetched.
    """
    times = StepTimes()
    with times.timed("fetch or verify the image"):
        request = PromptRequest(
            image=str(samples.fetch(IMAGE, progress=not quiet)),
            prompts=samples.fetch(BOXES, progress=not quiet),
            output=folder / TABLE_NAME,
            overwrite=True,
        )
    with held(request.parts):  # of a demo that was interrupted: this one begins anew
        remove_parts(request.parts)
    with times.timed("outline the trees"):
        found, record = run_request(request, load, progress=progress)
    with times.timed("draw"), open_raster(request.image) as source:
        overlaps = box_overlaps(found, source.frame)
        sheet = draw_sheet(source, found.stretch, WIDTH_PX)
        lines = [*_boxes(found, sheet), *_crowns(found, sheet, source.frame)]
        drawn = draw_key(
            draw_lines(sheet.canvas, lines),
            [("outline found", CROWN, False), ("box given", BOX, True)],
        )
        write_jpeg(sheet.marked(drawn), folder / PICTURE_NAME)
        write_jpeg(sheet.marked(sheet.canvas), folder / PLAIN_NAME)
    figures = {
        "objects": len(found.prompts),
        "ok": found.counts.get("ok", 0),
        "clipped": found.counts.get("clipped", 0),
        "seconds": record["seconds"]["total"],
        "mean_score": round(float(found.table["score"].mean()), 3),
        "mean_box_iou": round(float(np.mean(overlaps)), 3),
    }
    return _part(figures, times.seconds, sheet), figures


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


def _boxes(found: PromptJob, sheet: Sheet) -> Iterator[Line]:
    """The boxes that were given, on the picture."""
    for prompt in found.prompts:
        if prompt.box_xyxy is not None:
            corners = placed(box_line(prompt.box_xyxy), sheet.size_hw, sheet.size_wh)
            yield Line(corners, BOX, 1, is_dashed=True)


def _crowns(found: PromptJob, sheet: Sheet, frame: Frame) -> Iterator[Line]:
    """The outlines that were found, on the picture."""

    def on_picture(world: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        index = corners_to_index(world_to_corners(world, frame))
        return placed(index, sheet.size_hw, sheet.size_wh)

    for shape in found.table.geometry:
        if shape is None:
            continue
        for polygon in shapely.get_parts(shape):
            for ring in (polygon.exterior, *polygon.interiors):
                # the last point of a ring is its first one
                yield Line(on_picture(shapely.get_coordinates(ring)[:-1]), CROWN, 2)


def _part(figures: dict[str, Any], seconds: dict[str, float], sheet: Sheet) -> Part:
    """The part of the demo on the page."""
    width, height = sheet.size_wh
    return Part(
        name="trees",
        title="Trees from boxes",
        text=(_words(figures),),
        seconds=seconds,
        figures=(
            Figure("outlines", f"{figures['ok']} of {figures['objects']}", "one for each box"),
            Figure(
                "mean IoU of boxes",
                f"{figures['mean_box_iou']:.3f}",
                "the box around each outline, with the box that was given",
            ),
            Figure(
                "mean score",
                f"{figures['mean_score']:.3f}",
                "IoU that the network expects of its own outlines",
            ),
        ),
        pictures=(
            Picture(
                PICTURE_NAME,
                "Aerial image of a forest with a thin outline around each tree",
                "Yellow: outlines that were found. White: boxes that were given.",
                width,
                height,
                PLAIN_NAME,
            ),
        ),
        outputs=(
            Output(TABLE_NAME, "the polygons, for QGIS or any other program"),
            Output("trees.qml", "their style in QGIS"),
            Output("trees.job.json", "how they were made"),
        ),
        origins=(
            *(origin_of(samples.sample_info(name)) for name in (IMAGE, BOXES)),
            origin_of(model_info(MODEL)),
        ),
        commands=(
            f"IMAGE=$(sam-common samples pull {IMAGE}); BOXES=$(sam-common samples pull {BOXES})",
            'sam-geo prompt "$IMAGE" "$BOXES" -o trees.gpkg',
        ),
    )


def _words(figures: dict[str, Any]) -> str:
    """What the part is about."""
    return (
        f"Others drew {figures['objects']} boxes around the tree crowns of an aerial image of "
        "40 m x 40 m. Each box is a prompt, and each becomes one polygon in the image's own "
        "reference system."
    )
