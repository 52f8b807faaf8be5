"""`sam-geo finetune`: a network taught the objects of a raster by polygons."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sam_common.cli import options as common
from sam_common.cli import training
from sam_common.support import console
from sam_geo.cli import options as geo
from sam_geo.cli.messages import show

if TYPE_CHECKING:
    from sam_geo.finetuning.request import FinetuneRequest


def finetune_command(
    image: geo.Image,
    objects: Annotated[
        Path, typer.Argument(help="Polygons, one for each object: a vector file or GeoParquet.")
    ],
    *,
    output: training.Output,
    model: geo.Model = "mobile_sam",
    arch: common.Arch = None,
    parts: training.PartsOption = "decoder",
    prompts: training.PromptsOption = "boxes,points",
    judge: Annotated[
        Path | None,
        typer.Option(help="Polygons that judge, in place of a part of the objects."),
    ] = None,
    objects_crs: Annotated[
        str | None,
        typer.Option(
            help="Reference system of the objects, over what their file says; pixel for pixel "
            "coordinates."
        ),
    ] = None,
    objects_layer: Annotated[
        str | None, typer.Option(help="Layer of a vector file that has several.")
    ] = None,
    bands: geo.Bands = None,
    page: geo.Page = None,
    image_crs: geo.ImageCrs = None,
    stretch: geo.StretchText = None,
    epochs: training.Epochs = None,
    patience: training.Patience = None,
    views: training.Views = 8,
    learning_rate: training.LearningRate = 1e-4,
    rank: training.Rank = 8,
    seed: training.Seed = 0,
    keep_anyway: training.KeepAnyway = False,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    dry_run: training.DryRun = False,
    resume: training.Resume = False,
    overwrite: geo.Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Teach a network your own objects: about 20 polygons or more give a better --model.

    The polygons are parted in space: some are learned, some say when to stop, and the rest judge,
    before and after. Where the tuned network is not better on these beyond chance, nothing is
    written, and the exit code is 4.
    """
    from sam_common.training.job import TrainingJob  # noqa: PLC0415  # --help must stay fast
    from sam_common.training.options import TrainingOptions  # noqa: PLC0415
    from sam_geo.finetuning.request import FinetuneRequest  # noqa: PLC0415
    from sam_geo.finetuning.run import dry_run_finetune, run_finetune  # noqa: PLC0415

    options = TrainingOptions(
        parts=parts,
        prompts=training.parse_prompts(prompts),
        epochs=epochs,
        patience=patience,
        views=views,
        learning_rate=learning_rate,
        rank=rank,
        seed=seed,
    )
    job = TrainingJob(
        output=output,
        model=model,
        arch=arch,
        options=options,
        device=device,
        engine=engine,
        precision=precision,
        keep_anyway=keep_anyway,
        resume=resume,
        overwrite=overwrite,
    )
    request: FinetuneRequest = FinetuneRequest(
        image=image,
        bands=geo.parse_bands(bands),
        page=page,
        image_crs=image_crs,
        stretch=stretch,
        model=model,
        objects=objects,
        objects_crs=objects_crs,
        objects_layer=objects_layer,
        judge=judge,
        job=job,
    )
    if dry_run:
        facts: dict[str, Any] = dry_run_finetune(request)
        show(facts, json_output=json_output)
        return
    record = run_finetune(request, progress=functools.partial(console.progress, quiet=quiet))
    training.tell(record, output, json_output=json_output, quiet=quiet)
