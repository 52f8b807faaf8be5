"""Held files: a server opens a file, checks the open file, and reads it under a private name.

A path may lead to another file a moment after it was checked. Here the open file is checked, and
libraries read that open file, whatever its path leads to by then:

```
/data/scan.nii -> open, descriptor 7 -> where is 7? in a root -> private/volume.nii -> descriptor 7
```
Where a system has no names for descriptors (no /proc), the private name is a link to the resolved
path. A folder is held as a whole; its entries are compared before and after they are read, see
`Held.check`.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sam_common.server.files.roots import RefusedPathError, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # else opening a named pipe would wait until somebody writes to it
    | getattr(os, "O_NONBLOCK", 0)
)
DESCRIPTORS = Path("/proc/self/fd")
"""Folder in which Linux names the open files of this process by their descriptors."""
COPIED_BYTES = 1 << 20
"""Most bytes of a file that is copied: a text file beside a source is smaller."""
MOST_HELD = 256
"""Most files of one source: each takes a descriptor of the process."""

Identity: TypeAlias = "tuple[int, int, int]"
"""Device, inode and time of the last change of a file or folder, in ns."""


class Held:
    """The files of one source, held open until `release` or `close`.

    Args:
        folder: Existing private folder, in which the private names of the files are made.
        is_allowed: Whether a path, as it resolves now, may be read.
    """

    def __init__(self, folder: Path, is_allowed: Callable[[Path], bool]) -> None:
        self.folder = folder
        self._is_allowed = is_allowed
        self._lock = threading.Lock()
        self._open: list[int] = []
        self._folders: dict[Path, dict[Path, Identity]] = {}

    def link(self, path: Path, name: str) -> Path:
        """Open a file or a folder, and give the private path under which that is read.

        Args:
            path: Path of the file or folder that a client asked for.
            name: Name of the private path in `folder`.

        Raises:
            RefusedPathError: The path does not exist, may not be read, is neither a file nor a
                folder, has a link in it that leads to what may not be read, or the source has more
                than `MOST_HELD` files.
        """
        descriptor = self._opened(path)
        with self._lock:
            self._open.append(descriptor)
            crowded = len(self._open) > MOST_HELD
        if crowded:
            raise RefusedPathError(
                f"the source has more than {MOST_HELD} files beside each other: join them into "
                "one file, or send the pixels"
            )
        place = self._linked(descriptor, path, self.folder / name)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            self._folders[place] = self._entries(place)
        return place

    def copy(self, path: Path, name: str) -> Path:
        """Copy a small file to a private path, checked as by `link`.

        Raises:
            RefusedPathError: The file may not be read, see `link`, or is larger than 1 MiB.
        """
        place = self.folder / name
        with os.fdopen(self._opened(path), "rb") as file:
            content = file.read(COPIED_BYTES + 1)
        if len(content) > COPIED_BYTES:
            raise refused()
        place.write_bytes(content)
        return place

    def count(self, place: Path) -> int:
        """Number of files and folders in a held folder; 1 for a held file."""
        return len(self._folders.get(place, (place,)))

    def check(self) -> None:
        """Compare the entries of the held folders with those at the time of `link`.

        To be called after the folders were read: a link that was exchanged for a moment has changed
        the time of its folder.

        Raises:
            RefusedPathError: An entry was changed, added or removed.
        """
        for place, known in self._folders.items():
            if self._entries(place) != known:
                raise RefusedPathError("the folder was changed while it was read: open it again")

    def close(self) -> None:
        """Close the files, and remove the private folder."""
        # names first: the number of a closed descriptor is soon that of another file
        shutil.rmtree(self.folder, ignore_errors=True)
        self._close()

    def release(self) -> None:
        """Close the files and remove their private names, once everything has been read."""
        for place in self.folder.iterdir():
            if place.is_symlink():
                place.unlink()
        self._close()

    def _close(self) -> None:
        """Close all descriptors."""
        self._folders.clear()
        with self._lock:
            descriptors, self._open = self._open, []
        for descriptor in descriptors:
            os.close(descriptor)

    def _linked(self, descriptor: int, path: Path, place: Path) -> Path:
        """A private path that leads to an open file; a copy where links are not allowed."""
        target = DESCRIPTORS / str(descriptor)
        try:
            place.symlink_to(target if target.exists() else path.resolve())
        except FileExistsError as error:
            raise refused() from error
        except OSError:
            # on Windows, making links needs a privilege
            if not path.is_file():
                return path.resolve()
            shutil.copyfile(path, place)
        return place

    def _opened(self, path: Path) -> int:
        """Descriptor of a file or folder that was opened and then checked."""
        try:
            descriptor = os.open(path, FLAGS)
        except (OSError, ValueError) as error:
            raise refused() from error
        mode = os.fstat(descriptor).st_mode
        is_known = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        if not is_known or not self._is_allowed(_place_of(descriptor, path)):
            os.close(descriptor)
            raise refused()
        return descriptor

    def _entries(self, folder: Path) -> dict[Path, Identity]:
        """All entries below a folder and its linked folders; raises where a link leads out."""
        found = {folder: _identity(folder.stat())}
        for entry in _walk(folder):
            if entry.is_symlink() and not self._is_allowed(entry):
                raise refused()
            found[entry] = _identity(entry.lstat())
        return found


def _place_of(descriptor: int, path: Path) -> Path:
    """The path of an open file as the system knows it, else as its path resolves now."""
    try:
        return Path(os.readlink(DESCRIPTORS / str(descriptor)))  # noqa: PTH115  # no Path.readlink on its text
    except OSError:
        return path.resolve()


def _identity(status: os.stat_result) -> Identity:
    """What changes when a file or folder is replaced or changed."""
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _walk(folder: Path) -> Iterator[Path]:
    """All files and folders below a folder; a folder that is linked twice is entered once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        status = Path(place).stat()
        key = (status.st_dev, status.st_ino)
        if key in seen:
            folders.clear()
            continue
        seen.add(key)
        yield from (Path(place) / name for name in sorted([*folders, *files]))
