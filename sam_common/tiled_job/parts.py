"""Parts: what a job has done so far, one file a window, each checked by its hash.

```
trees.gpkg.parts/
  plan.json           digest of the plan and what it was made from
  00000000.part       sha256 of the rest, then the compressed instances of window 0
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
from sam_common.support.files import atomic_output, write_bytes, writing
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sam_common.tiled_job.plan import Plan

PLAN = "plan.json"
"""What makes a folder one of parts."""
LOCK = ".lock"
_HASH_BYTES = 32
_LEVEL = 1
"""Of the compression: masks are long runs of equal bits, which the fastest one removes too."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The result of one window."""

    instances: Sequence[Instance] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What a job has to remember beside the masks (JSON)."""


def pack(part: Part) -> bytes:
    """A part as bytes; equal parts give equal bytes.

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
    notes = {"notes": json.dumps(dict(part.notes), sort_keys=True)}
    packed = zlib.compress(tensor_bytes.pack(arrays, notes), _LEVEL)
    return hashlib.sha256(packed).digest() + packed


def unpack(data: bytes) -> Part | None:
    """The part, None where the bytes are not what `pack` gave."""
    digest, packed = data[:_HASH_BYTES], data[_HASH_BYTES:]
    if hashlib.sha256(packed).digest() != digest:
        return None
    arrays, notes = tensor_bytes.unpack(zlib.decompress(packed))
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
    return Part(instances, json.loads(notes["notes"]))


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other jobs out of a folder of parts while the block runs.

    The folder is made where it is missing. Afterwards it is removed where nothing lies in it, see
    `remove_parts`.

    Raises:
        OutputError: Another job works there, the folder holds something else, or it cannot be
            made.
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
    """Delete what lies in a folder of parts that is `held`: the job is finished."""
    try:
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
    except OSError as error:
        raise OutputError(f"cannot delete {folder}: {error.strerror}") from error


def _busy(folder: Path) -> OutputError:
    return OutputError(f"another job works in {folder}: wait until it has ended")


def _check_own(folder: Path) -> None:
    # it is deleted in the end, so it must be a folder of parts and nothing else
    if (folder / PLAN).exists():
        return
    for entry in folder.iterdir():
        if not entry.name.startswith("."):
            raise OutputError(
                f"{folder} is no folder of an unfinished job ({entry.name} lies in it): move it "
                f"away, or choose another output"
            )


def _let_go(folder: Path, lock: filelock.BaseFileLock) -> None:
    if any(entry.name != LOCK for entry in folder.iterdir()):
        lock.release()
        return
    try:
        # before it is free: whoever waits for it must not find it here any more
        (folder / LOCK).unlink()
        lock.release()
    except OSError:  # on Windows what is open stays
        lock.release()
        with suppress(OSError):
            (folder / LOCK).unlink()
    with suppress(OSError):
        folder.rmdir()


def check_unfinished(folder: Path, *, resume: bool) -> None:
    """Raise `OutputError` where parts lie in a folder and nobody said to go on with them."""
    if not resume and (folder / PLAN).exists():
        raise OutputError(
            f"an unfinished job lies in {folder}: go on with it by --resume, or delete that folder"
        )


class PartStore:
    """The folder of an unfinished job.

    Args:
        folder: Where the parts lie; made where it is missing.
        plan: The job's plan.
        resume: Whether parts of this plan that lie there are taken over.

    Raises:
        OutputError: The folder holds parts and `resume` is not set, or cannot be made.
        InputError: It holds the parts of another plan; the message says what differs.
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
        """The part of window `n`, None where there is none or it is damaged.

        Raises:
            OutputError: It was whole when `missing` or `write` saw it.
        """
        data = self._bytes(n)
        part = None if data is None else unpack(data)
        if part is None and n in self._whole:
            raise OutputError(f"{self._path(n)} is lost or damaged: go on with --resume")
        return part

    def load(self, n: int) -> Sequence[Instance]:
        """The instances of window `n`; none where it failed."""
        part = self.read(n)
        return () if part is None else part.instances

    def write(self, n: int, part: Part) -> None:
        """Keep the part of window `n`.

        Raises:
            DiskError: The disk is full or read-only.
        """
        try:
            with atomic_output(self._path(n)) as path:
                path.write_bytes(pack(part))
        except DiskError as error:
            raise DiskError(f"{error}; what is done is kept: go on with --resume") from error
        self._whole.add(n)

    def missing(self) -> list[int]:
        """Windows that have no part, or a damaged one."""
        self._whole = {n for n in range(len(self.plan)) if self._is_whole(n)}
        return [n for n in range(len(self.plan)) if n not in self._whole]

    def size_bytes(self) -> int:
        """Of all parts together."""
        return sum(path.stat().st_size for path in self.folder.glob("*.part"))

    def _is_whole(self, n: int) -> bool:
        data = self._bytes(n)
        return (
            data is not None and hashlib.sha256(data[_HASH_BYTES:]).digest() == (data[:_HASH_BYTES])
        )

    def _bytes(self, n: int) -> bytes | None:
        try:
            return self._path(n).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"cannot read {self._path(n)}: {error.strerror}") from error

    def _path(self, n: int) -> Path:
        return self.folder / f"{n:08d}.part"


def _known_plan(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {**known, "signature": dict(known["signature"]), "digest": str(known["digest"])}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read, so the job cannot go on: delete {path.parent}"
        ) from error


def _described(plan: Plan) -> dict[str, Any]:
    return {
        "digest": plan.digest,
        "image_hw": list(plan.image_hw),
        "windows": len(plan),
        "signature": dict(plan.signature),
    }


def _check_same(known: Mapping[str, Any], plan: Plan, folder: Path) -> None:
    if known["digest"] == plan.digest:
        return
    # through JSON once, so that tuples compare with lists
    new = json.loads(json.dumps(_described(plan)))
    before, now = ({**d, **d["signature"]} for d in (known, new))
    differing = [
        f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if name not in {"digest", "signature"} and before.get(name) != now.get(name)
    ]
    raise InputError(
        f"{folder} belongs to another job ({'; '.join(differing) or 'other windows'}): delete it, "
        f"or run with the same inputs and options"
    )
