"""Traces: where in the code an unexpected error occurred, without its message."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from pathlib import Path

MOST_CALLS = 40
"""Number of the innermost calls of an error that a trace shows."""


def trace_of(error: BaseException) -> str:
    """The classes of an error and of its causes with their calls, one line each.

    Messages and the paths of installed packages are left out, as they may name files, patients or
    users.
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
    """Write the trace of an error to stderr; a closed stderr is ignored.

    Args:
        error: The error.
        of: Text before the trace, such as what the program was doing.
    """
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{of}{trace_of(error)}")


def module_of(file: Path) -> Path:
    """The path of a source file from its package on, without where the package is installed."""
    for parent in file.parents:
        if parent.name == "site-packages" or not (parent / "__init__.py").is_file():
            return file.relative_to(parent)
    return Path(file.name)
