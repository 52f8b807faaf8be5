"""Zip input: a zip or gz with DICOM is unpacked into a temporary folder.

```
unpacked for            folder is removed
one case of a batch     when the case has ended        (`unpacking`)
a session of a server   with the session's folder      (`unpacking` into that folder)
anything else           when the program ends
```
Names in an archive may identify a patient, or lead out of the folder: members are written under
numbers instead, links as plain files. An archive is refused where it unpacks to suspiciously many
bytes, or where all unpacked archives together would take more than `MAX_BYTES`.
"""

from __future__ import annotations

import atexit
import gzip
import lzma
import shutil
import struct
import tempfile
import threading
import zipfile
import zlib
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sam_common.errors import InputError
from sam_med.dicom import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zipfile import ZipInfo

Key: TypeAlias = "tuple[str, int, int]"
"""Path, modification time in ns and size of an archive."""
Kind: TypeAlias = Literal["zip", "gzip", "other", "empty", ""]
"""Kind of a file: an archive that is opened, one that is not, an empty file, or no archive."""

MAX_BYTES = 64 * 2**30
"""Largest size in bytes of all archives that a program has unpacked at a time."""
MAX_RATIO = 200
"""Largest ratio of unpacked to packed size; DICOM seldom shrinks to less than a tenth."""
MAX_MEMBERS = 200_000
"""Largest number of files in one archive."""
MAX_FILES = 1_000_000
"""Largest number of files in all archives of one input."""
SMALL_BYTES = 64 * 2**20
"""Unpacked size up to which the ratio does not matter."""
CHUNK_BYTES = 2**20
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
OTHERS = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
"""First bytes of 7-zip, RAR, bzip2, xz and Zstandard files."""
TAR, TAR_AT = b"ustar", 257
HEAD_BYTES = 512
"""Number of bytes at the start of a file by which its kind is told."""
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
    struct.error,
    gzip.BadGzipFile,
)
"""Exceptions of the readers of zip and gz on damaged archives."""


@dataclass(slots=True, eq=False)
class _Scope:
    """The archives that were unpacked for one purpose, and the folder that holds them."""

    folder: Path | None = None
    """The folder in which archives are unpacked; that of temporary files where None."""
    gates: dict[Key, threading.Lock] = field(default_factory=dict)
    """A lock for each archive, so that it is unpacked once."""
    unpacked: dict[Key, Path] = field(default_factory=dict)
    """The folder of each unpacked archive."""

    def clear(self) -> None:
        """Remove the folders of all unpacked archives."""
        while self.unpacked:
            shutil.rmtree(self.unpacked.popitem()[1], ignore_errors=True)


_lock = threading.Lock()
_program = _Scope()
_scope: ContextVar[_Scope] = ContextVar("scope", default=_program)
_taken: dict[Path, int] = {}
"""Unpacked bytes by folder, of all scopes."""
atexit.register(_program.clear)


@contextmanager
def unpacking(folder: Path | None = None) -> Iterator[None]:
    """Unpack the archives that this thread reads in the block separately from all others.

    Args:
        folder: Where to unpack; the caller removes it. Without one, archives are unpacked among
            temporary files and removed when the block ends.
    """
    scope = _Scope(folder)
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
        if folder is None:
            scope.clear()


@dataclass(slots=True)
class Budget:
    """What may still be unpacked for one input, archives inside archives included."""

    left: int = MAX_BYTES
    """Number of bytes."""
    files: int = MAX_FILES
    """Number of files."""

    def take(self, count: int, packed_bytes: int) -> None:
        """Subtract unpacked bytes; raise `InputError` where they are suspiciously many."""
        if count > self.left or count > max(SMALL_BYTES, MAX_RATIO * packed_bytes):
            raise InputError(
                f"the archive of {packed_bytes} bytes would unpack to {count} bytes, which is "
                "suspicious: unpack it yourself if you trust it"
            )
        self.left -= count


