"""PinnedFile: the name, size and sha256 of a published file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import IntegrityError
from sam_common.support.files import sha256_of

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

    def matches(self, path: Path) -> bool:
        """Whether a file has the published content."""
        return path.stat().st_size == self.size_bytes and sha256_of(path) == self.sha256

    def check(self, path: Path, *, called: str | None = None) -> None:
        """Raise `IntegrityError` unless a file has the published content.

        Args:
            path: The file.
            called: Name of the file in the message, where its path is a temporary one.

        Raises:
            IntegrityError: With the published and the found size and sha256.
        """
        if not self.matches(path):
            raise IntegrityError(
                f"{called or path} is not the published {self.name}: "
                f"expected {self.size_bytes:,} bytes with sha256 {self.sha256}, "
                f"got {path.stat().st_size:,} bytes with sha256 {sha256_of(path)}"
            )
