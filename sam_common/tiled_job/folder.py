"""Folder: the parts of a job that is under way, held by that job alone and removed at its end."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

import filelock

from sam_common.errors import OutputError
from sam_common.support.files import writing
from sam_common.tiled_job.lease import leased
from sam_common.tiled_job.plan_file import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sam_common.tiled_job.storage import Storage

LOCK = ".lock"
"""File that is locked by the job which works in the folder."""


@contextmanager
def held(folder: Path, storage: Storage | None = None) -> Iterator[None]:
    """Keep other jobs out of a folder of parts while the block runs.

    The folder is made where it is missing. After the block it is removed where it is empty, see
    `remove_parts`.

    Args:
        folder: The folder.
        storage: Where the parts of windows are kept in its place; held too.

    Raises:
        OutputError: Another job works in the folder, the folder holds something else, or it cannot
            be made.
    """
    path = folder / LOCK
    lock = filelock.FileLock(path)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_own(folder)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise _busy(folder) from error
    try:
        # the job before may have removed the file while this one waited for it
        if not path.exists():
            raise _busy(folder)
        with nullcontext() if storage is None else leased(storage):
            yield
    finally:
        _let_go(folder, lock)


def remove_parts(folder: Path, storage: Storage | None = None) -> None:
    """Delete everything in a folder of parts that is `held`, once its job is finished.

    Args:
        folder: The folder.
        storage: Where the parts of windows are kept in its place; emptied too.
    """
    if storage is not None:
        storage.clear()
    try:
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
    except OSError as error:
        raise OutputError(f"cannot delete {folder}: {error.strerror}") from error


def _busy(folder: Path) -> OutputError:
    """The error of a folder in which another job works."""
    return OutputError(f"another job works in {folder}: wait until it has ended")


def _check_own(folder: Path) -> None:
    """Raise `OutputError` where a folder holds anything else than parts."""
    # the folder is deleted in the end, so it must hold nothing of the user's
    if (folder / PLAN).exists():
        return
    for entry in folder.iterdir():
        if not entry.name.startswith("."):
            raise OutputError(
                f"{folder} is no folder of an unfinished job ({entry.name} lies in it): move it "
                f"away, or choose another output"
            )


def _let_go(folder: Path, lock: filelock.BaseFileLock) -> None:
    """Release the lock of a folder, and remove the folder where it is empty."""
    if any(entry.name != LOCK for entry in folder.iterdir()):
        lock.release()
        return
    try:
        # before the release: a job that waits for the lock must not find the file any more
        (folder / LOCK).unlink()
        lock.release()
    except OSError:  # Windows does not delete an open file
        lock.release()
        with suppress(OSError):
            (folder / LOCK).unlink()
    with suppress(OSError):
        folder.rmdir()


def check_unfinished(folder: Path, storage: Storage | None = None, *, resume: bool) -> None:
    """Raise `OutputError` where parts lie in a folder or a storage that are not to be used."""
    if resume:
        return
    found: Path | Storage | None = None
    if (folder / PLAN).exists():
        found = folder
    elif storage is not None and storage.read(PLAN) is not None:
        found = storage
    if found is not None:
        raise OutputError(
            f"an unfinished job lies in {found}: go on with it by --resume, or delete that folder"
        )
