"""Files: checks before work starts, outputs that are whole or absent, and errors of disks."""

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
"""Numbers of errors after which the next write fails as well: the disk is full or read-only."""
DISK_WORDS = (*(os.strerror(code).lower() for code in sorted(DISK_ERRORS)), "disk is full")
"""Words by which the same errors are recognised in messages of libraries."""
FULL_BYTES = 2 * 2**20
"""Free bytes below which any error of writing counts as that of a full disk: a library that removed
what did not fit, as SQLite does, has freed a little room."""
BLOCK_BYTES = 1 << 20
"""Bytes of a file that are read at once to be hashed."""
NAME_TAIL = 40
"""Last characters of a file's name that its temporary file keeps, suffixes included."""


def check_no_address(path: str | os.PathLike[str], error: type[SuiteError] = OutputError) -> None:
    """Raise an error where a path is an address on a server; the message shows no secrets.

    Args:
        path: Path that must lie on a disk.
        error: Class of the error: `InputError` for files that are read.
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
    """Raise `OutputError` where a file could not be written; to be called before long work.

    Args:
        path: The file to be written.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If the name is impossible or an address, the path is a folder or a device, the
            file exists and may not be replaced, or its folder is missing or cannot be written to.
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
    # permission bits know nothing of read-only mounts, quotas or root, so a file is written
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to folder {folder}: {error.strerror}") from error


def _mode(target: Path) -> int | None:
    """The mode of a file, or of a link even if it leads nowhere; None where there is neither."""
    try:
        # libraries that write files need names in UTF-8
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
    """The file that is changed by writing to a path: the path, or the target of a link."""
    target = Path(path)
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def same_file(one: str | os.PathLike[str], two: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file, through any links; the file need not exist.

    Names that differ only in letter case, or in how an accent is composed, count as one file, as
    they are on many disks.
    """
    return not _keys(one).isdisjoint(_keys(two))


def check_apart(
    outputs: Iterable[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Raise `OutputError` where two outputs are one file, or an output is an input (`same_file`).

    An input is refused even where outputs may be overwritten.

    Args:
        outputs: All files that will be written, members and side files included.
        inputs: All files that are read.
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
    """Keys of a file; paths that share one of them lead to one file."""
    real = Path(os.path.realpath(path))
    name = unicodedata.normalize("NFC", real.name).casefold()
    return {_identity(real), (_identity(real.parent), name)}


def _identity(path: Path) -> Hashable:
    """Device and inode of an existing file, else its path."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return str(path)
    return found.st_dev, found.st_ino  # hard links share it


def output_error(path: str | os.PathLike[str], error: BaseException) -> OutputError:
    """The `OutputError` for an error of the system or of a library in writing a file.

    Args:
        path: The file that was being written.
        error: The error.

    Returns:
        A `DiskError` that names the folder, where the error or one of its causes says that the disk
        is full or read-only, or where the disk has no room left; else an `OutputError`.
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
    """Whether the disk of a file has no room left, which some libraries do not report."""
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
    """Turn errors in a block that writes a file into `output_error`.

    Args:
        path: The file that is written.
        *kinds: Classes of errors to be turned, beside `OSError`.
    """
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

    The temporary name has the suffixes of the target, because drivers choose formats by suffix
    (`.nii.gz`). The temporary file does not exist when the block starts, because some drivers
    refuse to replace a file. If the block ends with an error, the target is untouched and the
    temporary file is removed.

    Args:
        path: The file to be made or replaced.
        verify: Reads the temporary file and raises `OutputError` where the content is wrong. The
            file is flushed to the disk before, because a driver may hide the error of a full disk.

    Yields:
        The path to write to, in the folder of the target.

    Raises:
        DiskError: If the disk is full or read-only, as the block or `verify` reported it.
        OutputError: If the block wrote nothing, `verify` refused the file, or the target cannot be
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
    """A new name for a file, which ends as `name` does and is not too long for a disk."""
    # libraries that parse addresses give ! and ; a meaning
    return f".{uuid.uuid4().hex[:12]}.{re.sub(r'[^a-zA-Z0-9_.-]', '_', name[-NAME_TAIL:])}"


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all, and read it back before it takes its name.

    Raises:
        OutputError: If the file cannot be written, or other bytes are read back from the disk.
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
    """Force a file to the disk, so that the error of a full disk is raised now."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@contextmanager
def telling_full_disks(target: Path) -> Iterator[None]:
    """Raise errors of a full disk as `DiskError`, before the block's files are removed again."""
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
