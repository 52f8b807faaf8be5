"""Storage: parts in a folder of an object storage, or in one that many machines share, by fsspec.

```
s3://bucket/runs/trees.gpkg.parts/
  plan.json                     as in a folder beside the output
  .lock                         who works here, see sam_common/tiled_job/lease.py
  00000/00000000.part           workers write them, the job lists and reads them
  00000/00000001.part
```
Credentials, regions and endpoints are those of the environment of each process: none is sent.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError, ModelError, OutputError, StorageError, one_line
from sam_common.support.addresses import is_refusal, public_name, scrubbed
from sam_common.tiled_job.plan_file import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEASE = ".lock"
"""File that says which job works in a storage."""
SHELF = 10_000
"""Parts in one folder of a storage: a list of them is bounded, however many windows a job has."""
LEAST_BYTES = 33
"""Bytes of the smallest file that can be a part: a hash, and something that it is of."""
FOLDERS = frozenset({"file", "local", "sftp", "ssh", "smb", "hdfs", "arrow_hdfs", "webhdfs", "ftp"})
"""Protocols of file systems: a file that is being written is seen, and folders have to be made."""

CONDITIONS = ("precondition", "pre-condition")
"""Words by which storages say that a file is there already, beside the error of Python for that."""


class Storage:
    """Files by name in a folder that fsspec opens; other processes open it by themselves.

    Args:
        address: Address of the folder, such as `s3://bucket/runs/a.parts` or `memory://a.parts`, or
            a path; the last name in it is that of a folder of this job alone.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def __reduce__(self) -> tuple[type[Storage], tuple[str]]:
        return Storage, (self.address,)

    def __str__(self) -> str:
        return public_name(self.address)

    def within(self, name: str) -> Storage:
        """A folder in this one."""
        inner = Storage(f"{self.address}/{name}")
        system, root = self._opened
        inner.__dict__["_opened"] = system, f"{root}/{name}"
        return inner

    def part_name(self, n: int) -> str:
        """The name of the part of a window, by its number."""
        return f"{n // SHELF:05d}/{n:08d}.part"

    def listed(self, count: int) -> set[int]:
        """Numbers below `count` whose part is there; none is read.

        Raises:
            StorageError: The storage refuses access, or is not reached.
        """
        return {
            int(name.removesuffix(".part"))
            for first in range(0, count, SHELF)
            for name, size in self._listing(f"{first // SHELF:05d}")
            if name.endswith(".part") and name[:-5].isdigit() and size >= LEAST_BYTES
        }

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where it is not there.

        Raises:
            StorageError: The storage refuses access, or is not reached.
        """
        return self.read_all([name]).get(name)

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """The content of several files by name, of which some may not be there.

        Raises:
            StorageError: The storage refuses access, or is not reached.
        """
        wanted = list(names)
        system, root = self._opened
        with self._told():
            # from the first byte on: for a file without a range its size would be asked first
            found = system.cat_ranges(
                [f"{root}/{name}" for name in wanted], 0, None, on_error="return"
            )
            for answer in found:
                if isinstance(answer, Exception) and not isinstance(answer, FileNotFoundError):
                    raise answer
        pairs = zip(wanted, found, strict=True)
        return {name: bytes(data) for name, data in pairs if not isinstance(data, Exception)}

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            StorageError: The storage refuses access, is full or not reached, or there is no such
                bucket.
        """
        system, root = self._opened
        path = f"{root}/{name}"
        with self._told(writes=True):
            if not self._is_folder:
                system.pipe_file(path, data)
                return
            folder, _, last = path.rpartition("/")
            system.makedirs(folder, exist_ok=True)
            part = f"{folder}/.{uuid.uuid4().hex[:12]}.{last}"
            system.pipe_file(part, data)
            system.mv(part, path)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file that is not there yet; False where it is.

        Raises:
            StorageError: As for `write`.
        """
        system, root = self._opened
        path = f"{root}/{name}"
        with self._told(writes=True):
            try:
                if self._is_folder:
                    system.makedirs(root, exist_ok=True)
                    with system.open(path, "xb") as stream:
                        stream.write(data)
                else:
                    system.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                if any(word in str(error).lower() for word in CONDITIONS):
                    return False
                raise
        return True

    def remove(self, name: str) -> None:
        """Remove a file, where it is there.

        Raises:
            StorageError: The storage refuses access, or is not reached.
        """
        system, root = self._opened
        with self._told():
            try:
                system.rm_file(f"{root}/{name}")
            except FileNotFoundError:
                return

    def clear(self) -> None:
        """Remove all files of a job that is finished, but the one that keeps other jobs away.

        Raises:
            StorageError: The storage refuses access, or is not reached.
        """
        system, root = self._opened
        with self._told():
            for name, _ in self._listing(""):
                if name != LEASE:
                    system.rm(f"{root}/{name}", recursive=True)

    def drop_if_empty(self) -> None:
        """Remove the folder itself, where the storage has folders and nothing lies in it.

        Raises:
            StorageError: The storage refuses access, or is not reached.
        """
        if self._is_folder and not self._listing(""):
            system, root = self._opened
            with self._told():
                system.rmdir(root)

    def check_own(self) -> None:
        """Raise `OutputError` where anything else than the parts of a job lies here."""
        names = [name for name, _ in self._listing("")]
        if PLAN in names:
            return
        for name in names:
            if not name.startswith("."):
                raise OutputError(
                    f"{self} is no folder of an unfinished job ({name} lies in it): move it away, "
                    f"or name another folder by --parts-at"
                )

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system of fsspec, and the folder in it."""
        try:
            # only where an address is given
            from fsspec.core import url_to_fs  # noqa: PLC0415

            # of its own: one that is shared keeps old credentials, and lists of files
            system, root = url_to_fs(
                self.address, skip_instance_cache=True, use_listings_cache=False
            )
        except ImportError as error:
            raise ModelError(
                f"{self} needs a library ({one_line(error)}): install it here and on every worker; "
                f"those of s3:// come with sam-geomed[s3]"
            ) from error
        except ValueError as error:
            raise InputError(
                f"cannot keep parts at {self} ({one_line(error)}): give an address such as "
                f"s3://bucket/folder, or a folder that every worker sees"
            ) from error
        return system, root.rstrip("/")

    @property
    def _is_folder(self) -> bool:
        """Whether this is a file system rather than a storage of whole objects."""
        protocol = self._opened[0].protocol
        return not FOLDERS.isdisjoint([protocol] if isinstance(protocol, str) else protocol)

    def _listing(self, folder: str) -> list[tuple[str, int]]:
        """Name and size of what lies in a folder; nothing where there is none."""
        system, root = self._opened
        with self._told():
            try:
                found = system.ls(f"{root}/{folder}".rstrip("/"), detail=True)
            except FileNotFoundError:
                return []
        return [(each["name"].rpartition("/")[2], each["size"] or 0) for each in found]

    @contextmanager
    def _told(self, *, writes: bool = False) -> Iterator[None]:
        """Word the errors of a storage: each library has its own."""
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            raise self._error(error, writes=writes) from error

    def _error(self, error: Exception, *, writes: bool) -> StorageError:
        reason = scrubbed(one_line(error), self.address)
        if writes and isinstance(error, FileNotFoundError):
            return StorageError(
                f"there is no {self} to write to ({reason}): make the bucket, or name another by "
                f"--parts-at"
            )
        if isinstance(error, PermissionError) or is_refusal(f"{type(error).__name__} {reason}"):
            return StorageError(
                f"{self} refuses access ({reason}): credentials are wrong, missing or have "
                f"expired; renew those of this command and of every worker, then go on with "
                f"--resume"
            )
        return StorageError(
            f"{self} cannot be used ({reason}): what is done is kept; see that it can be reached "
            f"from here and from every worker, then go on with --resume"
        )
