"""Options and messages of `finetune`, which sam-geo and sam-med share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sam_common.support import console

if TYPE_CHECKING:
    from sam_common.prompts import PromptKind

EXIT_NOT_BETTER = 4
"""Exit code where a tuned network is not better than its base, whether it was kept or not."""
WORDS = {"boxes": "by box", "points": "by point"}

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="The tuned model to write, a .safetensors; cards lie beside it."
    ),
]
PartsOption = Annotated[
    Literal["decoder", "encoder", "both"],
    typer.Option(
        "--parts",
        help="What learns: the mask decoder (minutes), the image encoder by low-rank changes "
        "(longer, for unusual images), or both.",
    ),
]
PromptsOption = Annotated[
    str, typer.Option("--prompts", help="What is practised: boxes, points, or boxes,points.")
]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Most passes over the images; if not given, few objects are shown more often."
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1, help="Passes without a gain after which training ends; a third of them if not given."
    ),
]
Views = Annotated[
    int, typer.Option(min=1, help="Turned, mirrored and brightened versions of each image.")
]
LearningRate = Annotated[float, typer.Option(help="Step size of the optimiser.")]
Rank = Annotated[int, typer.Option(min=1, help="Rank of the changes of the image encoder.")]
Seed = Annotated[int, typer.Option(min=0, help="Another number gives other parts and prompts.")]
KeepAnyway = Annotated[
    bool, typer.Option("--keep-anyway", help="Write the model also where it is not better.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would cost, from one image; stop there.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with an interrupted job, to the same result.")
]


def parse_prompts(text: str) -> tuple[PromptKind, ...]:
    """The kinds of prompts of an option such as `boxes,points`, in that order.

    Raises:
        InputError: A part of the text is neither.
    """
    from sam_common.errors import InputError  # noqa: PLC0415  # only where something is parsed

    named = {part.strip() for part in text.split(",")}
    known: tuple[PromptKind, ...] = ("boxes", "points")
    if not named <= set(known):
        raise InputError(f"--prompts are boxes, points or boxes,points, got {text!r}")
    return tuple(kind for kind in known if kind in named)


def tell(record: dict[str, Any], output: Path, *, json_output: bool, quiet: bool) -> None:
    """Tell the figures before and after, and end with `EXIT_NOT_BETTER` where they are not better.

    Args:
        record: As `sam_common.training.job.run_job` returned it, with `notes`.
        output: The file that was asked for.
        json_output: Whether the whole record is printed as JSON.
        quiet: Whether the table is left out; warnings are not.

    Raises:
        typer.Exit: With `EXIT_NOT_BETTER`.
    """
    for note in record["notes"]:
        console.note(f"warning: {note}")
    if json_output:
        console.emit_json(record)
    elif not quiet:
        judged = record["data"]["objects"]["judge"]
        rows = [
            [
                WORDS[kind],
                f"{one['before']:.3f}",
                f"{one['after']:.3f}",
                f"{one['low']:+.3f} to {one['high']:+.3f}",
                ", ".join(f"{name} {iou:.3f}" for name, iou in one["prompt_alone"].items()),
            ]
            for kind, one in record["figures"].items()
        ]
        title = f"mean IoU of {judged} objects that took no part"
        columns = ["asked", "before", "after", "gain", "from the prompt alone"]
        console.table(title, columns, rows)
        if record["output"] is not None:
            typer.echo(f"{output}, from {record['base']['name']}: --model {output}")
    if not record["verdict"]["is_better"]:
        kept = "it is kept as asked" if record["output"] else "nothing is written (--keep-anyway)"
        console.note(f"{record['verdict']['text']} {kept[0].upper()}{kept[1:]}.")
        raise typer.Exit(EXIT_NOT_BETTER)
