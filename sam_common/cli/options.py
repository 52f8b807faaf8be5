"""Options that the programs sam-common, sam-geo and sam-med share, in one wording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sam_common import __version__
from sam_common.support import console

if TYPE_CHECKING:
    from collections.abc import Callable

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress on stderr.")]
Arch = Annotated[str | None, typer.Option(help="Architecture of a model file.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Engine = Annotated[str, typer.Option(help="auto, torch, torch-compiled or openvino.")]
Precision = Annotated[str, typer.Option(help="auto, fp32 or bf16.")]
ExecutorKind = Annotated[
    str,
    typer.Option(
        "--executor", help="local: this process; dask: workers of Dask, with the same result."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler that runs, tcp://host:8786 or its .json file; without it, workers are "
        "started here."
    ),
]
Resources = Annotated[
    str | None,
    typer.Option(
        help="What each window or case takes of the resources of a worker of Dask, as GPU=1: only "
        "workers take part that were started with them."
    ),
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        help="Counters of the workers of Dask for Prometheus: a .prom file, replaced every 5 s."
    ),
]
DaskWorkers = Annotated[
    int,
    typer.Option(
        "--workers", min=1, help="Workers of Dask that are started where there is no --scheduler."
    ),
]


def terminal_notes(*, quiet: bool) -> Callable[[str], None]:
    """A function that shows lines on stderr, or nothing where quiet."""
    return (lambda _line: None) if quiet else console.note


def command_line(purpose: str) -> typer.Typer:
    """Make a command line with the option `--version`, whose errors are not decorated by typer.

    Args:
        purpose: First line of its help.
    """
    app = typer.Typer(
        help=purpose, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback(invoke_without_command=True)(_root)
    return app


def _root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"sam-geomed {__version__}")
        raise typer.Exit