def kind_of(path: Path) -> Kind:
    """The kind of a file by its first bytes.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return _kind_of_head(file.read(HEAD_BYTES))


def _kind_of_head(head: bytes) -> Kind:
    if not head:
        return "empty"
    if head.startswith(ZIP):
        return "zip"
    if head.startswith(GZIP):
        return "gzip"
    return "other" if head.startswith(OTHERS) or head[TAR_AT:].startswith(TAR) else ""


def count_in(path: Path) -> int:
    """The number of files in a zip; 1 for any other file.

    Raises:
        InputError: The zip is damaged.
        OSError: The file cannot be read.
    """
    if kind_of(path) != "zip":
        return 1
    with _refusing(), zipfile.ZipFile(path) as archive:
        return sum(not info.is_dir() for info in archive.infolist())


def peek(path: Path, kind: Kind, wanted: Callable[[bytes], bool]) -> Kind:
    """The kind of an archive if it is worth unpacking; else "other" or "".

    Args:
        path: A zip or gz.
        kind: The kind that `kind_of` returned.
        wanted: Tells by the first bytes of a member whether the archive is worth unpacking, as
            archives inside archives always are.

    Raises:
        InputError: The archive is damaged or encrypted.
        OSError: The file cannot be read.
    """
    with _refusing():
        if kind == "gzip":
            with gzip.open(path) as file:
                head = file.read(HEAD_BYTES)
            inside = _kind_of_head(head)
            return kind if wanted(head) or inside == "zip" else "other" if inside == "other" else ""
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as member:
                    head = member.read(HEAD_BYTES)
                if wanted(head) or _kind_of_head(head) in {"zip", "gzip"}:
                    return kind
    return ""


def unpack(path: Path, budget: Budget | None = None) -> Path:
    """Unpack a zip or gz, unless it is unpacked already and has not changed since.

    Threads that ask for the same archive wait for the first.

    Args:
        path: The archive.
        budget: What may still be unpacked for the input; `MAX_BYTES` and `MAX_FILES` if not given.

    Returns:
        A folder that only its owner can read; see `unpacking` for when it is removed.

    Raises:
        InputError: The archive is damaged, encrypted, suspiciously large when unpacked, or there is
            no room for it.
    """
    scope, state = _scope.get(), path.stat()
    key = (str(path.resolve()), state.st_mtime_ns, state.st_size)
    with _lock:
        gate = scope.gates.setdefault(key, threading.Lock())
    with gate:
        known = scope.unpacked.get(key)
        # temporary files may have been deleted meanwhile
        if known is None or not known.is_dir():
            known = _unpack(path, state.st_size, budget or Budget(), scope.folder)
            scope.unpacked[key] = known
    return known


def _keep(folder: Path, count: int) -> None:
    """Count bytes that are about to be written to a folder; removed folders count no more.

    Raises:
        InputError: All archives together would take more than `MAX_BYTES`.
    """
    with _lock:
        for gone in [other for other in _taken if not other.is_dir()]:
            del _taken[gone]
        there = sum(_taken.values())
        if there + count > MAX_BYTES:
            raise InputError(
                f"no room for {count} bytes of an archive beside the {there} that are unpacked, of "
                f"{MAX_BYTES}: close what is open, or unpack it yourself"
            )
        _taken[folder] = _taken.get(folder, 0) + count


def _unpack(path: Path, packed_bytes: int, budget: Budget, scope: Path | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="sam-med-", dir=scope))
    done = False
    try:
        with _refusing():
            if kind_of(path) == "gzip":
                _inflate(path, folder / "000001", packed_bytes, budget)
            else:
                _extract(path, folder, packed_bytes, budget)
        done = True
    except OSError as error:
        room = shutil.disk_usage(folder).free
        raise InputError(
            f"the archive cannot be unpacked: {error.strerror or 'it cannot be read'} ({room} "
            "bytes are free in the folder of temporary files; TMPDIR names another)"
        ) from error
    finally:
        if not done:
            shutil.rmtree(folder, ignore_errors=True)
    return folder


@contextmanager
def _refusing() -> Iterator[None]:
    """While the block runs, exceptions on damaged or encrypted archives become `InputError`."""
    try:
        yield
    except DAMAGED as error:
        raise InputError("the archive is damaged: have it copied again") from error
    except RuntimeError as error:
        raise InputError("the zip archive is encrypted: unpack it first") from error


def _extract(path: Path, folder: Path, packed_bytes: int, budget: Budget) -> None:
    """Unpack a zip into numbered files."""
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        most = min(MAX_MEMBERS, budget.files)
        if len(members) > most:
            raise InputError(f"the zip archive has {len(members)} members, more than {most}")
        budget.files -= len(members)
        size = sum(info.file_size for info in members)
        budget.take(size, packed_bytes)
        _keep(folder, size)
        for number, info in enumerate(members, start=1):
            _write(archive, info, folder / f"{number:06d}")


def _inflate(path: Path, target: Path, packed_bytes: int, budget: Budget) -> None:
    """Unpack a gz into one file."""
    with gzip.open(path) as source, target.open("wb") as out:
        # a gz states its unpacked size only at its end
        room = min(budget.left, max(SMALL_BYTES, MAX_RATIO * packed_bytes))
        while chunk := source.read(CHUNK_BYTES):
            room -= len(chunk)
            progress.may_stop()
            if room < 0:
                budget.take(budget.left + 1, packed_bytes)
            _keep(target.parent, len(chunk))
            out.write(chunk)
        budget.take(out.tell(), packed_bytes)


def _write(archive: zipfile.ZipFile, info: ZipInfo, target: Path) -> None:
    """Write one member; raise `InputError` where it has more bytes than its entry states."""
    written = 0
    with archive.open(info) as source, target.open("wb") as out:
        while chunk := source.read(CHUNK_BYTES):
            progress.may_stop()
            written += len(chunk)
            if written > info.file_size:
                raise InputError("a member of the zip archive is larger than it says: refused")
            out.write(chunk)
