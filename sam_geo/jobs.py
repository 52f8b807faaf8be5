"""Jobs from files to files: what the command line and the demo run."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sam_common.files import check_input
from sam_common.job import run_job
from sam_common.parts import PartStore
from sam_geo.auto import AutoJob
from sam_geo.estimate import estimate
from sam_geo.finish import finished_tables
from sam_geo.info import opening_notes
from sam_geo.label_raster import write_labels
from sam_geo.manifest import describe_run, manifest_path, write_manifest
from sam_geo.objects import object_rows, world_outline
from sam_geo.picture import draw_job, draw_shapes, write_picture
from sam_geo.segment import Progress, PromptJob, prompt_work, run_prompts, silent
from sam_geo.sink import table_writer, write_table
from sam_geo.stretch import choose_stretch
from sam_geo.style import style_path, write_style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas

    from sam_common.segmenter import Segmenter
    from sam_geo.request import AutoRequest, PromptRequest
    from sam_geo.source import RasterSource


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
        progress: Shows how many windows are done.

    Returns:
        The job and its record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    request.check_outputs()
    check_input(request.prompts)
    seconds: dict[str, float] = {}
    with request.open_image() as source:
        with _timed(seconds, "total"):
            job, segmenter = _prompted(request, source, load, progress, seconds)
            notes = list(opening_notes(source, stretch=request.stretch))
        record = describe_run(
            segmenter,
            job.stretch,
            inputs={"image": source.identity, "prompts": request.prompts},
            parameters={
                **request.parameters(source),
                "prompts_crs": request.prompts_crs,
                "polygon_masks": request.polygon_masks,
            },
            results=_results(job) | {"notes": notes},
            seconds={**job.seconds, **seconds},
        )
        write_manifest(record, manifest_path(request.output))
        if not job.failures:
            shutil.rmtree(request.parts)
        # last: a damaged block that failed its prompts must not cost the others their result
        if request.overlay is not None:
            write_picture(draw_job(source, job), request.overlay)
    return job, record


def run_auto(
    request: AutoRequest, load: Callable[[], Segmenter], *, progress: Progress | None = None
) -> dict[str, Any]:
    """Segment everything in a raster and write table, record, style, label raster and picture.

    Memory is bounded by the windows at work and by what can still be linked.

    Args:
        request: What to do.
        load: Makes the segmenter.
        progress: Shows how many windows are done, then how many objects are written.

    Returns:
        The record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    request.check_outputs()
    seconds: dict[str, float] = {}
    with request.open_image() as source, _timed(seconds, "total"):
        frame = source.frame
        request.finish.check(source.crs)
        with _timed(seconds, "load"):
            segmenter = load()
        stretch = choose_stretch(source, given=request.stretch)
        notes = list(opening_notes(source, stretch=request.stretch))
        run = request.run_options(source, segmenter, stretch)
        job = AutoJob(source, segmenter, stretch, request.options, request.boxes(source), run.store)
        plan = job.plan()
        parts = PartStore(request.parts, plan, resume=request.resume)
        with _timed(seconds, "windows"), (progress or silent)("windows", len(plan)) as advance:
            report = run_job(job.work(plan), parts, workers=run.workers, advance=advance)
        with _timed(seconds, "seams"):
            scene = job.scene(plan, parts, workers=run.workers, progress=progress)
        counts: Counter[str] = Counter()
        with (
            _timed(seconds, "link_and_write"),
            table_writer(request.output, overwrite=request.replaces) as write,
        ):
            rows = object_rows(scene.objects(), frame, source.size_hw)
            for table in finished_tables(
                rows, request.finish, crs=source.crs, model=segmenter.name
            ):
                write(table)
                counts.update(table["status"].tolist())
        write_style([], style_path(request.output))
        if request.labels is not None:
            with _timed(seconds, "labels"):
                numbered = enumerate(scene.objects(), start=1)
                objects = ((number, found.pieces) for number, found in numbered)
                write_labels(request.labels, objects, source, overwrite=request.replaces)
        if request.overlay is not None:
            outlines = (world_outline(found.pieces, frame) for found in scene.objects())
            write_picture(draw_shapes(source, stretch, outlines), request.overlay)
    failures = [*(report.failures[n] for n in sorted(report.failures)), *scene.failures]
    if not failures:
        parts.remove()
    record = describe_run(
        segmenter,
        stretch,
        inputs={"image": source.identity}
        | ({} if request.proposals is None else {"proposals": request.proposals}),
        parameters={**request.parameters(source), "auto": asdict(request.options)},
        results={
            "counts": dict(counts),
            "objects": counts.total(),
            "windows": len(plan),
            "windows_reused": report.reused,
            "windows_nodata": job.embedded["nodata"],
            "windows_joined": scene.windows,
            "seams": scene.counts,
            "embeddings": job.embedded["encoded"],
            "failures": failures,
            "notes": notes,
        },
        seconds=seconds,
    )
    write_manifest(record, manifest_path(request.output))
    return record


def _prompted(
    request: PromptRequest,
    source: RasterSource,
    load: Callable[[], Segmenter],
    progress: Progress | None,
    seconds: dict[str, float],
) -> tuple[PromptJob, Segmenter]:
    """Prompts to a written table."""
    request.finish.check(source.crs)
    stretch = choose_stretch(source, given=request.stretch)
    prompts = request.load_prompts(source)
    with _timed(seconds, "load"):
        segmenter = load()
    job = run_prompts(
        source,
        prompts,
        segmenter,
        progress=progress,
        options=request.run_options(source, segmenter, stretch),
    )
    with _timed(seconds, "write"):
        write_table(job.table, request.output, overwrite=request.replaces)
        write_style(_classes(job.table), style_path(request.output))
    return job, segmenter


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Add the wall time of the block to a step."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - start


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


def dry_run_auto(request: AutoRequest, load: Callable[[], Segmenter]) -> dict[str, Any]:
    """What `run_auto` would cost, measured on one window; nothing is written.

    Returns:
        `windows, encoder_calls, seconds, ram_bytes, disk_bytes`, as `sam_common.plan.Estimate`.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    request.check_outputs()
    with request.open_image() as source:
        request.finish.check(source.crs)
        stretch = choose_stretch(source, given=request.stretch)
        segmenter = load()
        job = AutoJob(source, segmenter, stretch, request.options, request.boxes(source))
        plan = job.plan()
        cost = estimate(job.work(plan), plan, source, segmenter=segmenter, workers=request.workers)
    return asdict(cost)


def dry_run_prompts(request: PromptRequest, load: Callable[[], Segmenter]) -> dict[str, Any]:
    """What `run_request` would cost, measured on one window; nothing is written.

    Returns:
        As `dry_run_auto`, with `prompts` and `prompts_per_embedding`; refinement of objects larger
        than a window comes on top.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    request.check_outputs()
    with request.open_image() as source:
        request.finish.check(source.crs)
        stretch = choose_stretch(source, given=request.stretch)
        prompts = request.load_prompts(source)
        segmenter = load()
        options = request.run_options(source, segmenter, stretch, writes=False)
        work = prompt_work(source, prompts, segmenter, options)
        cost = estimate(
            work.work(None), work.plan(), source, segmenter=segmenter, workers=request.workers
        )
    placed = sum(len(read.prompts) for read in work.windows)
    shared = round(placed / len(work.windows), 2) if work.windows else None
    return {"prompts": len(prompts), "prompts_per_embedding": shared, **asdict(cost)}


def _classes(table: geopandas.GeoDataFrame) -> list[str]:
    """Classes in the order in which they first occur."""
    return [str(name) for name in table["class"].dropna().unique()]
