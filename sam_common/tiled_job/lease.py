"""Lease: a file that keeps other jobs out of a storage, which knows no locks of files.

```
create .lock, unless it is there      one request: of two jobs one is told that it is there
  it is there, of a job of this machine that has ended      taken over
  it is there, of another one                               refused: the message says whose it is
remove .lock                          when the job ends, by an error too
```
A job that is killed leaves the file. Where it runs again on the same machine the file is taken
over; anywhere else nobody can know that it has ended, so the message says what to delete.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import filelock

from sam_common.errors import OutputError, StorageError
from sam_common.support.cache_folder import cache_dir
from sam_common.support.files import writing
from sam_common.tiled_job.storage import LEASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sam_common.tiled_job.storage import Storage

ACTIVE: set[str] = set()
"""Owners of the leases that jobs of this process hold: any other one of its number has ended."""


@contextmanager
def leased(storage: Storage) -> Iterator[None]:
    """Keep other jobs out of a storage while the block runs.

    Args:
        storage: The storage; what lies in it has to be parts.

    Raises:
        OutputError: Another job works in the storage, or something else lies in it.
        StorageError: The storage refuses access, is not reached, or there is no such bucket.
    """
    own = _own()
    # jobs of a user take turns on a machine, so that only one takes a lease over
    name = hashlib.sha256(storage.address.encode()).hexdigest()[:24]
    turns = cache_dir() / "leases"
    with writing(turns):
        turns.mkdir(parents=True, exist_ok=True)
    ACTIVE.add(own["owner"])
    try:
        with filelock.FileLock(turns / name):
            _take(storage, own)
        with _let_go_after(storage, own):
            storage.check_own()
            yield
    finally:
        ACTIVE.discard(own["owner"])


def _own() -> dict[str, Any]:
    """What a lease says of the job that holds it."""
    return {
        "owner": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "machine": uuid.getnode(),
        "pid": os.getpid(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def _take(storage: Storage, own: Mapping[str, Any]) -> None:
    """Make a lease, in place of one whose process has ended."""
    data = json.dumps(own).encode()
    if not storage.create(LEASE, data):
        held = _held(storage)
        if not _has_ended(held):
            raise _busy(storage, held)
        storage.remove(LEASE)
        storage.create(LEASE, data)
    # read again: a storage that does not know the condition has let two jobs write
    if (held := _held(storage)).get("owner") != own["owner"]:
        raise _busy(storage, held)


@contextmanager
def _let_go_after(storage: Storage, own: Mapping[str, Any]) -> Iterator[None]:
    """Remove the own lease after the block, however that ends."""
    try:
        yield
    except BaseException:
        # the error of the block says more than one of the storage
        with suppress(StorageError):
            _let_go(storage, own)
        raise
    _let_go(storage, own)


def _let_go(storage: Storage, own: Mapping[str, Any]) -> None:
    """Remove the lease, where it is still the own one."""
    if _held(storage).get("owner") == own["owner"]:
        storage.remove(LEASE)
        storage.drop_if_empty()


def _held(storage: Storage) -> dict[str, Any]:
    """What the lease of a storage says; nothing where it cannot be read."""
    try:
        return dict(json.loads(storage.read(LEASE) or b"{}"))
    except ValueError:
        return {}


def _has_ended(held: Mapping[str, Any]) -> bool:
    """Whether the process of a lease is known to have ended."""
    if (held.get("host"), held.get("machine")) != (socket.gethostname(), uuid.getnode()):
        return False
    pid = held["pid"]
    if pid == os.getpid():
        # of a job that could not let go, or of a process before: a container that is started
        # again gives its first one the same number
        return held["owner"] not in ACTIVE
    return not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    """Whether a process of this number runs; on Windows, where asking would end it, True."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _busy(storage: Storage, held: Mapping[str, Any]) -> OutputError:
    """The error of a storage in which another job works."""
    who = "of which nothing is known"
    if held:
        who = f"process {held['pid']} on {held['host']}, since {held['since']}"
    return OutputError(
        f"another job works in {storage} ({who}): wait until it has ended; if it was killed, "
        f"delete {storage}/{LEASE}"
    )
