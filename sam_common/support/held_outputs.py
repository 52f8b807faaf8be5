"""Held outputs: files that one job at a time writes, and that appear together or not at all.

```
organs.nii.gz         an older file, which stays until all outputs of a job are written
.organs.nii.gz.lock   a lock, held by the job; the system frees it when the job is killed
```
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from sam_common.errors import OutputError
from sam_common.support.files import atomic_output, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAME_TAIL = 80
"""Last characters of an output's name that its lock keeps, as names have 255 bytes at most."""


@contextmanager
def held(outputs: Iterable[Path]) -> Iterator[None]:
    """Lock outputs against other jobs, of this or another process, while the block runs.

    A thread may hold an output twice.

    Raises:
        OutputError: If another job holds one of the outputs, or a folder cannot be written to.
    """
    with ExitStack() as stack:
        for path in dict.fromkeys(outputs):
            stack.enter_context(_held(path))
        yield


@contextmanager
def staged(outputs: Iterable[Path]) -> Iterator[Mapping[Path, Path]]:
    """Write outputs to temporary files, which all take their names when the block succeeds.

    Yields:
        The temporary file to write for each output.

    Raises:
        OutputError: If an output was not written, or if the block raises it; messages name the
            outputs in place of the temporary files.
    """
    with ExitStack() as stack:
        parts = {path: stack.enter_context(atomic_output(path)) for path in dict.fromkeys(outputs)}
        try:
            yield parts
        except OutputError as error:
            text = str(error)
            for path, part in parts.items():
                text = text.replace(str(part), str(path)).replace(part.name, path.name)
            raise type(error)(text) from error


def move_together(moves: Mapping[Path, Path], stale: Iterable[Path], aside: Path) -> None:
    """Move files that belong together to their places, all of them or none.

    Args:
        moves: The new place of each file, in the order of moving; readers look for the last one.
        stale: Files of an older set, which are moved aside first.
        aside: Folder for the stale files on the same disk, made here; the caller removes it.

    Raises:
        OSError: If a file cannot be moved; then all files are where they were.
    """
    aside.mkdir()
    steps = [(path, aside / f"{n}") for n, path in enumerate(stale)] + list(moves.items())
    done: list[tuple[Path, Path]] = []
    try:
        for source, place in steps:
            source.replace(place)
            done.append((source, place))
    except OSError:
        for source, place in reversed(done):
            place.replace(source)
        raise


def lock_path(output: Path) -> Path:
    """The lock file of an output, the same for all links to it and for any letter case.

    >>> from pathlib import Path
    >>> lock_path(Path("Organs.nii.gz")).name
    '.organs.nii.gz.lock'
    """
    real = Path(os.path.realpath(output))
    return real.with_name(f".{real.name.casefold()[-NAME_TAIL:]}.lock")


@contextmanager
def _held(output: Path) -> Iterator[None]:
    """Lock one output while the block runs, and remove its lock file afterwards."""
    path = lock_path(output)
    lock = filelock.FileLock(path, is_singleton=True)
    with writing(output):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise _busy(output) from error
    try:
        # the job that held the lock may have removed its file just before this job got it
        if not path.exists():
            raise _busy(output)
        yield
    finally:
        if lock.lock_counter == 1:
            # removed before it is freed, so that no waiting job gets a lock without a file
            with suppress(OSError):  # Windows does not remove open files
                path.unlink()
        lock.release()


def _busy(output: Path) -> OutputError:
    return OutputError(f"another job writes {output}: wait until it has ended")
