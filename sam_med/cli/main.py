"""`sam-med`: segment CT, MR and other volumes from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sam_common.cli.options import Device, Engine, Json, Precision, Quiet, command_line
from sam_common.support import console
from sam_med import privacy
from sam_med.cli.batch import batch_command
from sam_med.cli.finetune import finetune_command
from sam_med.cli.inspect import compare, convert, info, stats
from sam_med.cli.options import NOTICE
from sam_med.cli.segment import segment_command
from sam_med.cli.view import view_command
from sam_med.run.methods import DEFAULT_MODEL

app = command_line(f"Segment medical volumes with SAM networks. {NOTICE}")
app.command("segment", epilog=NOTICE)(segment_command)
app.command("batch", epilog=NOTICE)(batch_command)
app.command("finetune", epilog=NOTICE)(finetune_command)
app.command("view", epilog=NOTICE)(view_command)
app.command("info", epilog=NOTICE)(info)
app.command("convert", epilog=NOTICE)(convert)
app.command("compare", epilog=NOTICE)(compare)
app.command("stats", epilog=NOTICE)(stats)


@app.command(epilog=NOTICE)
def demo(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the brain of the MNI152 head and compare it with its tissue maps.

    Fetches the head and the network once. Files of an earlier demo are replaced.
    """
    from sam_common.segmenter.predictor import load_segmenter  # noqa: PLC0415  # --help must stay fast
    from sam_med.run import demo as job  # noqa: PLC0415

    task = job.prepare(progress=not quiet)
    segmenter = load_segmenter(DEFAULT_MODEL, device=device, engine=engine, precision=precision)
    slices = task.box.window.shape[0]
    with console.progress("brain", slices, quiet=quiet) as advance:
        result, score = job.run(task, segmenter, output, progress=advance)
    row = {
        "objects": len(result.segments),
        "slices": slices,
        "seconds": round(result.seconds, 1),
        "dice": round(score, 3),
    }
    if json_output:
        console.emit_json(row)
    else:
        console.table("Brain of MNI152 (lite_medsam)", list(row), [list(row.values())])


def main() -> None:
    """Entry point of `sam-med`."""
    privacy.run(lambda: privacy.command(app))
