"""Suite program: a command of the suite that runs beside QGIS, with progress and an end.

```
stderr of the program   {"progress": "reading the map", "done": 3, "total": 8}   -> progress bar
                        warning: 3 points that do not count: outside             -> warning
                        error: map.tif is no class map: ...                      -> ProgramError
stdout                  one JSON document                                        -> result
```
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from .suite_client import FOREIGN
from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgis.core import QgsProcessingFeedback

POLL_SECONDS = 0.2
"""Seconds after which a cancelled run is noticed."""
END_SECONDS = 5.0
"""Seconds that a cancelled program has to end before it is killed."""
PARTLY_FAILED = 3
"""Exit code of a program that wrote its results although some windows failed."""
LAST_LINES = 10
"""Lines of a program that failed without a message which are shown."""
WARNING, ERROR = "warning: ", "error: "
VARIABLES = {"SAM_GEOMED_PROGRESS": "lines", "PYTHONUTF8": "1"}
"""Environment variables by which a program tells its progress in lines, in UTF-8."""


class ProgramError(Exception):
    """A program of the suite failed; the message is what it said."""


def run_program(
    command: Sequence[str],
    feedback: QgsProcessingFeedback,
    fine: Sequence[int] = (0, PARTLY_FAILED),
) -> Any:
    """Run a program of the suite, show its progress and wait for its end.

    Args:
        command: Program and arguments, of which one is `--json`.
        feedback: Gets progress, notes and warnings, in this thread; its cancellation ends the
            program.
        fine: Exit codes of a program that has a result.

    Returns:
        What the program printed as JSON; None where the run was cancelled.

    Raises:
        ProgramError: The program cannot be started, or failed.
    """
    process = _started(command)
    out: list[bytes] = []
    lines: queue.Queue[str | None] = queue.Queue()
    readers = [
        threading.Thread(target=_read_all, args=(process.stdout, out), daemon=True),
        threading.Thread(target=_read_lines, args=(process.stderr, lines), daemon=True),
    ]
    for reader in readers:
        reader.start()
    said: list[str] = []
    try:
        if not _told(lines, said, feedback):
            _end(process)
            return None
        code = process.wait()
    finally:
        # whatever happens here, or if it does not listen, no program is left behind
        if process.poll() is None:
            process.kill()
            process.wait()
        for reader in readers:
            reader.join(END_SECONDS)
    if code not in fine:
        raise ProgramError(_reason(said, code))
    try:
        return json.loads(b"".join(out))
    except ValueError as error:
        raise ProgramError(
            translate("SamGeomed", "{name} did not answer in JSON: update the suite").format(
                name=command[0]
            )
        ) from error


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    hidden = {"creationflags": 0x08000000} if sys.platform == "win32" else {}
    try:
        return subprocess.Popen(  # noqa: S603 - a program of the suite, no shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**clean, **VARIABLES},
            **hidden,
        )
    except OSError as error:
        raise ProgramError(
            translate("SamGeomed", "cannot start {name}: {why}").format(
                name=command[0], why=error.strerror
            )
        ) from error


def _read_all(stream: IO[bytes], out: list[bytes]) -> None:
    with stream:
        out.append(stream.read())


def _read_lines(stream: IO[bytes], lines: queue.Queue[str | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line.decode("utf-8", "replace").rstrip())
    lines.put(None)


def _told(lines: queue.Queue[str | None], said: list[str], feedback: QgsProcessingFeedback) -> bool:
    """Pass lines on until the program has said all; False where the user cancels."""
    while not feedback.isCanceled():
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return True
        if not _is_progress(line, feedback):
            said.append(line)
            _pass_on(line, said, feedback)
    return False


def _is_progress(line: str, feedback: QgsProcessingFeedback) -> bool:
    """Show a line of progress; False where the line is something else."""
    try:
        step = json.loads(line)
        what, done, total = step["progress"], int(step["done"]), int(step["total"])
    except (ValueError, TypeError, KeyError):
        return False
    feedback.setProgressText(progress_text(what, done, total))
    if total:
        feedback.setProgress(100.0 * done / total)
    return True


def progress_text(what: str, done: int, total: int) -> str:
    """How far a step is; its name is the suite's own."""
    return translate("SamGeomed", "{what}: {done} of {total}").format(
        what=what, done=done, total=total
    )


def _pass_on(line: str, said: Sequence[str], feedback: QgsProcessingFeedback) -> None:
    """Show a line, unless it is part of the error at the end, which is raised."""
    if any(each.startswith(ERROR) for each in said):
        return
    if line.startswith(WARNING):
        feedback.pushWarning(line[len(WARNING) :])
    elif line:
        feedback.pushInfo(line)


def _reason(said: Sequence[str], code: int) -> str:
    """The message of a program that failed: from its line `error:` on, or its last lines."""
    first = next((n for n, line in enumerate(said) if line.startswith(ERROR)), None)
    if first is not None:
        return "\n".join(said[first:])[len(ERROR) :]
    return "\n".join(said[-LAST_LINES:]) or translate(
        "SamGeomed", "the program ended with exit code {code}"
    ).format(code=code)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt a program, so that it removes what it had begun to write, and wait a little."""
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
