"""What the command lines share: errors as one line, progress on stderr, results on stdout."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sam_common.errors import SuiteError, one_line
from sam_common.support.files import DISK_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MEMORY_WORDS = ("allocate memory", "out of memory", "bad_alloc", "can't start new thread")
"""How libraries say that memory has come to an end."""
EXIT_ERROR = 2
"""Exit code of every `SuiteError`, the same as for a wrong option."""
EXIT_INTERRUPTED = 130


def run(app: Callable[[], object]) -> None:
    """Run a command line: a `SuiteError` becomes one line on stderr and exit code 2.

    So does too little memory, for data or for the library of a package, at any moment, and a full
    disk wherever it is met. An interrupt ends with exit code 130, which typer sees to. Then nothing
    is waited for: a job has finished what it had begun, unless it was interrupted a second time,
    as it may wait for a server that does not answer.
    """
    try:
        app()
    except (SuiteError, MemoryError, ImportError, RuntimeError, OSError) as error:
        if (reason := _reason(error)) is None:
            raise
        typer.echo(f"error: {reason}", err=True)
        sys.exit(EXIT_ERROR)
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED and threading.active_count() > 1:
            sys.stdout.flush()
            sys.stderr.flush()
            # Python would wait for its threads, however long a library keeps them
            os._exit(EXIT_INTERRUPTED)
        raise


def _reason(error: Exception) -> str | None:
    """What to tell of an error that a user can do something about; None for a defect."""
    if isinstance(error, SuiteError):
        return str(error)  # a few have a line for each thing that was tried
    if isinstance(error, (MemoryError, ImportError)):
        return one_line(error)
    if isinstance(error, RuntimeError) and any(w in str(error).lower() for w in MEMORY_WORDS):
        # what torch, OpenVINO and threads raise in place of a MemoryError
        return one_line(MemoryError(*error.args))
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        place = error.filename or tempfile.gettempdir()
        return f"cannot write {place}: {error.strerror} (make room on that disk)"
    return None


def note(message: str) -> None:
    """One line of news on stderr, where it cannot mix with results."""
    typer.echo(message, err=True)


@contextmanager
def progress(
    description: str,
    total: int,
    *,
    quiet: bool = False,
    unit: Literal["items", "bytes"] = "items",
) -> Iterator[Callable[[int], None]]:
    """A bar on stderr with the time left; nothing where stderr is no terminal.

    Args:
        description: What is being done, a few words.
        total: Number of items or bytes.
        quiet: Draw nothing at all.
        unit: Whether the counts are shown as `3/61` or as `1.2/39.4 MB`.

    Yields:
        A function that takes the number of items done since its last call; safe to call from
        several threads.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _done: None
        return
    # rich is imported here because --help must stay fast
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn() if unit == "bytes" else MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.advance(task, done)


def emit_json(value: Any) -> None:
    """One JSON document on stdout.

    Paths become strings, sets become sorted lists, numpy scalars and arrays become numbers and
    lists.

    Raises:
        ValueError: A number is NaN or infinite, which JSON cannot hold.
    """
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout; columns of numbers are aligned right.

    Args:
        title: Line above the table; none where empty.
        columns: Headings.
        rows: One sequence of cells per row, as long as `columns`; cells are shown by `str`.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    # a pipe has no width: cutting cells at 80 columns would lose what a script wants to read
    width = None if sys.stdout.isatty() else 10_000
    drawn = Table(title=title or None, title_justify="left")
    for n, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[n], int | float) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    Console(width=width, markup=False, highlight=False).print(drawn)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):  # numpy, without importing it
        return value.tolist()
    raise TypeError(f"no JSON form for {type(value).__name__}: {value!r}")
