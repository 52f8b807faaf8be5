"""Zip input: DICOM in a zip or gz is unpacked into a private folder, which goes with its owner.

```
one case of a batch     goes when the case has ended             (`unpacking`)
session of a server     in its folder, which goes with it        (`unpacking` into that folder)
anything else           goes when the program ends
```
Names in an archive may name a patient, or lead out of the folder: members are written under
numbers instead, as plain files, links included. An archive that promises, or turns out, to be far
larger than itself is refused, and so is one for which there is no room beside those that are there.
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
from sam_med.dicom import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zipfile import ZipInfo

Key: TypeAlias = "tuple[str, int, int]"
"""Path, time and size of an archive."""
Kind: TypeAlias = Literal["zip", "gzip", "other", "empty", ""]

MAX_BYTES = 64 * 2**30
"""All archives of a program that are unpacked at a time may take this many bytes, each one …"""
MAX_RATIO = 200
"""… and to this many times its own size; DICOM seldom shrinks to less than a tenth."""
MAX_MEMBERS = 200_000
"""Of one archive …"""
MAX_FILES = 1_000_000
"""… and of all that are unpacked for one input."""
SMALL_BYTES = 64 * 2**20
"""Archives that unpack to less are harmless, whatever the ratio."""
CHUNK_BYTES = 2**20
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
OTHERS = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
"""First bytes of 7-zip, RAR, bzip2, xz and Zstandard."""
TAR, TAR_AT = b"ustar", 257
HEAD_BYTES = 512
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
"""What the readers of zip and gz raise where an archive is not in order."""


@dataclass(slots=True, eq=False)
class _Home:
    """Where archives are unpacked to, and which are."""

    folder: Path | None = None
    """In which their folders are made; that of temporary files where not given."""
    gates: dict[Key, threading.Lock] = field(default_factory=dict)
    unpacked: dict[Key, Path] = field(default_factory=dict)

    def clear(self) -> None:
        """Remove them."""
        while self.unpacked:
            shutil.rmtree(self.unpacked.popitem()[1], ignore_errors=True)


_lock = threading.Lock()
_program = _Home()
_home: ContextVar[_Home] = ContextVar("home", default=_program)
_taken: dict[Path, int] = {}
"""Bytes of each folder of an unpacked archive."""
atexit.register(_program.clear)


@contextmanager
def unpacking(folder: Path | None = None) -> Iterator[None]:
    """While the block runs, this thread's archives are unpacked for its own use.

    Args:
        folder: Into which they are unpacked, for as long as it is there. Without one, what was
            unpacked is removed when the block ends.
    """
    home = _Home(folder)
    token = _home.set(home)
    try:
        yield
    finally:
        _home.reset(token)
        if folder is None:
            home.clear()


@dataclass(slots=True)
class Budget:
    """What may still be unpacked for one input, archives in archives included."""

    left: int = MAX_BYTES
    """Bytes."""
    files: int = MAX_FILES

    def take(self, count: int, packed_bytes: int) -> None:
        """Raise `InputError` where an archive would unpack to suspiciously many bytes."""
        if count > self.left or count > max(SMALL_BYTES, MAX_RATIO * packed_bytes):
            raise InputError(
                f"the archive of {packed_bytes} bytes would unpack to {count} bytes, which is "
                "suspicious: unpack it yourself if you trust it"
            )
        self.left -= count


def kind_of(path: Path) -> Kind:
    """What a file is packed as, by its first bytes; "other" for what is not opened here.

    Raises:
        OSError: It cannot be read.
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
    """How many files a zip holds; 1 for any other file.

    Raises:
        InputError: Damaged.
        OSError: It cannot be read.
    """
    if kind_of(path) != "zip":
        return 1
    with _refusing(), zipfile.ZipFile(path) as archive:
        return sum(not info.is_dir() for info in archive.infolist())


def peek(path: Path, kind: Kind, wanted: Callable[[bytes], bool]) -> Kind:
    """The kind again where what is in an archive is worth unpacking; else "other" or "".

    Args:
        path: A zip or gz.
        kind: What `kind_of` said.
        wanted: Told the first bytes of a member, says whether to unpack.

    Raises:
        InputError: Damaged or encrypted.
        OSError: It cannot be read.
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
    """The folder of the members of a zip or gz, unpacked once for each state of the file.

    The folder can be read by its owner only, and goes with the program, or see `unpacking`.
    Threads that ask for the same archive wait for the first.

    Raises:
        InputError: Damaged, encrypted, suspiciously large when unpacked, or no room for it.
    """
    home, state = _home.get(), path.stat()
    key = (str(path.resolve()), state.st_mtime_ns, state.st_size)
    with _lock:
        gate = home.gates.setdefault(key, threading.Lock())
    with gate:
        known = home.unpacked.get(key)
        # somebody may have cleared the folder of temporary files
        if known is None or not known.is_dir():
            known = _unpack(path, state.st_size, budget or Budget(), home.folder)
            home.unpacked[key] = known
    return known


def _keep(folder: Path, count: int) -> None:
    """Count bytes that are to be written to a folder; what was removed counts no more.

    Raises:
        InputError: They are more than all archives together may take.
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


def _unpack(path: Path, packed_bytes: int, budget: Budget, home: Path | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="sam-med-", dir=home))
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
    """What is wrong with an archive, as an error of the suite."""
    try:
        yield
    except DAMAGED as error:
        raise InputError("the archive is damaged: have it copied again") from error
    except RuntimeError as error:
        raise InputError("the zip archive is encrypted: unpack it first") from error


def _extract(path: Path, folder: Path, packed_bytes: int, budget: Budget) -> None:
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
    with gzip.open(path) as source, target.open("wb") as out:
        # how much it holds is known at its end only
        room = min(budget.left, max(SMALL_BYTES, MAX_RATIO * packed_bytes))
        while chunk := source.read(CHUNK_BYTES):
            room -= len(chunk)
            reading.wait()
            if room < 0:
                budget.take(budget.left + 1, packed_bytes)
            _keep(target.parent, len(chunk))
            out.write(chunk)
        budget.take(out.tell(), packed_bytes)


def _write(archive: zipfile.ZipFile, info: ZipInfo, target: Path) -> None:
    """Write one member, but never more bytes than its entry promises."""
    written = 0
    with archive.open(info) as source, target.open("wb") as out:
        while chunk := source.read(CHUNK_BYTES):
            reading.wait()
            written += len(chunk)
            if written > info.file_size:
                raise InputError("a member of the zip archive is larger than it says: refused")
            out.write(chunk)
