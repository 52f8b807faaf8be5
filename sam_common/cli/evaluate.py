"""`sam-common evaluate`: how well a network finds the objects of a public dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sam_common.automatic.options import EverythingOptions
from sam_common.cli.options import Arch, Device, Engine, Json, Precision, Quiet
from sam_common.support import console

EXIT_PARTIAL = 3
"""Exit code where some images failed."""
USUAL = EverythingOptions()


def evaluate_command(
    model: Annotated[
        str, typer.Argument(help="Name of a network, a checkpoint, or what finetune wrote.")
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of SA-1B (sa_1.jpg beside sa_1.json), a COCO file of instances, a folder"
            " of label images (with --images), or one that holds images/ and labels/."
        ),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images, where they lie elsewhere.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="box, 1 click, 3 clicks, 5 clicks or everything; repeat it. All if not given; the"
            " first one is pictured."
        ),
    ] = None,
    most_images: Annotated[
        int | None, typer.Option(min=1, help="Take the first so many images by name.")
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=0, help="Picture so many of the worst objects.")
    ] = 12,
    points_per_side: Annotated[
        int, typer.Option(min=1, help="Of the protocol everything: points along each side.")
    ] = USUAL.points_per_side,
    pred_iou_thresh: Annotated[
        float, typer.Option(help="Of everything: drop masks of a lower predicted IoU.")
    ] = USUAL.pred_iou_thresh,
    stability_score_thresh: Annotated[
        float, typer.Option(help="Of everything: drop masks of a lower stability.")
    ] = USUAL.stability_score_thresh,
    arch: Arch = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run, to the same result.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the results in the folder.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Ask a network for all objects of a dataset, by box, by clicks and by everything.

    Writes mean IoU, boundary IoU and recall, a row for each object, and pictures of the worst.
    Exit code 3 where images failed.
    """
    from sam_common.evaluation.protocols import PROTOCOLS  # noqa: PLC0415 - loads numpy
    from sam_common.evaluation.results import HEADINGS, figures_of, rows  # noqa: PLC0415
    from sam_common.evaluation.run import Evaluation, evaluate  # noqa: PLC0415

    asked = Evaluation(
        data=data,
        output=output,
        model=model,
        images=images,
        protocols=tuple(protocol) if protocol else PROTOCOLS,
        everything=EverythingOptions(
            points_per_side=points_per_side,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
        ),
        most_images=most_images,
        pictures=pictures,
        arch=arch,
        device=device,
        engine=engine,
        precision=precision,
        resume=resume,
        overwrite=overwrite,
    )
    summary = evaluate(asked, progress=None if quiet else console.progress)
    for note in summary["notes"]:
        console.note(note)
    if as_json:
        console.emit_json(summary)
    elif not quiet:
        title = f"{summary['model']['name']}, {summary['images']} images"
        console.table(title, HEADINGS, rows(figures_of(summary)))
        typer.echo(output)
    if summary["failures"]:
        raise typer.Exit(EXIT_PARTIAL)
