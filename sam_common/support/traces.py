"""Traces: where an unexpected error happened, without anything that it says."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from pathlib import Path

MOST_CALLS = 40
"""The innermost calls of an error that are told."""


def trace_of(error: BaseException) -> str:
    """The kind of an error and of what caused it, with the calls that led there, a line each.

    Its message is not told, nor where the suite lies: both may name a file, or who is shown in it.
    """
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines.append(f"{'because of' if lines else 'unexpected'} {type(cause).__name__} in\n")
        calls = reversed(traceback.extract_tb(cause.__traceback__)[-MOST_CALLS:])
        lines += [
            f"  {module_of(Path(call.filename))}, line {call.lineno}, in {call.name}\n"
            for call in calls
        ]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "".join(lines)


def log_trace(error: BaseException, of: str = "") -> None:
    """Write the trace of an error to stderr; whoever read there may be gone, which changes nothing.

    Args:
        error: What happened.
        of: What it happened to.
    """
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{of}{trace_of(error)}")


def module_of(file: Path) -> Path:
    """A source file from its package on: where it is installed is nobody's business."""
    for parent in file.parents:
        if parent.name == "site-packages" or not (parent / "__init__.py").is_file():
            return file.relative_to(parent)
    return Path(file.name)
