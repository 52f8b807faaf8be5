"""`sam-med`: segment CT, MR and other volumes from the command line."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from sam_common.cli.options import Device, Engine, Json, Precision, Quiet, command_line
from sam_common.support import console
from sam_med import privacy
from sam_med.cli.batch import batch_command
from sam_med.cli.correct import correct_command
from sam_med.cli.finetune import finetune_command
from sam_med.cli.inspect import compare, convert, info, stats
from sam_med.cli.options import NOTICE
from sam_med.cli.segment import segment_command
from sam_med.cli.view import view_command
from sam_med.run.methods import DEFAULT_MODEL

app = command_line(f"Segment medical volumes with SAM networks. {NOTICE}")
app.command("segment", epilog=NOTICE)(segment_command)
app.command("correct", epilog=NOTICE)(correct_command)
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
    """Segment organs of two CT from one box each, compare them with the labels, write a page.

    index.html shows them, and what sam-geo demo has put into the same folder. Scans and network are
    fetched once. Files of an earlier demo are replaced.
    """
    from sam_common.segmenter.predictor import load_segmenter  # noqa: PLC0415  # --help must stay fast
    from sam_med.demo import run as job  # noqa: PLC0415

    settings = {"device": device, "engine": engine, "precision": precision}
    figures = job.run(
        output,
        lambda: load_segmenter(DEFAULT_MODEL, **settings),
        progress=functools.partial(console.progress, quiet=quiet),
        quiet=quiet,
    )
    if json_output:
        console.emit_json(figures)
        return
    for name in (name for name in figures if name != "page"):
        row = figures[name]
        rows = [[organ, score] for organ, score in row["dice"].items()]
        title = f"{name}: {row['slices']} slices, {row['seconds']} s"
        console.table(title, ["organ", "dice"], rows)
    if not quiet:
        console.note(f"page: {figures['page']}")


def main() -> None:
    """Entry point of `sam-med`."""
    privacy.run(lambda: privacy.command(app))
