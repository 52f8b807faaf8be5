"""`sam-med finetune`: a network taught organs by volumes and their label maps."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any

import typer

from sam_common.cli import options as common
from sam_common.cli import training
from sam_common.support import console
from sam_med import privacy
from sam_med.cli.options import Model, Overwrite
from sam_med.run.methods import DEFAULT_MODEL


def finetune_command(
    examples: Annotated[
        Path,
        typer.Argument(
            metavar="LIST",
            help="CSV or JSON: input, labels; and, where they are needed, name, part (learn, stop, "
            "judge), series, modality, preset, window, level.",
        ),
    ],
    *,
    output: training.Output,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Name or value of an object to teach, repeated for several; all else."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    arch: common.Arch = None,
    parts: training.PartsOption = "decoder",
    prompts: training.PromptsOption = "boxes,points",
    epochs: training.Epochs = None,
    patience: training.Patience = None,
    views: training.Views = 4,
    learning_rate: training.LearningRate = 1e-4,
    rank: training.Rank = 8,
    seed: training.Seed = 0,
    keep_anyway: training.KeepAnyway = False,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    dry_run: training.DryRun = False,
    resume: training.Resume = False,
    overwrite: Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Teach a network your own structures by volumes with label maps: gives a better --model.

    Three volumes or more are parted by patient, fewer by slabs of slices. Where the tuned network
    is not better on what it has not seen beyond chance, nothing is written, and the exit code is 4.
    """
    privacy.hide(examples, "the list of examples")
    from sam_common.training.job import TrainingJob  # noqa: PLC0415  # --help must stay fast
    from sam_common.training.options import TrainingOptions  # noqa: PLC0415
    from sam_med.finetuning.run import (  # noqa: PLC0415
        FinetuneRequest,
        dry_run_finetune,
        run_finetune,
    )

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
    request = FinetuneRequest(examples=examples, job=job, names=tuple(label or ()))
    if dry_run:
        facts: dict[str, Any] = dry_run_finetune(request)
        if json_output:
            console.emit_json(facts)
        else:
            console.table("", ["property", "value"], [[name, str(v)] for name, v in facts.items()])
        return
    record = run_finetune(request, progress=functools.partial(console.progress, quiet=quiet))
    training.tell(record, output, json_output=json_output, quiet=quiet)
