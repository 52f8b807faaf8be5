"""Parts: the results of a tiled job so far, one file for each window, each checked by its hash.

```
trees.gpkg.parts/
  plan.json           digest of the plan and what it was made from
  00000000.part       sha256 of the rest, then the compressed result of window 0
  00000001.part
  .lock               held by the job that works here; the system frees it when the job is killed
```
A part is whole or absent, so a job that was killed at any moment goes on from what lies there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from sam_common.errors import DiskError, InputError, OutputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.support import tensor_bytes
from sam_common.support.differences import differences
from sam_common.support.files import atomic_output, write_bytes, writing
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.tiled_job.plan import Plan

PLAN = "plan.json"
"""File that marks a folder as one of parts."""
LOCK = ".lock"
"""File that is locked by the job which works in the folder."""
OWN = "array "
"""What the names of `Part.arrays` begin with in a file, so that they meet no other."""
_HASH_BYTES = 32
_LEVEL = 1
"""Level of zlib, the fastest one: it removes the long runs of equal bits in masks too."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The result of one window."""

    instances: Sequence[Instance] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What the job has to remember beside the masks, as JSON."""
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """Further results of the window by name, such as a class for each of its pixels."""


def pack(part: Part) -> bytes:
    """A part as compressed bytes after their sha256; equal parts give equal bytes.

    Law: `unpack(pack(part)) == part`
    """
    regions = [instance.region for instance in part.instances]
    arrays = {
        "starts": np.array([r.window.start for r in regions], dtype=np.int64).reshape(-1, 2),
        "shapes": np.array([r.window.shape for r in regions], dtype=np.int64).reshape(-1, 2),
        "scores": np.array([i.score for i in part.instances], dtype=np.float64),
        "stabilities": np.array([i.stability for i in part.instances], dtype=np.float64),
        "bits": np.concatenate(
            [np.packbits(r.mask) for r in regions] or [np.zeros(0, dtype=np.uint8)]
        ),
    }
    arrays |= {OWN + name: array for name, array in sorted(part.arrays.items())}
    notes = {"notes": json.dumps(dict(part.notes), sort_keys=True)}
    packed = zlib.compress(tensor_bytes.pack(arrays, notes), _LEVEL)
    return hashlib.sha256(packed).digest() + packed


def unpack(data: bytes) -> Part | None:
    """The part of packed bytes, None where their hash is wrong."""
    if not _has_its_hash(data):
        return None
    arrays, notes = tensor_bytes.unpack(zlib.decompress(data[_HASH_BYTES:]))
    instances, at = [], 0
    rows = zip(
        arrays["starts"].tolist(),
        arrays["shapes"].tolist(),
        arrays["scores"].tolist(),
        arrays["stabilities"].tolist(),
        strict=True,
    )
    for (row, col), (height, width), score, stability in rows:
        count = height * width
        stop = at + -(-count // 8)
        mask = np.unpackbits(arrays["bits"][at:stop], count=count).astype(np.bool_)
        window = Window((row, col), (row + height, col + width))
        region = MaskRegion(window, mask.reshape(height, width))
        instances.append(Instance(region, score, stability))
        at = stop
    own = {name.removeprefix(OWN): each for name, each in arrays.items() if name.startswith(OWN)}
    return Part(instances, json.loads(notes["notes"]), own)


def _has_its_hash(data: bytes) -> bool:
    """Whether packed bytes begin with the hash of the rest."""
    return hashlib.sha256(data[_HASH_BYTES:]).digest() == data[:_HASH_BYTES]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other jobs out of a folder of parts while the block runs.

    The folder is made where it is missing. After the block it is removed where it is empty, see
    `remove_parts`.

    Raises:
        OutputError: Another job works in the folder, the folder holds something else, or it cannot
            be made.
    """
    path = folder / LOCK
    lock = filelock.FileLock(path)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_own(folder)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise _busy(folder) from error
    try:
        # the job before may have removed the file while this one waited for it
        if not path.exists():
            raise _busy(folder)
        yield
    finally:
        _let_go(folder, lock)


def remove_parts(folder: Path) -> None:
    """Delete everything in a folder of parts that is `held`, once its job is finished."""
    try:
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
    except OSError as error:
        raise OutputError(f"cannot delete {folder}: {error.strerror}") from error


def _busy(folder: Path) -> OutputError:
    """The error of a folder in which another job works."""
    return OutputError(f"another job works in {folder}: wait until it has ended")


def _check_own(folder: Path) -> None:
    """Raise `OutputError` where a folder holds anything else than parts."""
    # the folder is deleted in the end, so it must hold nothing of the user's
    if (folder / PLAN).exists():
        return
    for entry in folder.iterdir():
        if not entry.name.startswith("."):
            raise OutputError(
                f"{folder} is no folder of an unfinished job ({entry.name} lies in it): move it "
                f"away, or choose another output"
            )


