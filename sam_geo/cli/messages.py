"""Messages of the commands: figures, warnings and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from sam_common.support import console

if TYPE_CHECKING:
    from pathlib import Path

EXIT_FAILED = 3
"""Exit code where a window failed for a technical reason, and all other results are written."""


def _note_names(output: Path) -> None:
    """Warn of the shortened names that columns have in a Shapefile."""
    from sam_geo.tables.shapefile import SHORT_NAMES  # noqa: PLC0415  # --help must stay fast

    if output.suffix.lower() == ".shp":
        short = ", ".join(f"{name} is {other}" for name, other in SHORT_NAMES.items())
        console.note(
            f"warning: a Shapefile's column names have 10 characters at most: {short}; "
            f"a .gpkg keeps them"
        )


def tell_result(
    record: dict[str, Any], what: str, output: Path, *, json_output: bool, quiet: bool
) -> None:
    """Tell the figures of a finished job in one line or as JSON, and warn of failed windows.

    Args:
        record: The record of the job.
        what: The number of prompts or objects, in words.
        output: The table that was written.
        json_output: Whether the whole record is printed as JSON.
        quiet: Whether the line is left out; warnings are not.

    Raises:
        typer.Exit: With `EXIT_FAILED`, where a window failed.
    """
    _note_names(output)
    for note in record["notes"]:
        console.note(f"warning: {note}")
    if json_output:
        console.emit_json({"output": output, **record})
    elif not quiet:
        counts = ", ".join(f"{count} {status}" for status, count in record["counts"].items())
        typer.echo(
            f"{what}: {counts or 'none'}; {_count(record['windows'], 'window')}, "
            f"{_count(record['embeddings'], 'embedding')}, "
            f"{record['seconds']['total']:.1f} s; {output}"
        )
    if failures := record["failures"]:
        console.note(
            f"error: {len(failures)} of {_count(record['windows'], 'window')} failed: "
            f"{failures[0]} (run again with --resume to try them once more)"
        )
        raise typer.Exit(EXIT_FAILED)


def _count(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it is not 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show(facts: dict[str, Any], *, json_output: bool) -> None:
    """Print facts as a table of two columns, or as JSON."""
    if json_output:
        console.emit_json(facts)
    else:
        console.table("", ["property", "value"], [[name, _plain(v)] for name, v in facts.items()])


def _plain(value: Any) -> str:
    """A value as the text of a cell."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "none"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "none" if value is None else str(value)
