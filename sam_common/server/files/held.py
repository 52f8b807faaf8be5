"""Held: files that a server has opened and checked, read under names of its own.

A path may lead elsewhere a moment after it was checked. What is checked here is the file that is
open, and what is read is that open file, whatever its path leads to by then:

```
/data/scan.nii -> open, descriptor 7 -> where is 7? in a root -> private/volume.nii -> descriptor 7
```
Where a system has no names for descriptors (no /proc), the private name is a link to the path as
it was resolved. A folder is held as a whole; the entries in it are compared before and after they
are read, see `Held.check`.
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
    # a named pipe that nobody writes to would be waited for
    | getattr(os, "O_NONBLOCK", 0)
)
DESCRIPTORS = Path("/proc/self/fd")
COPIED_BYTES = 1 << 20
"""Files of text beside a source are copied; larger ones are none."""
MOST_HELD = 256
"""Files of one source: each takes a descriptor of the process."""

Identity: TypeAlias = "tuple[int, int, int]"


class Held:
    """The files of one source.

    Args:
        folder: Private and there; the names of the files are made in it.
        is_allowed: Whether a path, as it resolves now, may be read.
    """

    def __init__(self, folder: Path, is_allowed: Callable[[Path], bool]) -> None:
        self.folder = folder
        self._is_allowed = is_allowed
        self._lock = threading.Lock()
        self._open: list[int] = []
        self._folders: dict[Path, dict[Path, Identity]] = {}

    def link(self, path: Path, name: str) -> Path:
        """Open a file or a folder, and give the path under which that, and nothing else, is read.

        Args:
            path: What is asked for.
            name: Of the private path.

        Raises:
            RefusedPathError: It is not there, may not be read, is neither a file nor a folder, or
                a link in the folder leads out of where it may be read.
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
        """As `link`, for a small file of which a copy is made.

        Raises:
            RefusedPathError: As there, or it is larger than 1 MiB.
        """
        place = self.folder / name
        with os.fdopen(self._opened(path), "rb") as file:
            content = file.read(COPIED_BYTES + 1)
        if len(content) > COPIED_BYTES:
            raise refused()
        place.write_bytes(content)
        return place

    def count(self, place: Path) -> int:
        """How many files and folders lie in a held folder; 1 for a held file."""
        return len(self._folders.get(place, (place,)))

    def check(self) -> None:
        """Compare the held folders with what they were when they were linked.

        To be called after they were read: a link that led elsewhere for a moment, and back, has
        left its trace in the time of its folder.

        Raises:
            RefusedPathError: Something in them was changed.
        """
        for place, known in self._folders.items():
            if self._entries(place) != known:
                raise RefusedPathError("the folder was changed while it was read: open it again")

    def close(self) -> None:
        """Let go of the files, and remove the folder."""
        # the names first: a number that is free is soon that of another file
        shutil.rmtree(self.folder, ignore_errors=True)
        self._folders.clear()
        self._close()

    def release(self) -> None:
        """Let go of what was read and is not needed any more; private names lead nowhere then."""
        for place in self.folder.iterdir():
            if place.is_symlink():
                place.unlink()
        self._folders.clear()
        self._close()

    def _close(self) -> None:
        with self._lock:
            descriptors, self._open = self._open, []
        for descriptor in descriptors:
            os.close(descriptor)

    def _linked(self, descriptor: int, path: Path, place: Path) -> Path:
        target = DESCRIPTORS / str(descriptor)
        try:
            place.symlink_to(target if target.exists() else path.resolve())
        except FileExistsError as error:
            raise refused() from error
        except OSError:
            # a system on which links are not for everyone
            if not path.is_file():
                return path.resolve()
            shutil.copyfile(path, place)
        return place

    def _opened(self, path: Path) -> int:
        """The descriptor of a file or folder that may be read."""
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
        """Everything in a folder, linked folders included; raises where a link leads out."""
        found = {folder: _identity(folder.stat())}
        for entry in _walk(folder):
            if entry.is_symlink() and not self._is_allowed(entry):
                raise refused()
            found[entry] = _identity(entry.lstat())
        return found


def _place_of(descriptor: int, path: Path) -> Path:
    """Where an open file lies: as the system knows it, else as its path resolves now."""
    try:
        return Path(os.readlink(DESCRIPTORS / str(descriptor)))  # noqa: PTH115  # no Path.readlink on its text
    except OSError:
        return path.resolve()


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _walk(folder: Path) -> Iterator[Path]:
    """All that lies in a folder, each real folder once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        status = Path(place).stat()
        key = (status.st_dev, status.st_ino)
        if key in seen:
            folders.clear()
            continue
        seen.add(key)
        yield from (Path(place) / name for name in sorted([*folders, *files]))
