"""Records of the jobs: what is told beside a table of how it came about."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sam_geo.results.record import describe_run

if TYPE_CHECKING:
    from sam_common.detectors.detector import Detector
    from sam_geo.automatic.windows_to_objects import AutoWork, FoundObjects
    from sam_geo.jobs.opened import OpenedJob
    from sam_geo.jobs.outputs import Written
    from sam_geo.jobs.request import AutoRequest, PromptRequest, Request
    from sam_geo.prompted.segment import PromptJob
    from sam_geo.prompts.proposals import BoxIndex
    from sam_geo.raster.source import RasterSource
    from sam_geo.words.options import WordOptions
    from sam_geo.words.windows_to_boxes import FoundWords


def prompt_record(
    request: PromptRequest, opened: OpenedJob, found: PromptJob, boxes: FoundWords | None = None
) -> dict[str, Any]:
    """The record of a job of prompts or words.

    Args:
        request: What was asked for.
        opened: The raster, the segmenter and the times of the steps.
        found: The result.
        boxes: What words found; None where prompts were given.

    Returns:
        As `sam_geo.results.record.describe_run`, with `prompts, counts` (prompts by status),
        `windows, embeddings` (encoder runs), `prompts_per_embedding, failures` (one message for
        each window) and `notes`; of words also `text`: the `detector`, its `windows`, those
        `windows_reused`, and `found` (objects by phrase); of points of one class `one_class`: by
        class the `points`, those whose mask `changed`, and the `doubt` where nothing was chosen;
        with an executor `executor`: what its workers did.
    """
    placed = sum(len(read.prompts) for read in found.windows)
    return describe_run(
        opened.segmenter,
        found.stretch,
        inputs={"image": opened.source.identity}
        | ({} if request.prompts is None else {"prompts": request.prompts}),
        parameters={
            **_parameters(request, opened.source),
            "prompts_crs": request.prompts_crs,
            "polygon_masks": request.polygon_masks,
            **({"one_class": True} if request.one_class else {}),
            **({} if request.words is None else {"text": asdict(request.words)}),
        },
        results={
            "prompts": len(found.prompts),
            "counts": found.counts,
            "windows": len(found.windows),
            "embeddings": found.embeddings,
            "prompts_per_embedding": (
                round(placed / found.embeddings, 2) if found.embeddings else None
            ),
            "failures": [*([] if boxes is None else boxes.report.messages), *found.failures],
            "notes": [*opened.notes, *([] if found.choice is None else found.choice.notes)],
            **_chosen(found),
            **_looked_for(request, boxes),
            **opened.executor_facts(),
        },
        seconds={**found.seconds, **opened.times.seconds, "total": opened.elapsed()},
    )


def auto_record(
    request: AutoRequest,
    opened: OpenedJob,
    work: AutoWork,
    found: FoundObjects,
    written: Written,
) -> dict[str, Any]:
    """The record of an automatic job.

    Args:
        request: What was asked for.
        opened: The raster, the segmenter and the times of the steps.
        work: How many windows were encoded, and the boxes that were tried.
        found: The objects and the windows that failed.
        written: How many objects were written.

    Returns:
        As `sam_geo.results.record.describe_run`, with `counts` (objects by status), `objects,
        windows, windows_reused, windows_nodata, windows_joined` (looked at again), `seams` (see
        `sam_geo.automatic.scene.Scene.counts`), `embeddings` (encoder runs), `failures`, `notes`
        and, where there are labels, proposals or an executor, `hidden_in_labels`, `proposals` and
        `executor` (what its workers did).
    """
    return describe_run(
        opened.segmenter,
        opened.stretch,
        inputs={"image": opened.source.identity}
        | ({} if request.proposals is None else {"proposals": request.proposals}),
        parameters={
            **_parameters(request, opened.source),
            **({} if request.partition is None else {"partition": request.partition}),
            "auto": asdict(request.options),
        },
        results={
            "counts": dict(written.counts),
            "objects": written.counts.total(),
            **({} if written.hidden is None else {"hidden_in_labels": written.hidden}),
            **_tried(work.proposals),
            "windows": len(found.plan),
            "windows_reused": found.report.reused,
            "windows_nodata": int(work.embedded["nodata"]),
            "windows_joined": found.scene.windows,
            "seams": found.scene.counts,
            "embeddings": int(work.embedded["encoded"]),
            "failures": found.failures,
            "notes": list(opened.notes),
            **opened.executor_facts(),
        },
        seconds={**opened.times.seconds, "total": opened.elapsed()},
    )


def _chosen(found: PromptJob) -> dict[str, Any]:
    """What was chosen for points of one class."""
    if found.choice is None:
        return {}
    return {"one_class": {name: asdict(one) for name, one in found.choice.classes.items()}}


def _looked_for(request: PromptRequest, boxes: FoundWords | None) -> dict[str, Any]:
    """The detector of a job with words, and what it found."""
    if boxes is None or request.words is None:
        return {}
    detector = boxes.detector
    return {
        "text": {
            "detector": {"name": detector.name, "sha256": detector.sha256},
            "threshold": _least(request.words, detector),
            "windows": len(boxes.plan),
            "windows_reused": boxes.report.reused,
            "found": boxes.counts(request.words.phrases),
        }
    }


def _least(words: WordOptions, detector: Detector) -> float:
    """The least score of a box in a job."""
    return detector.threshold if words.threshold is None else words.threshold


def _tried(proposals: BoxIndex | None) -> dict[str, Any]:
    """Number of proposals that were given, and of those that no window can hold."""
    if proposals is None:
        return {}
    return {"proposals": {"given": len(proposals), "too_large": proposals.too_large}}


def _parameters(request: Request, source: RasterSource) -> dict[str, Any]:
    """Options that jobs of prompts and automatic jobs share."""
    return {
        "table": request.output.name,
        "layer": request.layer,
        "bands": list(source.bands),
        "page": request.page,
        "image_crs": request.image_crs,
        "finish": asdict(request.finish),
    }
