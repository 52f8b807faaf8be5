"""Server jobs that learn from what a client shows: similar objects, and land cover from samples.

All bands of the raster's file count, as for the commands, whichever of them the session shows.
What a client shows lies in the folder of its session while a job reads it. Candidates of `similar`
and their features stay there, so that the next job with other examples runs the classifier only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError
from sam_geo.class_maps.write_map import map_files
from sam_geo.live.files import check_systems, without_path
from sam_geo.live.progress import Steps
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from sam_geo.mapping.run import run_landcover
from sam_geo.object_classes.request import SimilarRequest
from sam_geo.object_classes.similar import run_similar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.sessions.live_source import Reporter

EXAMPLES, REFUSED, SAMPLES = "examples", "refused", "samples"
"""Members of requests that are GeoJSON, and stems of the files in which they lie."""
CANDIDATES = "candidates.parquet"
"""File in the folder of a session that keeps candidates with their features."""
TABLE, MAP = "objects.gpkg", "map.tif"
"""Files of the results."""


def similar_job(
    request: Mapping[str, Any], folder: Path, image: Path, segmenter: Segmenter, reporter: Reporter
) -> dict[str, Any]:
    """Find the objects like some examples, see `sam_geo.object_classes.similar.run_similar`.

    Args:
        request: `examples` and perhaps `refused`, GeoJSON of polygons or points, and `crs`, their
            reference system, `pixel` for pixel corners.
        folder: Folder of `objects.gpkg`, which has every candidate with its `probability`.
        image: The raster, in the folder of its session.
        segmenter: Finds candidates where the session knows none yet.
        reporter: Hears of the progress, and may raise to cancel the job.

    Returns:
        `candidates`, their number; `bands`, the names of those that tell them apart; and `notes`,
        one sentence each.

    Raises:
        SuiteError: The examples cannot be read or are too few, or there is no candidate.
    """
    steps = Steps(reporter)
    watched = steps.segmenter(segmenter)
    shown = _shown(request, EXAMPLES, image.parent)
    refused = _shown(request, REFUSED, image.parent) if request.get(REFUSED) else None
    record = run_similar(
        SimilarRequest(
            image=str(image),
            examples=shown,
            examples_crs=request.get("crs"),
            negatives=refused,
            output=folder / TABLE,
            keep_candidates=image.parent / CANDIDATES,
            every=True,
            network=segmenter.name,
        ),
        lambda: watched,
        progress=steps.progress,
    )
    _only(folder, TABLE)
    notes = [without_path(note, image) for note in record["notes"]]
    return {
        "candidates": record["candidates"]["count"],
        "bands": record["parameters"]["bands"],
        "notes": notes,
    }


def landcover_job(
    request: Mapping[str, Any], folder: Path, image: Path, segmenter: Segmenter, reporter: Reporter
) -> dict[str, Any]:
    """Make a class map from painted samples, see `sam_geo.mapping.run.run_landcover`.

    Args:
        request: `samples`, GeoJSON of points, lines or polygons with a property `class`, and `crs`,
            their reference system, `pixel` for pixel corners.
        folder: Folder of `map.tif`, a COG of classes and probabilities, with its colours beside it.
        image: The raster, in the folder of its session.
        segmenter: Not used: classes follow from the bands.
        reporter: Hears of the progress, and may raise to cancel the job.

    Returns:
        `classes`: value, name, colour, pixels and area of each; `accuracies`: `blocked`, on ground
        that was not learned, and `random`, of samples chosen by chance, each with `overall` and
        `macro_f1`, or None; `bands`, the names of those that were learned from; `notes`, and
        `failures` of blocks.

    Raises:
        SuiteError: The samples cannot be read, or are of fewer than two classes.
    """
    del segmenter
    steps = Steps(reporter)
    samples = _shown(request, SAMPLES, image.parent)
    record = run_landcover(
        LandcoverRequest(
            rasters=(str(image),),
            output=folder / MAP,
            learn=SampleChoice(samples=samples, crs=request.get("crs")),
        ),
        progress=steps.progress,
    )
    _only(folder, *(path.name for path in map_files(folder / MAP)))
    accuracies = record["training"].get("accuracies") or {}
    return {
        "classes": [
            {**row, "colour": "#" + bytes(record["colours"][str(row["value"])]).hex()}
            for row in record["areas"]
        ],
        "bands": record["parameters"]["bands"],
        "accuracies": {name: _figures(accuracies.get(name)) for name in ("blocked", "random")},
        "notes": [without_path(note, image) for note in record["notes"]],
        "failures": [without_path(failure, image) for failure in record["failures"]],
    }


def _shown(request: Mapping[str, Any], name: str, folder: Path) -> Path:
    """A file with what a client shows, whose reference system names no file of the server."""
    given = request[name]
    check_systems(given, request.get("crs"))
    if not given.get("features"):
        raise PromptError(f"there are no {name}: give GeoJSON with a feature for each")
    path = folder / f"{name}.geojson"
    path.write_text(json.dumps(given), encoding="utf-8")
    return path


def _only(folder: Path, *names: str) -> None:
    """Remove what a client does not fetch: records and styles name files of the server."""
    for path in folder.iterdir():
        if path.is_file() and path.name not in names:
            path.unlink()


def _figures(accuracy: Mapping[str, Any] | None) -> dict[str, float] | None:
    """Overall accuracy and macro F1 of one way of testing; None where it could not be done."""
    if accuracy is None:
        return None
    return {name: accuracy[name] for name in ("overall", "macro_f1")}
