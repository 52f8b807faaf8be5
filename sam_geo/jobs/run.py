"""Running jobs from files to files: prompts, everything, and embeddings of a raster."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sam_common.errors import OutputError
from sam_common.tiled_job.parts import PartStore, remove_parts
from sam_common.tiled_job.progress import Progress, silent
from sam_common.tiled_job.run import run_job
from sam_geo.automatic.job import AutoJob
from sam_geo.jobs.dry_run import estimate
from sam_geo.jobs.encode import encode_raster
from sam_geo.jobs.opened import one_step, opened_job, run_options
from sam_geo.jobs.outputs import write_objects
from sam_geo.prompted.segment import PromptJob, prompt_work, run_prompts
from sam_geo.results.picture import draw_prompted, write_picture
from sam_geo.results.qgis_style import style_path, write_style
from sam_geo.results.record import describe_run, manifest_path, write_manifest
from sam_geo.tables.write import write_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.run import JobReport
    from sam_geo.jobs.request import AutoRequest, EncodeRequest, PromptRequest, Request
    from sam_geo.prompts.proposals import BoxIndex
    from sam_geo.raster.source import RasterSource


def run_request(
    request: PromptRequest,
    load: Callable[[], Segmenter],
    *,
    progress: Progress | None = None,
) -> tuple[PromptJob, dict[str, Any]]:
    """Segment the prompts of a file and write table, record, style and picture.

    Everything that can be wrong with the request is found before the segmenter is loaded.

    Args:
        request: What to do.
        load: Makes the segmenter.
        progress: Shows how far each step is, from the first one on.

    Returns:
        The job and its record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    with opened_job(request, load, progress=progress) as opened:
        job = run_prompts(
            opened.source,
            opened.prompts,
            opened.segmenter,
            progress=progress,
            options=run_options(request, opened),
        )
        _check_any_worked(job.report, request)
        with opened.timed("write"), one_step(progress, "table"):
            overwrite, layer = request.replaces, request.layer
            write_table(job.table, request.output, overwrite=overwrite, layer=layer)
            path = style_path(request.output)
            write_style(_classes(job.table), path, table=request.output.name)
        with opened.timed("record"), one_step(progress, "record"):
            record = describe_run(
                opened.segmenter,
                job.stretch,
                inputs={"image": opened.source.identity, "prompts": request.prompts},
                parameters={
                    **_parameters(request, opened.source),
                    "prompts_crs": request.prompts_crs,
                    "polygon_masks": request.polygon_masks,
                },
                results=_results(job) | {"notes": list(opened.notes)},
                seconds={**job.seconds, **opened.seconds, "total": opened.elapsed()},
            )
            write_manifest(record, manifest_path(request.output))
        # last: a damaged block that failed its prompts must not cost the others their result
        if request.overlay is not None:
            with one_step(progress, "picture"):
                write_picture(
                    draw_prompted(opened.source, job.stretch, job.prompts, job.table),
                    request.overlay,
                )
        if not job.failures:
            remove_parts(request.parts)
    return job, record


def run_auto(
    request: AutoRequest, load: Callable[[], Segmenter], *, progress: Progress | None = None
) -> dict[str, Any]:
    """Segment everything in a raster and write table, record, style, label raster and picture.

    Memory is bounded by the windows at work and by what can still be linked.

    Args:
        request: What to do.
        load: Makes the segmenter.
        progress: Shows how far each step is, from the first one on.

    Returns:
        The record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    with opened_job(request, load, progress=progress) as opened:
        source, segmenter, stretch = opened.source, opened.segmenter, opened.stretch
        run = run_options(request, opened)
        job = AutoJob(source, segmenter, stretch, request.options, opened.boxes, run.store)
        plan = job.plan()
        parts = PartStore(request.parts, plan, resume=request.resume)
        with opened.timed("windows"), (progress or silent)("windows", len(plan)) as advance:
            report = run_job(job.work(plan), parts, workers=run.workers, advance=advance)
        _check_any_worked(report, request)
        with opened.timed("seams"):
            scene = job.scene(plan, parts, workers=run.workers, progress=progress)
        with opened.timed("link_and_write"):
            written = write_objects(
                scene,
                request,
                source,
                stretch,
                model=segmenter.name,
                progress=progress or silent,
            )
        write_style([], style_path(request.output), table=request.output.name)
        failures = [*report.messages, *scene.failures]
        with one_step(progress, "record"):
            record = describe_run(
                segmenter,
                stretch,
                inputs={"image": source.identity}
                | ({} if request.proposals is None else {"proposals": request.proposals}),
                parameters={**_parameters(request, source), "auto": asdict(request.options)},
                results={
                    "counts": dict(written.counts),
                    "objects": written.counts.total(),
                    **written.of_labels(),
                    **_tried(job.proposals),
                    "windows": len(plan),
                    "windows_reused": report.reused,
                    "windows_nodata": job.embedded["nodata"],
                    "windows_joined": scene.windows,
                    "seams": scene.counts,
                    "embeddings": job.embedded["encoded"],
                    "failures": failures,
                    "notes": list(opened.notes),
                },
                seconds={**opened.seconds, "total": opened.elapsed()},
            )
            write_manifest(record, manifest_path(request.output))
        if not failures:
            remove_parts(request.parts)
    return record


def run_encode(
    request: EncodeRequest, load: Callable[[], Segmenter], *, progress: Progress | None = None
) -> dict[str, Any]:
    """Fill a store with the embeddings of a raster.

    Args:
        request: What to do.
        load: Makes the segmenter.
        progress: Shows how far each step is, from the first one on.

    Returns:
        As `sam_geo.jobs.encode.encode_raster`, with `notes` on what may not be meant.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    with opened_job(request, load, progress=progress) as opened:
        figures = encode_raster(
            opened.source,
            opened.segmenter,
            opened.stretch,
            request.output,
            max_bytes=request.max_bytes,
            progress=progress,
        )
    return figures | {"notes": list(opened.notes)}


