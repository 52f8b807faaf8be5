"""The way of the data: from a raster to a table, once for prompts and once for everything in it.

```
opened_job      outputs, inputs, raster, prompts, stretch: all checked, then the network is loaded
                  jobs/opened, raster/source, prompts/geo_prompt, raster/stretch
run_prompts     windows around prompts -> embed -> decode -> refine -> parts -> polygons -> rows
                  prompted/segment, windows, windows_to_rows, embedding, decode, refine
run_words       grid of windows -> detect -> parts -> link -> boxes, which are prompts
                  words/windows_to_boxes, segment; sam_common/detectors, stitching
found_objects   grid of windows -> embed -> decode -> parts -> link -> mend -> objects
                  automatic/windows_to_objects, scene, seams; sam_common/automatic, stitching
write_objects   objects -> rows -> simplify, measure, filter, number -> table, labels, picture
                  automatic/finished_objects, scene_block, results/object_rows, results/finish,
                  jobs/outputs, tables/write
write_manifest  how the result came about
                  jobs/records, results/record
write_object_report   a page for people, with the doubtful objects in pictures
                  object_report
remove_parts    nothing is left to be resumed
```
A window that fails is reported in the record and keeps the parts, so that the job can be resumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.errors import OutputError
from sam_common.tiled_job.folder import remove_parts
from sam_common.tiled_job.progress import silent
from sam_geo.automatic.windows_to_objects import AutoWork, found_objects
from sam_geo.jobs.encode import encode_raster
from sam_geo.jobs.opened import loaded_detector, one_step, opened_job, run_options
from sam_geo.jobs.outputs import write_objects
from sam_geo.jobs.records import auto_record, prompt_record
from sam_geo.object_report.gallery import Gallery
from sam_geo.object_report.object_report import write_object_report
from sam_geo.prompted.segment import run_prompts
from sam_geo.results.picture import draw_prompted, placed_table, write_picture
from sam_geo.results.qgis_style import style_path, write_style
from sam_geo.results.record import manifest_path, write_manifest
from sam_geo.tables.write import write_table
from sam_geo.words.segment import run_words

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas

    from sam_common.detectors.detector import Detector
    from sam_common.pages.plate import Canvas
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_common.tiled_job.work import JobReport
    from sam_geo.jobs.opened import OpenedJob
    from sam_geo.jobs.request import AutoRequest, EncodeRequest, PromptRequest, Request
    from sam_geo.prompted.segment import PromptJob


def run_request(
    request: PromptRequest,
    load: Callable[[], Segmenter],
    *,
    find: Callable[[], Detector] | None = None,
    progress: Progress | None = None,
) -> tuple[PromptJob, dict[str, Any]]:
    """Segment the prompts of a file, or what words describe; write table, record, style, picture.

    Everything that can be wrong with the request is found before the segmenter is loaded.

    Args:
        request: Inputs, outputs and options.
        load: Makes the segmenter.
        find: Makes the detector of a request with words; the one that it names where None.
        progress: Called with a description and a total for each step, from the first one on.

    Returns:
        The result with its table, and the record as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    with opened_job(request, load, progress=progress) as opened:
        how = run_options(request, opened)
        boxes = None
        if request.words is None:
            found = run_prompts(
                opened.source, opened.prompts, opened.segmenter, progress=progress, options=how
            )
        else:
            detector = loaded_detector(opened, request.words, find, progress)
            found, boxes = run_words(
                opened.source, request.words, (detector, opened.segmenter), how, progress=progress
            )
            _check_any_worked(boxes.report, request)
        _check_any_worked(found.report, request)
        with opened.times.timed("write"), one_step(progress, "table"):
            overwrite, layer = request.replaces, request.layer
            write_table(found.table, request.output, overwrite=overwrite, layer=layer)
            path = style_path(request.output)
            write_style(_classes(found.table), path, table=request.output.name)
        with one_step(progress, "record"):
            record = prompt_record(request, opened, found, boxes)
            write_manifest(record, manifest_path(request.output))
        # last: a damaged block that failed its prompts must not cost the others their result
        _show_prompted(request, opened, found, record, progress)
        if not record["failures"]:
            remove_parts(request.parts, request.storage)
    return found, record


