"""Privacy: messages say nothing about the patient (docs/decisions/0005-privacy.md).

Names of files and folders of scans often hold names, dates and identifiers. Messages therefore call
an input by its role, "the input" or "file 3 of 20 of the input", and never by its path. Messages of
this package are written so; this module rewords those of libraries.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer

from sam_common.errors import SuiteError
from sam_common.support import console
from sam_common.support.silence import silence
from sam_common.support.traces import module_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

INPUT = "the input"
TRACEBACK_VARIABLE = "SAM_GEOMED_TRACEBACK"
"""Environment variable: "full" shows the message of an unexpected error, which may hold names."""
SHORT = 4
"""Length from which on a name in small letters is replaced in messages."""
PROGRAM = "sam-med"
HIDDEN = "..."
PLAIN = re.compile(r"[a-z_]{1,12}|[-+0-9.,]{1,5}")
"""Words that cannot name a person: short ones in small letters, and numbers that are no dates."""
USAGE_ERRORS: Any = typer.BadParameter.mro()[1]
"""Errors of the argument parser that typer is built on, which may be a copy inside of typer."""
NO_ARGUMENTS = "NoArgs"
"""Part of the name of the error by which the parser shows the help."""
CHATTY = ("pydicom", "highdicom", "nibabel")
"""Loggers of libraries that log values of DICOM tags, or paths."""

_hidden: ContextVar[Mapping[Path, str]] = ContextVar("hidden", default=MappingProxyType({}))


@contextmanager
def unnamed(paths: Mapping[Path, str]) -> Iterator[None]:
    """While the block runs, `reworded` calls these paths by their roles.

    Args:
        paths: Path of each input to its role, e.g. "the input".
    """
    token = _hidden.set({**_hidden.get(), **paths})
    try:
        yield
    finally:
        _hidden.reset(token)


def hide(path: Path, role: str = INPUT) -> None:
    """From now on `reworded` calls a path by its role; commands call this first of all."""
    _hidden.set({**_hidden.get(), path: role})


def reworded(text: str) -> str:
    """A message in which every path given to `unnamed` or `hide` is replaced by its role.

    A file or folder in such a folder becomes "file 3 of 20 of the input" or "a folder of the
    input".
    """
    for path, role in _hidden.get().items():
        text = without_path(text, path, role)
    return text


def without_path(text: str, path: Path, role: str = INPUT) -> str:
    """A message in which a path, and every path in that folder, is replaced by its role.

    >>> without_path("cannot read scans/DOE.nii: no such file", Path("scans/DOE.nii"))
    'cannot read the input: no such file'
    """
    if not any(form in text for form in _forms(path)):
        return text
    for form, name in _names(path, role):
        if _telling(form):
            # a name alone is not replaced where it is a suffix, or a part of another file's path
            before = r"[\w-]" if os.sep in form else r"[\w./\\-]"
            text = re.sub(rf"(?<!{before}){re.escape(form)}(?![\w-])", name, text)
    return text


def numbered(path: Path, files: Iterable[Path], role: str = INPUT) -> str:
    """The role of one file among the files of an input.

    >>> numbered(Path("b"), [Path("a"), Path("b")])
    'file 2 of 2 of the input'
    """
    known = list(files)
    if path not in known:
        return f"a file of {role}"
    return f"file {known.index(path) + 1} of {len(known)} of {role}"


def told(error: BaseException) -> str:
    """The message to show for any error: only messages of this package are shown in full.

    Messages of libraries may hold names, so the type of such an error is shown, and for an
    `OSError` its cause.
    """
    if isinstance(error, SuiteError):
        return reworded(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return f"unexpected {type(error).__name__}"


def command(app: typer.Typer) -> None:
    """Run a command line, with errors of the argument parser that name no file.

    A misplaced argument is often a file, or all files of a folder from a pattern of the shell:
    `sam-med info scans/*.dcm`.

    Args:
        app: The command line.

    Raises:
        SuiteError: An option or argument is missing or invalid; the message is one line.
        SystemExit: A command ends with another exit code than 0.
    """
    try:
        code = app(prog_name=PROGRAM, standalone_mode=False)
    except USAGE_ERRORS as error:
        if NO_ARGUMENTS in type(error).__name__:
            error.show()
            sys.exit(error.exit_code)
        where = "" if error.ctx is None else f" (see: {error.ctx.command_path} --help)"
        # the value of an option may be shown where it cannot be a file
        kept = PLAIN if isinstance(error, typer.BadParameter) else None
        told = without_typed(error.format_message(), sys.argv[1:], kept=kept)
        raise SuiteError(f"{told}{where}") from None
    except typer.Abort:
        sys.exit(1)
    if isinstance(code, int) and code:
        sys.exit(code)


def without_typed(text: str, typed: Iterable[str], *, kept: re.Pattern[str] | None = None) -> str:
    """A message of the argument parser with words of the command line replaced by "...".

    Args:
        text: The message.
        typed: Words of the command line; names of options are not replaced.
        kept: Pattern of words that are not replaced, unless a file has that name.

    >>> without_typed("Got unexpected extra arguments (a/DOE.dcm b.dcm)", ["a/DOE.dcm", "b.dcm"])
    'Got unexpected extra arguments (...)'
    """
    words = {part for word in typed for part in (word, *word.split("=", 1))}
    for word in sorted(words, key=len, reverse=True):
        said = word.startswith("-") or (kept is not None and kept.fullmatch(word))
        if word and (not said or Path(word).exists()):
            for form in (word, repr(word)[1:-1]):
                text = re.sub(rf"(?<![\w-]){re.escape(form)}(?![\w-])", HIDDEN, text)
    text = re.sub(r"\.{3}( \.{3})+", HIDDEN, text)
    return " ".join(text.split()).removesuffix(".")


def run(app: Callable[[], object]) -> None:
    """Run a command with `console.run`, with messages that say nothing about the patient.

    Warnings and logs of libraries are not shown, because they quote tags and paths.
    """

    def private() -> None:
        try:
            app()
        except SuiteError as error:
            # the base class, because some subclasses take more than a message
            raise SuiteError(reworded(str(error))) from None
        except MemoryError:
            raise SuiteError(
                "not enough memory for this volume: use a machine with more, or a part of the scan"
            ) from None

    with quiet_libraries():
        try:
            console.run(private)
        finally:
            # typer may have set an excepthook of its own
            sys.excepthook = report_bug


def quiet_libraries() -> AbstractContextManager[None]:
    """While the block runs, libraries show neither warnings nor logs."""
    return silence(*CHATTY)


def report_bug(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """An `excepthook` that prints where an unexpected error happened, without its message."""
    if os.environ.get(TRACEBACK_VARIABLE) == "full" or issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    console.note(f"unexpected {kind.__name__}, please report it; it happened in")
    for step in traceback.extract_tb(trace):
        console.note(f"  {module_of(Path(step.filename))}, line {step.lineno}, in {step.name}")
    console.note(
        f"(its message is not shown because it may hold names; {TRACEBACK_VARIABLE}=full shows it)"
    )


def _names(path: Path, role: str) -> list[tuple[str, str]]:
    """Each form in which a path may be written, with its role; the longest form first."""
    found = dict.fromkeys(_forms(path), role)
    if path.is_dir():
        inside = sorted(path.rglob("*"))
        files = [item for item in inside if item.is_file()]
        for item in {*inside}.difference(files):
            found |= dict.fromkeys(_forms(item), f"a folder of {role}")
        for n, item in enumerate(files, start=1):
            found |= dict.fromkeys(_forms(item), f"file {n} of {len(files)} of {role}")
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _forms(path: Path) -> set[str]:
    """The forms in which a path may be written; its name alone unless that is an ordinary word."""
    whole = {str(path), str(path.absolute()), str(path.resolve())}
    return whole if path.name.isalpha() and path.name.islower() else whole | {path.name} - {""}


def _telling(form: str) -> bool:
    """Whether a form can be told from an ordinary word of a message: "." and "ct" cannot."""
    return len(form) >= SHORT or not (form.islower() or set(form) <= {"."})
