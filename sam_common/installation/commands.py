"""Commands: programs that run with live lines, can be cancelled and see a clean environment."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Callable, Optional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FOREIGN = (
    "PYTHON",
    "QT_",
    "LD_LIBRARY_PATH",
    "DYLD_",
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "PROJ_LIB",
    "PROJ_DATA",
    "VIRTUAL_ENV",
)
"""Beginnings of environment variables that a host sets and that would mislead another Python."""
ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER")
"""Settings of pip by which it would install outside the environment."""
ISOLATED = ("-I", "-u", "-X", "utf8")
"""Options of a Python that heeds no variables or packages of the user and holds no lines back."""
HIDDEN = 0x08000000 if sys.platform == "win32" else 0
"""Flag by which Windows opens no console."""
POLL_SECONDS = 0.2
"""Seconds after which a cancellation is noticed."""
END_SECONDS = 5.0
"""Seconds that a cancelled program has to end before it is killed."""
LAST_LINES = 8
"""Lines of a program that failed which are shown."""
LOGIN = re.compile(r"//[^/\s@]+@")
"""A user's name and password in an address."""


class InstallError(Exception):
    """An environment could not be made; the message says what to do."""


class CancelledError(InstallError):
    """The user cancelled."""


def _ignore(*_told: object) -> None:
    """Tell nobody."""


def _never() -> bool:
    """Say that nobody cancels."""
    return False


@dataclass(frozen=True)
class Feedback:
    """Who is told how an installation goes on, and who may cancel it; called in its thread."""

    say: Callable[[str], None] = _ignore
    """Gets each line of the log."""
    progress: Callable[[float, str], None] = _ignore
    """Gets the share that is done, from 0 to 1, and what is being done."""
    is_cancelled: Callable[[], bool] = _never
    """Whether to stop."""

    def check(self) -> None:
        """Raise `CancelledError` where the user cancelled."""
        if self.is_cancelled():
            raise CancelledError("cancelled")


def clean_variables(more: Optional[Mapping[str, str]] = None) -> dict[str, str]:
    """The environment variables of this process without those that mislead another Python.

    Args:
        more: Variables that are added, such as those of a proxy; empty ones are left out.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and name not in ELSEWHERE
    }
    kept.update({"PYTHONUTF8": "1", **(more or {})})
    return {name: value for name, value in kept.items() if value}


def redacted(line: str) -> str:
    """A line without names and passwords in its addresses."""
    return LOGIN.sub("//****@", line)


def run(
    command: Sequence[str],
    feedback: Feedback,
    *,
    variables: Optional[Mapping[str, str]] = None,
    folder: Optional[Path] = None,
    heard: Optional[Callable[[str], bool]] = None,
) -> list[str]:
    """Run a program to its end and pass its lines on as they come.

    Args:
        command: Program and arguments.
        feedback: Gets the lines; its cancellation ends the program and those that it started.
        variables: Environment variables that are added to the clean ones.
        folder: Working folder.
        heard: Sees each line first; True where it need not be in the log.

    Returns:
        All lines, without logins.

    Raises:
        CancelledError: The user cancelled; the program has ended.
        InstallError: It cannot be started or failed; with its last lines.
    """
    feedback.check()
    lines: queue.Queue[Optional[str]] = queue.Queue()
    process = _started(command, clean_variables(variables), folder)
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    said: list[str] = []
    try:
        while (line := _next(lines, feedback)) is not None:
            if heard is None or not heard(line):
                said.append(line)
                feedback.say(line)
        code = process.wait()
    finally:
        if process.poll() is None:
            end(process)
        reader.join(END_SECONDS)
    if code:
        *before, last = said[-LAST_LINES:] or ["it said nothing"]
        name = re.split(r"[/\\]", command[0])[-1]
        # the reason comes last, and is what is read first
        raise InstallError("\n".join([f"{name} failed with exit code {code}: {last}", *before]))
    return said


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and those that it started, first by asking."""
    for is_last in (False, True):
        if sys.platform == "win32":
            tree = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
            subprocess.run(tree, capture_output=True, check=False)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL if is_last else signal.SIGTERM)
        try:
            process.wait(None if is_last else END_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def _started(
    command: Sequence[str], variables: Mapping[str, str], folder: Optional[Path]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(variables),
            cwd=folder,
            # a group of its own, so that what it starts ends with it
            start_new_session=sys.platform != "win32",
            creationflags=HIDDEN,
        )
    except OSError as error:
        raise InstallError(f"cannot start {command[0]}: {error.strerror}") from error


def _read(stream: Optional[IO[bytes]], lines: queue.Queue[Optional[str]]) -> None:
    if stream is not None:
        with stream:
            for line in stream:
                lines.put(redacted(line.decode("utf-8", "replace").rstrip()))
    lines.put(None)


def _next(lines: queue.Queue[Optional[str]], feedback: Feedback) -> Optional[str]:
    """The next line; None at the end."""
    while True:
        feedback.check()
        try:
            return lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
