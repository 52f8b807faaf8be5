"""Console: errors as one line, notes and progress on stderr, results on stdout."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sam_common.errors import SuiteError, one_line
from sam_common.extras import missing_extra
from sam_common.support.files import DISK_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MEMORY_WORDS = ("allocate memory", "out of memory", "bad_alloc", "can't start new thread")
"""Words by which errors of libraries that mean too little memory are recognised."""
EXIT_ERROR = 2
"""Exit code of every `SuiteError`, which is also that of a wrong option."""
PROGRESS_VARIABLE = "SAM_GEOMED_PROGRESS"
"""Environment variable that is `lines` where another program reads the progress."""
LINE_SECONDS = 0.2
"""Least seconds between two lines of progress."""
EXIT_INTERRUPTED = 130
"""Exit code after an interrupt."""


def run(app: Callable[[], object]) -> None:
    """Run a command line: a `SuiteError` becomes one line on stderr and exit code 2.

    So do errors of too little memory and of a full disk. An interrupt ends with exit code 130, and
    then without waiting for threads: a job has finished what it had begun, unless it was
    interrupted a second time because it waits for a server that does not answer.

    Args:
        app: The command line, as typer makes it.
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
            # `sys.exit` would wait for threads, however long a library keeps them
            os._exit(EXIT_INTERRUPTED)
        raise


def _reason(error: Exception) -> str | None:
    """The message of an error that a user can do something about; None for a defect of the code."""
    if isinstance(error, SuiteError):
        return str(error)  # some have a line for each attempt
    if isinstance(error, ImportError):
        return one_line(missing_extra(error) or error)
    if isinstance(error, MemoryError):
        return one_line(error)
    if isinstance(error, RuntimeError) and any(w in str(error).lower() for w in MEMORY_WORDS):
        # torch, OpenVINO and threads raise this in place of a MemoryError
        return one_line(MemoryError(*error.args))
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        place = error.filename or tempfile.gettempdir()
        return f"cannot write {place}: {error.strerror} (make room on that disk)"
    return None


def note(message: str) -> None:
    """Print a line to stderr, where it cannot mix with results."""
    typer.echo(message, err=True)


@contextmanager
def progress(
    description: str,
    total: int,
    *,
    quiet: bool = False,
    unit: Literal["items", "bytes"] = "items",
) -> Iterator[Callable[[int], None]]:
    """Draw a progress bar with the time left on stderr, if stderr is a terminal.

    In a notebook, bytes that are fetched are told in one line of the output, which is overwritten.
    Where $SAM_GEOMED_PROGRESS is `lines`, lines of JSON are printed to stderr in its place, such as
    `{"progress": "reading the map", "done": 3, "total": 8}`.

    Args:
        description: What is being done, in a few words.
        total: Number of items or bytes.
        quiet: Whether to draw nothing at all.
        unit: Whether the counts are shown as `3/61` or as `1.2/39.4 MB`.

    Yields:
        A function that takes the number of items done since its last call; threads may share it.
    """
    if not quiet and os.environ.get(PROGRESS_VARIABLE) == "lines":
        yield _progress_lines(description, total)
        return
    if not quiet and unit == "bytes" and _is_notebook():
        with _overwritten_line(description, total) as advance:
            yield advance
        return
    if quiet or not sys.stderr.isatty():
        yield lambda _done: None
        return
    # imported here so that --help stays fast
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


def _is_notebook() -> bool:
    """Whether stderr is the output of a cell."""
    return type(sys.stderr).__module__ == "ipykernel.iostream"


@contextmanager
def _overwritten_line(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that writes how many bytes are done over what it wrote before."""

    def tell(done: int) -> None:
        megabytes = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
        typer.echo(f"\r{description}: {megabytes}", nl=False, err=True)

    try:
        yield _counted(tell, total)
    finally:
        typer.echo(err=True)


def _progress_lines(description: str, total: int) -> Callable[[int], None]:
    """A function that prints how many items are done, each time as a line of JSON."""

    def tell(done: int) -> None:
        line = {"progress": description, "done": done, "total": total}
        typer.echo(json.dumps(line, ensure_ascii=False), err=True)

    return _counted(tell, total)


def _counted(tell: Callable[[int], None], total: int) -> Callable[[int], None]:
    """A function that tells how many are done, at the beginning, at the end and between."""
    lock = threading.Lock()
    done = 0
    told = 0.0

    def advance(more: int) -> None:
        nonlocal done, told
        with lock:
            done += more
            now = time.monotonic()
            if 0 < done < total and now - told < LINE_SECONDS:
                return
            told = now
            tell(done)

    advance(0)
    return advance


def emit_json(value: Any) -> None:
    """Print a value as one JSON document to stdout.

    Args:
        value: Plain values, and paths (as strings), sets (as sorted lists), numpy scalars and
            arrays (as numbers and lists).

    Raises:
        ValueError: If a number is NaN or infinite, which JSON cannot hold.
    """
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table to stdout; columns of numbers are aligned right.

    Args:
        title: Line above the table; empty for none.
        columns: Headings.
        rows: Cells of each row, as many as there are columns, shown by `str`.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    # in a pipe, cells must not be cut at 80 columns, as scripts read them
    width = None if sys.stdout.isatty() else 10_000
    drawn = Table(title=title or None, title_justify="left")
    for n, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[n], int | float) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    Console(width=width, markup=False, highlight=False).print(drawn)


def _plain(value: Any) -> Any:
    """The JSON form of a value that `json` does not know."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):  # numpy, without importing it
        return value.tolist()
    raise TypeError(f"no JSON form for {type(value).__name__}: {value!r}")
