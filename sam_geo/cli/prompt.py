"""`sam-geo prompt`: objects that are asked for."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from sam_common.cli.options import Arch, Device, Engine, Json, Precision, Quiet
from sam_common.support import console
from sam_geo.cli.messages import finish, loader, parse_bands, show
from sam_geo.cli.options import (
    Bands,
    DryRun,
    DstCrs,
    Embeddings,
    Image,
    ImageCrs,
    Layer,
    Model,
    Output,
    Overlay,
    Overwrite,
    Page,
    Regularize,
    Resume,
    Simplify,
    StretchText,
    Workers,
)


def prompt_command(
    image: Image,
    prompts: Annotated[
        Path,
        typer.Argument(
            help="Boxes, polygons or points: a vector file, GeoParquet, Pascal VOC XML or CSV in "
            "pixels."
        ),
    ],
    *,
    output: Output,
    layer: Layer = None,
    model: Model = "mobile_sam",
    arch: Arch = None,
    bands: Bands = None,
    page: Page = None,
    image_crs: ImageCrs = None,
    stretch: StretchText = None,
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
    simplify: Simplify = None,
    regularize: Regularize = None,
    dst_crs: DstCrs = None,
    embeddings: Embeddings = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    overlay: Overlay = None,
    workers: Workers = 1,
    dry_run: DryRun = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the object of each prompt; write one row per prompt with its polygon.

    Beside OUT.gpkg lie OUT.job.json, which says what it was made with, and OUT.qml, a style for
    QGIS; where there is an OUT.shp or the like, OUT.gpkg.job.json and OUT.gpkg.qml. The exit code
    is 3 where a window failed for a technical reason, 2 where the job could not run.
    """
    from sam_geo.jobs.request import PromptRequest  # noqa: PLC0415
    from sam_geo.jobs.run import dry_run_prompts, run_request  # noqa: PLC0415
    from sam_geo.results.finish import Finish  # noqa: PLC0415  # --help must stay fast

    request = PromptRequest(
        image=image,
        prompts=prompts,
        output=output,
        layer=layer,
        overlay=overlay,
        bands=parse_bands(bands),
        page=page,
        image_crs=image_crs,
        stretch=stretch,
        model=model,
        prompts_crs=prompts_crs,
        prompts_layer=prompts_layer,
        polygon_masks=polygon_masks,
        finish=Finish(simplify=simplify, regularize=regularize, dst_crs=dst_crs),
        embeddings=embeddings,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
    )
    load = loader(model, arch=arch, device=device, engine=engine, precision=precision)
    if dry_run:
        show(dry_run_prompts(request, load), json_output=json_output)
        return
    progress = functools.partial(console.progress, quiet=quiet)
    _, record = run_request(request, load, progress=progress)
    what = f"{record['prompts']} prompts"
    finish(record, what, output, json_output=json_output, quiet=quiet)
