"""The way of the data: from samples, or a model, to a class map and all that lies beside it.

```
opened_map      outputs, inputs, rasters, samples: all checked first mapping/opened
found_objects   everything that the network finds, or polygons      mapping/found_objects
network         its embedding, where that is tried or was learned   mapping/network
learn           features, classifier, temperature, two accuracies   learning/training
run_job         blocks -> features -> probabilities -> parts        classification/block_classes
decide          parts -> objects -> small pieces -> COG             classification/map_rows
write_partition map -> polygons without gap or overlap              class_maps/partition
assess          independent points -> areas with intervals          accuracy/assess
map_record      how the map came about; the report is drawn from it mapping/record
```
A block that fails is nodata in the map, is named in the record and keeps the parts, so that the
job can be resumed.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import OutputError
from sam_common.executors.figures import recorded
from sam_common.tiled_job.folder import remove_parts
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import silent
from sam_common.tiled_job.run import run_job
from sam_common.window import Window
from sam_geo.accuracy.assess import assess, record_of
from sam_geo.bands.blocks import blocks
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.legend import legend_of
from sam_geo.class_maps.map_style import write_map_style
from sam_geo.class_maps.partition import PartitionOptions, write_partition
from sam_geo.class_maps.write_map import class_map_writer
from sam_geo.classification.block_classes import Classification
from sam_geo.classification.map_rows import decide
from sam_geo.learning.model import save_model
from sam_geo.map_report.report import write_report
from sam_geo.mapping.found_objects import AUTO, opened_objects
from sam_geo.mapping.network import opened_network
from sam_geo.mapping.opened import Training, opened_map
from sam_geo.mapping.record import (
    PACKAGES,
    failure_list,
    map_record,
    mapped_areas,
    outside_shares,
    range_notes,
    raster_identities,
)
from sam_geo.mapping.request import EMBEDDING
from sam_geo.mapping.trained import trained_model
from sam_geo.results.record import fingerprint, manifest_path, versions, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_common.tiled_job.work import JobReport
    from sam_geo.class_maps.legend import Legend
    from sam_geo.learning.model import LandcoverModel
    from sam_geo.mapping.opened import OpenedMap
    from sam_geo.mapping.request import LandcoverRequest


def run_landcover(
    request: LandcoverRequest,
    load: Callable[[], Segmenter] | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Make a class map of a raster, with record, style and what else the request asks for.

    Memory is bounded by the blocks at work and by three rows of blocks.

    Args:
        request: Inputs, outputs and options.
        load: Makes the network; needed where objects are `auto`, and where its embedding is to be
            tried or was learned by the model.
        progress: Called with a description and a total for each step, from the first one on.

    Returns:
        The record, as written beside the map.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    executor_facts = recorded(request.executor)
    with opened_map(request) as opened:
        parts = PartStore(
            request.parts,
            _plan(request, opened),
            resume=request.resume,
            storage=request.storage,
        )
        with opened_network(request, load, progress) as network, ExitStack() as later:
            learns_objects = _tries_embedding(opened)
            found_objects = opened_objects(request, opened.stack, load, progress)
            objects, found = later.enter_context(found_objects) if learns_objects else (None, {})
            model, notes = trained_model(request, opened, network, objects, progress)
            legend = legend_of(model.classes)
            if not learns_objects:
                # what is wrong with the samples is told before a network looks for objects
                objects, found = later.enter_context(found_objects)
            embedded = None
            if model.embedding is not None:
                with opened.times.timed("embed"):
                    embedded = network.embed(model, [Window.full(opened.stack.size_hw)])
            work = Classification(opened.stack, model, objects, embedded)
            with opened.times.timed("classify"):
                report = _classified(work, parts, request, progress)
            _check_any_worked(report, request)
            with opened.times.timed("write"):
                _write_map(work, parts, request, legend, progress)
        figures = _figures(work, parts, report)
        samples = sum(model.training["samples"]["features"].values())
        notes += range_notes(figures["outside"], samples=samples, is_own=request.apply is None)
        results = {
            **figures,
            **network.figures,
            "objects": found,
            "failures": failure_list(report.failures, work.windows) + found.get("failures", []),
            "notes": notes,
            **executor_facts(),
        }
        record = map_record(request, opened, model, legend, results=results)
        path = manifest_path(request.output)
        # it names the classes of the map, which all that follows reads again
        write_manifest(record, path)
        with opened.times.timed("measure"):
            record["areas"] = mapped_areas(request, legend, progress)
            record["checked"] = _checked(request, progress)
        _write_beside(request, opened, model, legend, progress)
        write_manifest(record | {"seconds": opened.seconds()}, path)
        if request.report is not None:
            write_report(record, request.output, request.report)
        if not record["failures"]:
            remove_parts(request.parts, request.storage)
    return record | {"seconds": opened.seconds()}


def _plan(request: LandcoverRequest, opened: OpenedMap) -> Plan:
    """The blocks of a raster and all that decides their classes."""
    origin = request.origin
    chosen = (
        {"model": fingerprint(origin)}
        if isinstance(origin, Path)
        else {**asdict(origin), "samples": fingerprint(origin.samples)}
    )
    signature = {
        **raster_identities(opened.stack),
        "bands": list(opened.stack.band_names),
        "training": chosen,
        "objects": None if request.objects in {None, AUTO} else fingerprint(request.objects),
        "network": request.network if _needs_network(request, opened) else None,
        "packages": {name: versions(PACKAGES)[name] for name in (*PACKAGES, "sam-geomed")},
    }
    return Plan(opened.stack.size_hw, tuple(blocks(opened.stack.size_hw)), signature)


def _tries_embedding(opened: OpenedMap) -> bool:
    """Whether the embedding of a network, pooled over objects, is among the features to try."""
    return isinstance(opened.origin, Training) and EMBEDDING in opened.origin.choice.features


def _needs_network(request: LandcoverRequest, opened: OpenedMap) -> bool:
    """Whether the choice of a network can change the map."""
    origin = opened.origin
    was_learned = not isinstance(origin, Training) and origin.embedding is not None
    return request.objects == AUTO or was_learned or _tries_embedding(opened)


def _classified(
    work: Classification, parts: PartStore, request: LandcoverRequest, progress: Progress
) -> JobReport:
    with progress("classifying", len(work.windows)) as advance:
        return run_job(
            work.work(),
            parts,
            workers=request.workers,
            executor=request.executor,
            advance=advance,
        )


def _check_any_worked(report: JobReport, request: LandcoverRequest) -> None:
    """Raise `OutputError` where no block worked and a map that is there would be replaced."""
    if len(report.failures) == report.windows:
        reason = next(iter(report.failures.values()))
        raise OutputError(
            f"none of {report.windows} blocks worked, and {request.output} is not written: "
            f"{reason} (run again with --resume)"
        )


def _write_map(
    work: Classification,
    parts: PartStore,
    request: LandcoverRequest,
    legend: Legend,
    progress: Progress,
) -> None:
    """Write the map: classes as the values that the legend gives them."""
    value = np.array([0, *legend.names], dtype=np.uint8)
    with (
        class_map_writer(
            request.output, work.stack.grid, legend, overwrite=request.replaces
        ) as write,
        progress("writing the map", len(work.windows)) as advance,
    ):
        decide(
            work,
            parts,
            lambda window, classes, per_cent: write(window, value[classes], per_cent),
            least=request.smallest,
            advance=advance,
        )


def _figures(work: Classification, parts: PartStore, report: JobReport) -> dict[str, Any]:
    """Counts over all blocks: `pixels` with a class, and those `outside` the range of training."""
    pixels = anywhere = 0
    outside = np.zeros(len(work.model.features.names), dtype=np.int64)
    for n in range(len(work.windows)):
        part = parts.read(n)
        if part is not None and part.notes:
            pixels += part.notes["pixels"]
            anywhere += part.notes["outside_any"]
            outside += np.array(part.notes["outside"], dtype=np.int64)
    return {
        "pixels": pixels,
        "outside": outside_shares(outside, anywhere, pixels, work.model),
        "windows": report.windows,
        "windows_reused": report.reused,
    }


def _checked(request: LandcoverRequest, progress: Progress) -> dict[str, Any] | None:
    """Accuracies and areas from independent points, None where there are none."""
    if request.check is None:
        return None
    found = assess(
        request.output, request.check, class_field=request.check_field, progress=progress
    )
    return record_of(found)


def _write_beside(
    request: LandcoverRequest,
    opened: OpenedMap,
    model: LandcoverModel,
    legend: Legend,
    progress: Progress,
) -> None:
    """Write styles, polygons and model."""
    # before the polygons: a file of their name may say where the style of the map lies
    styles = request.styles
    if request.polygons is not None:
        options = PartitionOptions(request.polygons_by, request.simplify)
        with opened.times.timed("polygons"), open_class_map(request.output) as classes:
            write_partition(
                classes,
                request.polygons,
                options,
                overwrite=request.replaces,
                progress=progress,
            )
    for path, table in styles.items():
        write_map_style(legend, path, table=table)
    if request.save is not None:
        save_model(model, request.save)
