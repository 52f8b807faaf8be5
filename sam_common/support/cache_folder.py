"""The cache folder: where everything lies that can be fetched or computed again.

```
cache_dir()/weights, samples           published files, see `sam_common.published.cache`
cache_dir()/tuned                      tuned models that have a name
cache_dir()/openvino, decode-batch, precision    what engines convert and measure
cache_dir()/leases                     locks by which jobs of a machine take turns
cache_dir()/med-embeddings             embeddings of volumes, for the user alone
```
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from sam_common.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE_VARIABLE = "SAM_GEOMED_CACHE"
"""Environment variable that names the cache folder."""
PRIVATE_MODE = 0o700
OTHERS = 0o077
"""Rights of the group and of everybody else."""


def cache_dir() -> Path:
    """The cache folder: $SAM_GEOMED_CACHE, or the usual one of this system; it is not made here.

    Raises:
        OutputError: If the user has no home folder, as in a container with a number for a user.
    """
    if folder := os.environ.get(CACHE_VARIABLE):
        return Path(folder)
    try:
        found = platformdirs.user_cache_path("sam-geomed")
    except (RuntimeError, KeyError) as error:
        raise _homeless() from error
    if not found.is_absolute():  # a "~" that could not be expanded
        raise _homeless()
    return found


def _homeless() -> OutputError:
    return OutputError(
        f"there is no home folder (HOME) for the cache: set {CACHE_VARIABLE} to a folder that can "
        f"be written to"
    )


def private_folder(folder: Path) -> Path:
    """Make a folder that nobody but the user may enter, and return it.

    An existing folder loses the rights that it gives to others.

    Raises:
        OutputError: If the folder cannot be made, or belongs to another user.
    """
    try:
        folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
        if folder.stat().st_mode & OTHERS:
            folder.chmod(PRIVATE_MODE)
    except OSError as error:
        raise OutputError(f"cannot make {folder}: {error.strerror}") from error
    return folder


def used_folder(folder: Path) -> Path:
    """Make a folder of the cache where it is missing, mark it as used now, and return it.

    An existing folder may be read-only: the files in it can still be used.

    Raises:
        OutputError: If the folder cannot be made.
    """
    with writing_cache(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        os.utime(folder)
    return folder


def forget_unused(folder: Path, seconds: float) -> None:
    """Remove the entries of a cache folder that were not used for long, each whole or not at all.

    Args:
        folder: Folder of the cache, whose files and folders are its entries.
        seconds: Age from which an entry is removed, since it was last written to or marked by
            `used_folder`.
    """
    oldest = time.time() - seconds
    for entry in folder.iterdir():
        # another process may be at it as well; and what is open stays where it is on Windows
        with suppress(OSError):
            if entry.stat().st_mtime >= oldest:
                continue
            gone = entry.rename(folder / f".{entry.name}.gone")
            if gone.is_dir():
                shutil.rmtree(gone)
            else:
                gone.unlink()


@contextmanager
def writing_cache(folder: Path) -> Iterator[None]:
    """Turn errors of the system into an `OutputError` that names the folder and the variable."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write to the cache {folder}: {error.strerror} "
            f"(set {CACHE_VARIABLE} to a folder that can be written to)"
        ) from error