def dry_run_auto(request: AutoRequest, load: Callable[[], Segmenter]) -> dict[str, Any]:
    """What `run_auto` would cost, measured on one window; nothing is written.

    Returns:
        `windows, encoder_calls, seconds, ram_bytes, disk_bytes`, as
        `sam_common.tiled_job.plan.Estimate`.

    Raises:
        SuiteError: As `run_auto` would, before its work.
    """
    with opened_job(request, load, writes=False) as opened:
        source, segmenter = opened.source, opened.segmenter
        job = AutoJob(source, segmenter, opened.stretch, request.options, opened.boxes)
        plan = job.plan()
        cost = estimate(job.work(plan), plan, source, segmenter=segmenter, workers=request.workers)
    return asdict(cost)


def dry_run_prompts(request: PromptRequest, load: Callable[[], Segmenter]) -> dict[str, Any]:
    """What `run_request` would cost, measured on one window; nothing is written.

    Returns:
        As `dry_run_auto`, with `prompts` and `prompts_per_embedding`; refinement of objects larger
        than a window comes on top.

    Raises:
        SuiteError: As `run_request` would, before its work.
    """
    with opened_job(request, load, writes=False) as opened:
        source, segmenter, prompts = opened.source, opened.segmenter, opened.prompts
        work = prompt_work(source, prompts, segmenter, run_options(request, opened, writes=False))
        cost = estimate(
            work.work(None), work.plan(), source, segmenter=segmenter, workers=request.workers
        )
    placed = sum(len(read.prompts) for read in work.windows)
    shared = round(placed / len(work.windows), 2) if work.windows else None
    return {"prompts": len(prompts), "prompts_per_embedding": shared, **asdict(cost)}


def _tried(proposals: BoxIndex | None) -> dict[str, Any]:
    """How many proposals there were, for the record, and those that no window can hold."""
    if proposals is None:
        return {}
    return {"proposals": {"given": len(proposals), "too_large": proposals.too_large}}


def _parameters(request: Request, source: RasterSource) -> dict[str, Any]:
    """Options for the record."""
    return {
        "table": request.output.name,
        "layer": request.layer,
        "bands": list(source.bands),
        "page": request.page,
        "image_crs": request.image_crs,
        "finish": asdict(request.finish),
    }


def _results(job: PromptJob) -> dict[str, Any]:
    placed = sum(len(read.prompts) for read in job.windows)
    return {
        "prompts": len(job.prompts),
        "counts": job.counts,
        "windows": len(job.windows),
        "embeddings": job.embeddings,
        "prompts_per_embedding": round(placed / job.embeddings, 2) if job.embeddings else None,
        "failures": list(job.failures),
    }


def _check_any_worked(report: JobReport, request: Request) -> None:
    """Raise `OutputError` where no window worked and a result that is there would be replaced."""
    if report.windows and len(report.failures) == report.windows and request.output.exists():
        reason = next(iter(report.failures.values()))
        raise OutputError(
            f"none of {report.windows} windows worked, and {request.output} stays as it was: "
            f"{reason} (run again with --resume)"
        )


def _classes(table: geopandas.GeoDataFrame) -> list[str]:
    """Classes in the order in which they first occur."""
    return [str(name) for name in table["class"].dropna().unique()]
