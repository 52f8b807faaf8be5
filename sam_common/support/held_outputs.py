"""Held outputs: files that one job at a time writes, and that appear together or not at all.

```
organs.nii.gz         what is there stays until all of a run is written
.organs.nii.gz.lock   held by the job that makes it; the system frees it when the job is killed
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
"""Characters of an output's name in that of its lock; a name has 255 bytes in all."""


@contextmanager
def held(outputs: Iterable[Path]) -> Iterator[None]:
    """Keep other jobs, of any process, from these outputs while the block runs.

    A thread may hold an output twice.

    Raises:
        OutputError: Another job writes one of them, or a folder cannot be written to.
    """
    with ExitStack() as stack:
        for path in dict.fromkeys(outputs):
            stack.enter_context(_held(path))
        yield


@contextmanager
def staged(outputs: Iterable[Path]) -> Iterator[Mapping[Path, Path]]:
    """Temporary files beside outputs, which all take their names when the block succeeds.

    Yields:
        Where to write each output.

    Raises:
        OutputError: One was not written, or as the block raises it, with the names of outputs in
            place of those of temporary files.
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
        moves: Where each goes, in the order in which they appear; the last one is the one that
            readers look for.
        stale: Files of an older set, which go away with it.
        aside: A folder on the same disk, made here, in which these wait until all is done.

    Raises:
        OSError: One cannot be moved; then all is as it was.
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
    """The lock of an output, the same for all names and links that lead to it.

    >>> from pathlib import Path
    >>> lock_path(Path("Organs.nii.gz")).name
    '.organs.nii.gz.lock'
    """
    real = Path(os.path.realpath(output))
    return real.with_name(f".{real.name.casefold()[-NAME_TAIL:]}.lock")


@contextmanager
def _held(output: Path) -> Iterator[None]:
    path = lock_path(output)
    lock = filelock.FileLock(path, is_singleton=True)
    with writing(output):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise _busy(output) from error
    try:
        # the job before may have removed the file while this one waited for it
        if not path.exists():
            raise _busy(output)
        yield
    finally:
        if lock.lock_counter == 1:
            # before it is free: whoever waits for it must not find it here any more
            with suppress(OSError):  # on Windows what is open stays
                path.unlink()
        lock.release()


def _busy(output: Path) -> OutputError:
    return OutputError(f"another job writes {output}: wait until it has ended")
