"""Tree: all files under a folder, linked ones included, and a count of what cannot be read.

```
scan/0001.dcm                    a file
scan/0002.dcm -> ../store/9f.dcm a link: read, unless its file lies in the tree anyway
scan/0003.dcm -> (nothing)       a broken link: counted
scan/more     -> ../elsewhere    a linked folder: entered once, however often it is linked
scan/secret                      may not be entered: counted
```
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from os import DirEntry, scandir
from pathlib import Path
from typing import TypeAlias

BROKEN, CLOSED = "broken-links", "closed-folders"
"""Keys of `Tree.left_out`, which are codes of `sam_med.geometry.diagnostic_codes`."""

DICOMDIR = "DICOMDIR"
"""Name of a file that lists images and stands for the folder in which it lies."""
HISTORY = ".git"
"""Folder of git, git-annex or DataLad, not entered: links outside it show the current files."""

Identity: TypeAlias = "tuple[int, int]"
"""Device and inode number of a file or folder."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The files under a folder."""

    files: tuple[Path, ...]
    """All files, sorted by path."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Number of broken links and of folders without permission, by diagnostic code."""


def walk(folder: Path) -> Tree:
    """Find every file under a folder.

    A file or folder with several paths is listed once, by a path without links where there is one.
    """
    found = _Found()
    found.enter(folder)
    while found.linked:
        found.enter(found.linked.pop(0))
    files = list(found.files)
    known = {identity for _, identity in files}
    for path in sorted(found.links):
        identity = _identity(path)
        if identity is not None and identity not in known:
            known.add(identity)
            files.append((path, identity))
    return Tree(tuple(sorted(path for path, _ in files)), found.left_out)


class _Found:
    """The files, links and folders that a walk has found so far."""

    def __init__(self) -> None:
        self.files: list[tuple[Path, Identity]] = []
        self.links: list[Path] = []
        """Links to files."""
        self.linked: list[Path] = []
        """Linked folders, which are entered after all real ones."""
        self.left_out: Counter[str] = Counter()
        self._entered: set[Identity] = set()

    def enter(self, folder: Path) -> None:
        """Collect all files under a folder; linked folders are kept for later."""
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            identity = _identity(here)
            if identity in self._entered:
                continue
            listed: list[DirEntry[str]] = []
            try:
                with scandir(here) as entries:
                    listed += entries
            except OSError:
                identity = None
            if identity is None:
                self.left_out[CLOSED] += 1
                continue
            self._entered.add(identity)
            for entry in listed:
                self._take(entry, waiting, identity[0])

    def _take(self, entry: DirEntry[str], waiting: list[Path], device: int) -> None:
        """Collect an entry of a folder; folders are appended to `waiting`."""
        path = Path(entry.path)
        try:
            if entry.is_symlink():
                self._take_link(path)
            elif entry.is_dir():
                if entry.name != HISTORY:
                    waiting.append(path)
            elif entry.is_file():
                self.files.append((path, (device, entry.inode())))
        except OSError:
            self.left_out[BROKEN] += 1

    def _take_link(self, path: Path) -> None:
        """Collect a link by what it leads to."""
        if path.is_dir():
            self.linked.append(path)
        elif path.is_file():
            self.links.append(path)
        elif not path.exists():
            self.left_out[BROKEN] += 1


def _identity(path: Path) -> Identity | None:
    """The identity of what a path leads to; None where it leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
