"""What the commands of `sam-geo` share: the segmenter they load and the words they end with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from sam_common.support import console

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter

EXIT_FAILED = 3
"""Exit code where a window failed for a technical reason; everything else is written."""


def loader(model: str, **settings: Any) -> Callable[[], Segmenter]:
    """What loads the segmenter of a command, once the rest of the request is known to be right."""

    def load() -> Segmenter:
        from sam_common.segmenter.predictor import load_segmenter  # noqa: PLC0415  # --help must stay fast

        return load_segmenter(model, **settings)

    return load


def parse_bands(text: str | None) -> tuple[int, ...] | None:
    """Band numbers of an option such as `4,3,2`."""
    from sam_common.errors import InputError  # noqa: PLC0415  # only where something is parsed

    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"bands are numbers with commas, such as 4,3,2, got {text!r}") from error


def _note_names(output: Path) -> None:
    """Say what the names of columns become in a Shapefile."""
    from sam_geo.tables.shapefile import SHORT_NAMES  # noqa: PLC0415  # --help must stay fast

    if output.suffix.lower() == ".shp":
        short = ", ".join(f"{name} is {other}" for name, other in SHORT_NAMES.items())
        console.note(
            f"warning: a Shapefile's column names have 10 characters at most: {short}; "
            f"a .gpkg keeps them"
        )


def finish(
    record: dict[str, Any], what: str, output: Path, *, json_output: bool, quiet: bool
) -> None:
    """The last words of a job, and its exit code."""
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
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show(facts: dict[str, Any], *, json_output: bool) -> None:
    """Facts as a table, or as JSON."""
    if json_output:
        console.emit_json(facts)
    else:
        console.table("", ["property", "value"], [[name, _plain(v)] for name, v in facts.items()])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "none"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "none" if value is None else str(value)
