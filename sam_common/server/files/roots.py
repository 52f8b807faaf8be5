"""Roots: the folders from which a server may open files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sam_common.errors import SuiteError


class RefusedPathError(SuiteError):
    """A path that the server may not open, whether it exists or not."""


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders from which files may be opened, with everything below them."""

    folders: tuple[Path, ...] = ()
    """Resolved paths; without any, no file may be opened by its path."""

    @classmethod
    def of(cls, folders: list[Path]) -> Roots:
        """Roots of folders, whose links and `..` are resolved.

        Raises:
            RefusedPathError: One of them is no folder.
        """
        for folder in folders:
            if not folder.is_dir():
                raise RefusedPathError(f"--root must be a folder that is there, got {folder}")
        return cls(tuple(folder.resolve() for folder in folders))

    def holds(self, path: Path) -> bool:
        """Whether a path, with its links resolved, lies in one of the folders."""
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError, ValueError):
            # a loop of links, or a name that the system cannot have
            return False
        return any(resolved.is_relative_to(folder) for folder in self.folders)

    def open(self, text: str) -> Path:
        """The resolved path that a client asks for.

        Raises:
            RefusedPathError: The path lies outside, is relative or does not exist; the message is
                the same.
        """
        path = Path(text)
        try:
            resolved = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise refused() from error
        if not path.is_absolute() or not self.holds(resolved):
            raise refused()
        return resolved


def refused() -> RefusedPathError:
    """The error for every path that may not be opened: it does not tell whether the path exists."""
    return RefusedPathError(
        "this path cannot be opened: it must be absolute, be there, and lie in a folder that the "
        "server was started with (--root DIR)"
    )
