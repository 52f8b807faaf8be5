"""Pinned files and folders: names, sizes and sha256 of what was published."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sam_common.errors import IntegrityError
from sam_common.support.files import atomic_output, sha256_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A published file, whose content is known by size and sha256."""

    name: str
    """File name in the cache."""
    size_bytes: int
    """Size of the file."""
    sha256: str
    """sha256 of the file, 64 hexadecimal digits."""

    def __str__(self) -> str:
        return f"{self.name} ({self.size_bytes:,} bytes, sha256 {self.sha256})"

    @property
    def parts(self) -> tuple[PinnedFile, ...]:
        """The file itself, in the form of `PinnedFolder.parts`."""
        return (self,)

    def exists(self, path: Path) -> bool:
        """Whether there is a file, of whatever content."""
        return path.is_file()

    def matches(self, path: Path) -> bool:
        """Whether a path is a file that has the published content."""
        return (
            path.is_file()
            and path.stat().st_size == self.size_bytes
            and sha256_of(path) == self.sha256
        )

    def check(self, path: Path, *, called: str | None = None) -> None:
        """Raise `IntegrityError` unless a file has the published content.

        Args:
            path: The file.
            called: Name of the file in the message, where its path is a temporary one.

        Raises:
            IntegrityError: With the published and the found size and sha256.
        """
        if not self.matches(path):
            found = (
                "a folder"
                if path.is_dir()
                else f"{path.stat().st_size:,} bytes with sha256 {sha256_of(path)}"
            )
            raise IntegrityError(
                f"{called or path} is not the published {self.name}: "
                f"expected {self.size_bytes:,} bytes with sha256 {self.sha256}, got {found}"
            )

    def copy(self, source: Path, folder: Path) -> Path:
        """Copy a file into a folder under its published name, if it has the published content.

        Raises:
            IntegrityError: If the copy is not the published file; the folder keeps what it has.
        """
        with atomic_output(folder / self.name) as part:
            shutil.copyfile(source, part)
            self.check(part, called=str(source))
        return folder / self.name


@dataclass(frozen=True, slots=True)
class PinnedFolder:
    """A published folder, such as a DICOM series: all its files are needed, and each is pinned.

    Files of other names may lie in the folder and are not looked at.
    """

    name: str
    """Name of the folder in the cache."""
    files: tuple[PinnedFile, ...]
    """Files of the folder, sorted by their names."""

    def __str__(self) -> str:
        return f"{self.name} (a folder of {len(self.files)} files, {self.size_bytes:,} bytes)"

    @property
    def parts(self) -> tuple[PinnedFile, ...]:
        """The files, with names that begin with the name of the folder."""
        return tuple(replace(pinned, name=f"{self.name}/{pinned.name}") for pinned in self.files)

    @property
    def size_bytes(self) -> int:
        """Size of all files together."""
        return sum(pinned.size_bytes for pinned in self.files)

    @property
    def sha256(self) -> str:
        """sha256 of what `sha256sum *` prints in the folder, 64 hexadecimal digits."""
        lines = "".join(f"{pinned.sha256}  {pinned.name}\n" for pinned in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    def exists(self, path: Path) -> bool:
        """Whether there is a folder that has files of all names, of whatever content."""
        return all(pinned.exists(path / pinned.name) for pinned in self.files)

    def matches(self, path: Path) -> bool:
        """Whether a folder has all files with their published content."""
        return all(pinned.matches(path / pinned.name) for pinned in self.files)

    def check(self, path: Path, *, called: str | None = None) -> None:
        """Raise `IntegrityError` unless a folder has all files with their published content.

        Args:
            path: The folder.
            called: Name of the folder in the message, where its path is a temporary one.

        Raises:
            IntegrityError: That names the first file which is missing or has another content.
        """
        for pinned in self.files:
            shown = f"{called or path}/{pinned.name}"
            if not pinned.exists(path / pinned.name):
                raise IntegrityError(f"{shown} is missing: {self} is not whole")
            pinned.check(path / pinned.name, called=shown)

    def copy(self, source: Path, folder: Path) -> Path:
        """Copy the files of a folder into a folder of the published name, each one verified.

        Raises:
            IntegrityError: If a file is missing or is not the published one.
        """
        self.check(source)
        (folder / self.name).mkdir(exist_ok=True)
        for pinned in self.files:
            pinned.copy(source / pinned.name, folder / self.name)
        return folder / self.name


Pinned: TypeAlias = PinnedFile | PinnedFolder
"""A published file, or a published folder of files."""
