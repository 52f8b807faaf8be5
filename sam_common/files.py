"""Checks before work starts, and outputs that are either whole or absent."""

from __future__ import annotations

import os
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def check_input(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` unless the path is a file or folder that can be read."""
    try:
        is_there = Path(path).exists()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if not is_there:
        raise InputError(f"no such file: {path}")
    if not os.access(path, os.R_OK):
        raise InputError(f"cannot read (permission denied): {path}")


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` where a file could not be written; call it before long work starts.

    Args:
        path: The file to be written.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        OutputError: The path is a folder, exists without `overwrite`, or its folder is missing
            or cannot be written to.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"output is a folder, not a file: {target}")
    if target.exists() and not overwrite:
        raise OutputError(f"output exists: {target} (give --overwrite to replace it)")
    if not target.parent.is_dir():
        raise OutputError(f"no such folder for the output: {target.parent} (make it first)")
    # permission bits do not tell about read-only mounts, quotas or root: only a try does
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to folder {target.parent}: {error.strerror}") from error


@contextmanager
def atomic_output(
    path: str | os.PathLike[str], *, verify: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Write to a temporary file beside `path`, which replaces it only when the block succeeds.

    The temporary name ends in the whole name of the target, because drivers go by suffix
    (`.nii.gz`); it does not exist yet when the block starts, because some drivers refuse to
    write over a file. Whatever ends the block early, the target is untouched and the temporary
    file is gone.

    Args:
        path: The file to be made or replaced.
        verify: Opens what was written and raises `OutputError` where it is not what was meant.
            It sees what lies on the disk: the file is flushed to it first, because a driver may
            keep the error of a full disk to itself.

    Yields:
        The path to write to, in the folder of `path`.

    Raises:
        OutputError: The block wrote nothing, `verify` refused it, or the target cannot be
            replaced.
    """
    target = Path(path)
    part = target.with_name(f".{uuid.uuid4().hex[:12]}.{target.name}")
    try:
        yield part
        if not part.is_file():
            raise OutputError(f"nothing was written for {target}")
        if verify is not None:
            _flush(part, target)
            verify(part)
        _replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _flush(part: Path, target: Path) -> None:
    try:
        with part.open("r+b") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error


def _replace(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot replace {target}: {error.strerror} (is it open in another program?)"
        ) from error
