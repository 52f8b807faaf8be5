"""Checks before work starts, and outputs that are either whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
import unicodedata
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import DiskError, InputError, OutputError, SuiteError
from sam_common.support.addresses import is_address, public_name

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""After these the next write fails as well."""
DISK_WORDS = (*(os.strerror(code).lower() for code in sorted(DISK_ERRORS)), "disk is full")
"""How libraries that have no error number say the same."""
FULL_BYTES = 2 * 2**20
"""With less room an error counts as one of a full disk: a library that took back what did not fit
any more, as SQLite does, has made a little room again."""
BLOCK_BYTES = 1 << 20
"""Bytes of a file that are read at once to be hashed."""
NAME_TAIL = 40
"""Characters of the target's name in the name of a temporary file: suffixes, never too many."""


def check_no_address(path: str | os.PathLike[str], error: type[SuiteError] = OutputError) -> None:
    """Raise an error, without what may be secret, where a path is an address on a server.

    Args:
        path: What must lie on a disk.
        error: `InputError` for what is read.
    """
    if is_address(path):
        advice = "download it first" if error is InputError else "write to a file on a disk"
        raise error(f"{public_name(path)} is an address on a server, not a file: {advice}")


def check_input(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` unless the path is a file or folder on a disk that can be read."""
    check_no_address(path, InputError)
    try:
        there = Path(path).exists()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read {path}: {reason}") from error
    if not there:
        raise InputError(f"no such file: {path}")
    if not os.access(path, os.R_OK):
        raise InputError(f"cannot read (permission denied): {path}")


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` where a file could not be written; call it before long work starts.

    Args:
        path: The file to be written.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        OutputError: The name is impossible or an address, the path is a folder or a device, exists
            without `overwrite`, or its folder is missing or cannot be written to.
    """
    target = Path(path)
    check_no_address(target)
    mode = _mode(target)
    if target.is_dir():
        raise OutputError(f"output is a folder, not a file: {target}")
    if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OutputError(f"output is a device, not a file: {target}")
    if mode is not None and not overwrite:
        raise OutputError(f"output exists: {target} (give --overwrite to replace it)")
    folder = written_file(target).parent
    if not folder.is_dir():
        raise OutputError(f"no such folder for the output: {folder} (make it first)")
    # permission bits do not tell about read-only mounts, quotas or root: only a try does
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to folder {folder}: {error.strerror}") from error


def _mode(target: Path) -> int | None:
    """Kind of a file, None where there is none; a link counts though it leads nowhere."""
    try:
        # libraries that write files take names as UTF-8
        str(target).encode()
        return target.lstat().st_mode
    except UnicodeEncodeError as error:
        shown = os.fsencode(target).decode(errors="backslashreplace")
        raise OutputError(f"the name of an output must be UTF-8: {shown}") from error
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise output_error(target, error) from error


def written_file(path: str | os.PathLike[str]) -> Path:
    """The file that changes where somebody writes to a path: what a link leads to, there or not."""
    target = Path(path)
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def same_file(one: str | os.PathLike[str], two: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file, through whatever links; they need not exist.

    Names in one folder that differ in letter case, or in how an accent is composed, count as one:
    on many disks they are.
    """
    return not _keys(one).isdisjoint(_keys(two))


def check_apart(
    outputs: Iterable[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Raise `OutputError` where two outputs are one file or an output is an input (`same_file`).

    Permission to overwrite does not matter: nobody wants to lose what a job reads.

    Args:
        outputs: Every file that will be written, members and side files included.
        inputs: Every file that is read.
    """
    read = {key: given for given in inputs for key in _keys(given)}
    written: dict[Hashable, str | os.PathLike[str]] = {}
    for output in outputs:
        keys = _keys(output)
        for key in keys & read.keys():
            other = "" if str(output) == str(read[key]) else f" ({read[key]})"
            raise OutputError(f"output is an input of the job: {output}{other}: choose another")
        for key in keys & written.keys():
            raise OutputError(f"two outputs are one file: {written[key]} and {output}")
        written |= dict.fromkeys(keys, output)


def _keys(path: str | os.PathLike[str]) -> set[Hashable]:
    """What a file is known by: itself, and its name in its folder."""
    real = Path(os.path.realpath(path))
    name = unicodedata.normalize("NFC", real.name).casefold()
    return {_identity(real), (_identity(real.parent), name)}


def _identity(path: Path) -> Hashable:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return str(path)
    return found.st_dev, found.st_ino  # hard links share it


def output_error(path: str | os.PathLike[str], error: BaseException) -> OutputError:
    """The error to raise where writing `path` ended with another one, of the system or a library.

    Returns:
        A `DiskError` where the other error, or one that it came from, says that the disk is full
        or read-only, or where there is no room left; it names the folder.
    """
    known: BaseException | None = error
    while known is not None:
        code = known.errno if isinstance(known, OSError) else None
        text = " ".join(str(known).split())
        if code in DISK_ERRORS or any(words in text.lower() for words in DISK_WORDS):
            return _disk_error(path, os.strerror(code) if code in DISK_ERRORS else text)
        known = known.__cause__ or known.__context__
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    reason = " ".join(reason.split())
    if _is_full(path):
        return _disk_error(path, f"the disk is full, or nearly so ({reason})")
    return OutputError(f"cannot write {path}: {reason}")


def _is_full(path: str | os.PathLike[str]) -> bool:
    """Whether the disk has no room, which some libraries do not say."""
    try:
        return shutil.disk_usage(Path(path).absolute().parent).free < FULL_BYTES
    except OSError:
        return False


def _disk_error(path: str | os.PathLike[str], reason: str) -> DiskError:
    folder = Path(path).absolute().parent
    read_only = os.strerror(errno.EROFS).lower() in reason.lower()
    advice = "choose another folder than" if read_only else "make room on the disk of"
    return DiskError(f"cannot write {path}: {reason} ({advice} {folder})")


@contextmanager
def writing(path: str | os.PathLike[str], *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of the system, and of the kinds that are given, into `output_error` of `path`."""
    caught: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except caught as error:
        raise output_error(path, error) from error


@contextmanager
def atomic_output(
    path: str | os.PathLike[str], *, verify: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Write to a temporary file beside `path`, which replaces it only when the block succeeds.

    Where `path` is a link, the file that it leads to is replaced, and the link stays.

    The temporary name ends as the name of the target does, because drivers go by suffix
    (`.nii.gz`); it does not exist yet when the block starts, because some drivers refuse to
    write over a file. Whatever ends the block early, the target is untouched and the temporary
    file is gone.

    Args:
        path: The file to be made or replaced.
        verify: Opens what was written and raises `OutputError` where it is not what was meant.
            It sees what lies on the disk: the file is flushed to it first, because a driver may
            keep the error of a full disk to itself.

    Yields:
        The path to write to, in the folder of that file.

    Raises:
        DiskError: The disk is full or read-only, as far as the block or `verify` could tell.
        OutputError: The block wrote nothing, `verify` refused it, or the target cannot be
            replaced.
    """
    target = written_file(path)
    part = target.with_name(temporary_name(target.name))
    try:
        with telling_full_disks(target):
            yield part
            if not part.is_file():
                raise OutputError(f"nothing was written for {target}")
            if verify is not None:
                with writing(target):
                    flush(part)
                verify(part)
        _replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """A name that no other file has, which ends as `name` does and is never too long."""
    # libraries that go by addresses take ! and ; for more than letters
    return f".{uuid.uuid4().hex[:12]}.{re.sub(r'[^a-zA-Z0-9_.-]', '_', name[-NAME_TAIL:])}"


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all, and read it again before it takes its name.

    Raises:
        OutputError: The file cannot be written, or what lies on the disk is not what was written.
    """

    def verify(part: Path) -> None:
        if part.read_bytes() != content:
            raise OutputError(f"cannot write {path}: other bytes were read back from the disk")

    with writing(path), atomic_output(path, verify=verify) as part:
        part.write_bytes(content)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The sha256 of a file as 64 hexadecimal digits; memory does not grow with the file."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def flush(path: Path) -> None:
    """Have what was written to a file put on the disk, which then says whether it fits."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@contextmanager
def telling_full_disks(target: Path) -> Iterator[None]:
    """Errors of a full disk as `DiskError`, while what was written still fills it."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        if isinstance(found := output_error(target, error), DiskError):
            raise found from error
        raise
    except OutputError as error:
        if _is_full(target):
            raise _disk_error(target, f"the disk is full, or nearly so ({error})") from error
        raise


def _replace(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot replace {target}: {error.strerror} (is it open in another program?)"
        ) from error
