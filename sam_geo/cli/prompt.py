"""The command `sam-geo prompt`: segment the object of each prompt."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from sam_common.cli import options as common
from sam_common.detectors.catalogue import DEFAULT
from sam_common.errors import InputError
from sam_common.support import console
from sam_geo.cli import options as geo
from sam_geo.cli.messages import show, tell_result


def prompt_command(
    image: geo.Image,
    prompts: Annotated[
        Path | None,
        typer.Argument(
            help="Boxes, polygons or points: a vector file, GeoParquet, Pascal VOC XML or CSV in "
            "pixels. Not with --text."
        ),
    ] = None,
    *,
    output: geo.Output,
    layer: geo.Layer = None,
    model: geo.Model = "mobile_sam",
    arch: common.Arch = None,
    bands: geo.Bands = None,
    page: geo.Page = None,
    image_crs: geo.ImageCrs = None,
    stretch: geo.StretchText = None,
    prompts_crs: Annotated[
        str | None,
        typer.Option(
            help="Reference system of the prompts, such as EPSG:4326, over what their file says; "
            "pixel for pixel coordinates."
        ),
    ] = None,
    prompts_layer: Annotated[
        str | None, typer.Option(help="Layer of a vector file that has several.")
    ] = None,
    polygon_masks: Annotated[
        bool,
        typer.Option(
            "--polygon-masks",
            help="Start from the polygons themselves, not from their boxes alone.",
        ),
    ] = False,
    one_class: Annotated[
        bool,
        typer.Option(
            "--one-class",
            help="Points are of one class, or of the classes that they name: choose for each the "
            "mask whose size and looks agree with those of the others.",
        ),
    ] = False,
    text: Annotated[
        list[str] | None,
        typer.Option(
            help="Words for what to find, such as 'solar panel', in place of PROMPTS; several "
            "times for several classes. Needs the extra hf."
        ),
    ] = None,
    detector: Annotated[
        str,
        typer.Option(
            help="What finds the boxes of --text: grounding_dino_tiny, grounding_dino_base, "
            "owlv2_base, sam3, or the folder of one, which workers of Dask have to see."
        ),
    ] = DEFAULT,
    text_threshold: Annotated[
        float | None,
        typer.Option(
            help="Least score of a box of --text, 0 to 1; that of the detector where not given."
        ),
    ] = None,
    text_window: Annotated[
        int | None,
        typer.Option(
            help="Pixels of the image along a window of --text; smaller for small objects. What "
            "the detector is made for where not given."
        ),
    ] = None,
    simplify: geo.Simplify = None,
    regularize: geo.Regularize = None,
    dst_crs: geo.DstCrs = None,
    embeddings: geo.Embeddings = None,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    overlay: geo.Overlay = None,
    report: geo.Report = None,
    workers: geo.Workers = 1,
    executor: common.ExecutorKind = "local",
    scheduler: common.Scheduler = None,
    resources: common.Resources = None,
    parts_at: geo.PartsAt = None,
    metrics: common.Metrics = None,
    dry_run: geo.DryRun = False,
    resume: geo.Resume = False,
    overwrite: geo.Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Segment the object of each prompt, or what words describe; write a row with its polygon.

    Beside OUT.gpkg lie OUT.job.json, which says what it was made with, and OUT.qml, a style for
    QGIS; where there is an OUT.shp or the like, OUT.gpkg.job.json and OUT.gpkg.qml. The exit code
    is 3 where a window failed for a technical reason, 2 where the job could not run.
    """
    from sam_geo.jobs.dry_run import dry_run_prompts  # noqa: PLC0415
    from sam_geo.jobs.request import PromptRequest  # noqa: PLC0415
    from sam_geo.jobs.run import run_request  # noqa: PLC0415
    from sam_geo.results.finish import Finish  # noqa: PLC0415  # --help must stay fast
    from sam_geo.words.options import WordOptions  # noqa: PLC0415

    words = None
    if text is not None:
        words = WordOptions(tuple(text), detector, text_threshold, text_window)
    elif (text_threshold, text_window, detector) != (None, None, DEFAULT):
        raise InputError("--detector, --text-threshold and --text-window are about --text")
    request = PromptRequest(
        image=image,
        prompts=prompts,
        output=output,
        layer=layer,
        overlay=overlay,
        report=report,
        bands=geo.parse_bands(bands),
        page=page,
        image_crs=image_crs,
        stretch=stretch,
        model=model,
        prompts_crs=prompts_crs,
        prompts_layer=prompts_layer,
        polygon_masks=polygon_masks,
        one_class=one_class,
        words=words,
        finish=Finish(simplify=simplify, regularize=regularize, dst_crs=dst_crs),
        embeddings=embeddings,
        workers=workers,
        parts_at=parts_at,
        resume=resume,
        overwrite=overwrite,
    )
    load = geo.loader(model, arch=arch, device=device, engine=engine, precision=precision)
    find = geo.finder(detector, device=device, quiet=quiet)
    if dry_run:
        show(dry_run_prompts(request, load, find=find), json_output=json_output)
        return
    progress = functools.partial(console.progress, quiet=quiet)
    with geo.executing(request, executor, scheduler, resources, metrics, quiet=quiet) as asked:
        _, record = run_request(asked, load, find=find, progress=progress)
    what = f"{record['prompts']} prompts"
    if words is not None:
        found = record["text"]["found"]
        what = ", ".join(f"{count} {phrase}" for phrase, count in found.items())
    tell_result(record, what, output, json_output=json_output, quiet=quiet)