def run_auto(
    request: AutoRequest, load: Callable[[], Segmenter], *, progress: Progress | None = None
) -> dict[str, Any]:
    """Segment everything in a raster and write table, record, style, label raster and picture.

    Memory is bounded by the windows at work and by what can still be linked.

    Args:
        request: Inputs, outputs and options.
        load: Makes the segmenter.
        progress: Called with a description and a total for each step, from the first one on.

    Returns:
        The record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    told = progress or silent
    with opened_job(request, load, progress=progress) as opened:
        how = run_options(request, opened)
        work = AutoWork(
            opened.source,
            opened.segmenter,
            opened.stretch,
            request.options,
            opened.boxes,
            how.store,
        )
        with found_objects(work, how, progress=told, times=opened.times) as found:
            _check_any_worked(found.report, request)
            with opened.times.timed("link_and_write"):
                written = write_objects(found.scene, request, opened, progress=told)
            write_style([], style_path(request.output), table=request.output.name)
            with one_step(progress, "record"):
                record = auto_record(request, opened, work, found, written)
                write_manifest(record, manifest_path(request.output))
            if written.gallery is not None and written.picture is not None:
                with one_step(progress, "report"):
                    _write_report(request, opened, written.gallery, written.picture, record)
        if not found.failures:
            remove_parts(request.parts, request.storage)
    return record


def run_encode(
    request: EncodeRequest, load: Callable[[], Segmenter], *, progress: Progress | None = None
) -> dict[str, Any]:
    """Fill a folder with the embeddings of a raster, so that prompts afterwards run no encoder.

    Args:
        request: The raster, the folder and its largest size.
        load: Makes the segmenter.
        progress: Called with a description and a total for each step, from the first one on.

    Returns:
        The figures of `sam_geo.jobs.encode.encode_raster`, `notes`: sentences about the raster
        that may surprise, and with an executor `executor`: what its workers did.

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
            workers=request.workers,
            executor=request.executor,
            progress=progress,
        )
    return figures | {"notes": list(opened.notes), **opened.executor_facts()}


def _show_prompted(
    request: PromptRequest,
    opened: OpenedJob,
    found: PromptJob,
    record: dict[str, Any],
    progress: Progress | None,
) -> None:
    """Write the picture and the page of a prompted job, as far as they are asked for."""
    if request.overlay is None and request.report is None:
        return
    with one_step(progress, "picture"):
        picture = draw_prompted(opened.source, found.stretch, found.prompts, found.table)
        if request.overlay is not None:
            write_picture(picture, request.overlay)
    if request.report is not None:
        with one_step(progress, "report"):
            gallery = Gallery()
            gallery.add(found.table, list(placed_table(opened.source, found.table).geometry))
            _write_report(request, opened, gallery, picture, record)


def _write_report(
    request: Request,
    opened: OpenedJob,
    gallery: Gallery,
    picture: Canvas,
    record: dict[str, Any],
) -> None:
    """Write the page of a job, where it is asked for."""
    if request.report is not None:
        write_object_report(
            request.report,
            title=request.output.name,
            source=opened.source,
            stretch=opened.stretch,
            overview=picture,
            gallery=gallery,
            record=record,
        )


def _check_any_worked(report: JobReport, request: Request) -> None:
    """Raise `OutputError` where no window worked and a result that is there would be replaced."""
    if report.windows and len(report.failures) == report.windows and request.output.exists():
        reason = next(iter(report.failures.values()))
        raise OutputError(
            f"none of {report.windows} windows worked, and {request.output} stays as it was: "
            f"{reason} (run again with --resume)"
        )


def _classes(table: geopandas.GeoDataFrame) -> list[str]:
    """Classes of a table in the order in which they first occur: that of the legend."""
    return [str(name) for name in table["class"].dropna().unique()]