def _let_go(folder: Path, lock: filelock.BaseFileLock) -> None:
    """Release the lock of a folder, and remove the folder where it is empty."""
    if any(entry.name != LOCK for entry in folder.iterdir()):
        lock.release()
        return
    try:
        # before the release: a job that waits for the lock must not find the file any more
        (folder / LOCK).unlink()
        lock.release()
    except OSError:  # Windows does not delete an open file
        lock.release()
        with suppress(OSError):
            (folder / LOCK).unlink()
    with suppress(OSError):
        folder.rmdir()


def check_unfinished(folder: Path, *, resume: bool) -> None:
    """Raise `OutputError` where a folder holds parts of a job that is not to be resumed."""
    if not resume and (folder / PLAN).exists():
        raise OutputError(
            f"an unfinished job lies in {folder}: go on with it by --resume, or delete that folder"
        )


class PartStore:
    """The parts of an unfinished job, in their folder.

    Args:
        folder: Folder of the parts; made where it is missing.
        plan: Plan of the job.
        resume: Whether parts of this plan in the folder are taken over.

    Raises:
        OutputError: The folder holds parts and `resume` is not set, or cannot be made.
        InputError: The folder holds the parts of another plan; the message says what differs.
    """

    def __init__(self, folder: Path, plan: Plan, *, resume: bool) -> None:
        self.folder = folder
        self.plan = plan
        self._whole: set[int] = set()
        known = folder / PLAN
        if known.exists():
            check_unfinished(folder, resume=resume)
            _check_same(_known_plan(known), plan, folder)
            return
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_bytes(known, f"{json.dumps(_described(plan), indent=2)}\n".encode())

    def read(self, n: int) -> Part | None:
        """The part of window `n`, None where it is missing or damaged.

        Raises:
            OutputError: The part was whole at an earlier call of `missing` or `write`.
        """
        data = self._bytes(n)
        part = None if data is None else unpack(data)
        if part is None and n in self._whole:
            raise OutputError(f"{self._path(n)} is lost or damaged: go on with --resume")
        return part

    def load(self, n: int) -> Sequence[Instance]:
        """The instances of window `n` in image indices; none where the window failed."""
        part = self.read(n)
        return () if part is None else part.instances

    def write(self, n: int, part: Part) -> None:
        """Write the part of window `n`, whole or not at all.

        Raises:
            DiskError: The disk is full or read-only.
        """
        self.write_packed(n, pack(part))

    def write_packed(self, n: int, data: bytes) -> None:
        """Write the bytes of `pack` as the part of window `n`, whole or not at all.

        Raises:
            DiskError: The disk is full or read-only.
            OutputError: The bytes are damaged.
        """
        if not _has_its_hash(data):
            raise OutputError(f"the part of window {n} came damaged: go on with --resume")
        try:
            with atomic_output(self._path(n)) as path:
                path.write_bytes(data)
        except DiskError as error:
            raise DiskError(f"{error}; what is done is kept: go on with --resume") from error
        self._whole.add(n)

    def missing(self) -> list[int]:
        """Numbers of the windows whose part is missing or damaged, ascending."""
        self._whole = {n for n in range(len(self.plan)) if self._is_whole(n)}
        return [n for n in range(len(self.plan)) if n not in self._whole]

    def size_bytes(self) -> int:
        """Bytes of all parts together."""
        return sum(path.stat().st_size for path in self.folder.glob("*.part"))

    def _is_whole(self, n: int) -> bool:
        """Whether the part of a window exists and has the right hash."""
        data = self._bytes(n)
        return data is not None and _has_its_hash(data)

    def _bytes(self, n: int) -> bytes | None:
        """The packed part of a window, None where its file is missing."""
        try:
            return self._path(n).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"cannot read {self._path(n)}: {error.strerror}") from error

    def _path(self, n: int) -> Path:
        return self.folder / f"{n:08d}.part"


def _known_plan(path: Path) -> dict[str, Any]:
    """The plan of the parts in a folder, as JSON."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {**known, "signature": dict(known["signature"]), "digest": str(known["digest"])}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read, so the job cannot go on: delete {path.parent}"
        ) from error


def _described(plan: Plan) -> dict[str, Any]:
    """A plan as JSON, without its windows."""
    return {
        "digest": plan.digest,
        "image_hw": list(plan.image_hw),
        "windows": len(plan),
        "signature": dict(plan.signature),
    }


def _check_same(known: Mapping[str, Any], plan: Plan, folder: Path) -> None:
    """Raise `InputError` where the parts in a folder are of another plan."""
    if known["digest"] == plan.digest:
        return
    own = {"digest", "signature"}
    # through JSON once, so that tuples compare equal to lists
    new = json.loads(json.dumps(_described(plan)))
    before, now = (
        {name: value for name, value in {**d, **d["signature"]}.items() if name not in own}
        for d in (known, new)
    )
    differing = differences(before, now)
    raise InputError(
        f"{folder} belongs to another job ({'; '.join(differing) or 'other windows'}): delete it, "
        f"or run with the same inputs and options"
    )
