"""Parts: the results of a tiled job so far, one file for each window, each checked by its hash.

```
trees.gpkg.parts/
  plan.json           digest of the plan and what it was made from
  00000000.part       sha256 of the rest, then the compressed result of window 0
  00000001.part
  .lock               held by the job that works here; the system frees it when the job is killed
```
A part is whole or absent, so a job that was killed at any moment goes on from what lies there.

With a storage (`sam_common.tiled_job.storage`) the parts lie there, and in the folder those that
this process has read, as objects are put together in several passes.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import DiskError, InputError, OutputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.support import tensor_bytes
from sam_common.support.files import atomic_output, write_bytes, writing
from sam_common.tiled_job.folder import check_unfinished
from sam_common.tiled_job.plan_file import PLAN, check_same, encoded
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.tiled_job.plan import Plan
    from sam_common.tiled_job.storage import Storage

FETCHED = 16
"""Parts that are fetched from a storage at the same time: those of windows in a row."""
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


def digest_of(data: bytes) -> bytes:
    """The sha256 with which packed bytes begin."""
    return data[:_HASH_BYTES]


def _has_its_hash(data: bytes) -> bool:
    """Whether packed bytes begin with the hash of the rest."""
    return hashlib.sha256(data[_HASH_BYTES:]).digest() == digest_of(data)


class PartStore:
    """The parts of an unfinished job, in their folder or in a storage.

    Args:
        folder: Folder of the parts; made where it is missing.
        plan: Plan of the job.
        resume: Whether parts of this plan in the folder are taken over.
        storage: Where the parts are kept in place of the folder, which then holds copies.

    Raises:
        OutputError: The folder or the storage holds parts and `resume` is not set, or cannot be
            made.
        InputError: The folder or the storage holds the parts of another plan; the message says what
            differs.
    """

    def __init__(
        self, folder: Path, plan: Plan, *, resume: bool, storage: Storage | None = None
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.storage = storage
        self._whole: set[int] = set()
        self._digests: dict[int, bytes] = {}
        """Of parts that workers have written into the storage, by which others are noticed."""
        check_unfinished(folder, storage, resume=resume)
        kept_at = None if storage is None else str(storage)
        there = None if storage is None else storage.read(PLAN)
        if there is not None:
            check_same(there, plan, str(storage), kept_at)
        known = folder / PLAN
        if known.exists():
            check_same(_read(known) or b"", plan, str(folder), kept_at)
        else:
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
            write_bytes(known, encoded(plan, kept_at))
        if storage is not None and there is None:
            storage.write(PLAN, encoded(plan, kept_at))

    def within(self, name: str, plan: Plan) -> PartStore:
        """The parts of a further step of the job, in a folder among these; taken over if there."""
        storage = None if self.storage is None else self.storage.within(name)
        return PartStore(self.folder / name, plan, resume=True, storage=storage)

    def read(self, n: int) -> Part | None:
        """The part of window `n`, None where it is missing or damaged.

        Raises:
            OutputError: The part was whole at an earlier call of `missing`, `take` or `write`.
            StorageError: The storage refuses access, or is not reached.
        """
        data = self._near(n) if self.storage is None else self._fetched(n, self.storage)
        part = None if data is None else unpack(data)
        if part is None and n in self._whole:
            raise OutputError(f"{self._shown(n)} is lost or damaged: go on with --resume")
        return part

    def packed(self, n: int) -> bytes | None:
        """The bytes of the part of window `n`, None where it is missing or damaged.

        Raises:
            OutputError: The part was whole at an earlier call of `missing` or `write`.
        """
        data = self._near(n) if self.storage is None else self._fetched(n, self.storage)
        if data is not None and _has_its_hash(data):
            return data
        if n in self._whole:
            raise OutputError(f"{self._shown(n)} is lost or damaged: go on with --resume")
        return None

    def load(self, n: int) -> Sequence[Instance]:
        """The instances of window `n` in image indices; none where the window failed."""
        part = self.read(n)
        return () if part is None else part.instances

    def write(self, n: int, part: Part) -> None:
        """Write the part of window `n`, whole or not at all.

        Raises:
            DiskError: The disk is full or read-only, or the storage refuses.
        """
        self.write_packed(n, pack(part))

    def write_packed(self, n: int, data: bytes) -> None:
        """Write the bytes of `pack` as the part of window `n`, whole or not at all.

        Raises:
            DiskError: The disk is full or read-only, or the storage refuses.
            OutputError: The bytes are damaged.
        """
        if not _has_its_hash(data):
            raise OutputError(f"the part of window {n} came damaged: go on with --resume")
        if self.storage is None:
            self._keep(n, data)
            self._whole.add(n)
        else:
            self.storage.write(self.storage.part_name(n), data)
            self.take(n, digest_of(data))

    def take(self, n: int, digest: bytes) -> None:
        """Note that a worker has written the part of window `n` into the storage.

        Args:
            n: Number of the window.
            digest: The sha256 with which the part begins.
        """
        self._digests[n] = digest
        self._whole.add(n)

    def missing(self) -> list[int]:
        """Numbers of the windows whose part is missing or damaged, ascending.

        A storage is asked for names alone: a part that is damaged there is found when it is read.

        Raises:
            StorageError: The storage refuses access, or is not reached.
        """
        count = len(self.plan)
        if self.storage is None:
            self._whole = {n for n in range(count) if self._is_whole(n)}
        else:
            self._whole = self.storage.listed(count)
        return [n for n in range(count) if n not in self._whole]

    def size_bytes(self) -> int:
        """Bytes of all parts in the folder together."""
        return sum(path.stat().st_size for path in self.folder.glob("*.part"))

    def _fetched(self, n: int, storage: Storage) -> bytes | None:
        """The packed part of a window in the storage, which is fetched once, with its neighbours.

        One that is damaged is removed from the storage, so that its window is run again.
        """
        if (data := self._near(n)) is not None and self._is_expected(n, data):
            return data
        some = range(n, min(n + FETCHED, len(self.plan)))
        wanted = [k for k in some if k == n or (k in self._whole and not self._path(k).exists())]
        names = {storage.part_name(k): k for k in wanted}
        found = {names[name]: data for name, data in storage.read_all(names).items()}
        for k, fetched in found.items():
            if self._is_expected(k, fetched):
                self._keep(k, fetched)
        data = found.get(n)
        if data is not None and not self._is_expected(n, data):
            storage.remove(storage.part_name(n))
            return None
        return data

    def _is_expected(self, n: int, data: bytes) -> bool:
        """Whether packed bytes are whole, and those that a worker has told of."""
        return _has_its_hash(data) and self._digests.get(n, digest_of(data)) == digest_of(data)

    def _is_whole(self, n: int) -> bool:
        """Whether the part of a window exists and has the right hash."""
        data = self._near(n)
        return data is not None and _has_its_hash(data)

    def _keep(self, n: int, data: bytes) -> None:
        """Write a part into the folder."""
        try:
            with atomic_output(self._path(n)) as path:
                path.write_bytes(data)
        except DiskError as error:
            raise DiskError(f"{error}; what is done is kept: go on with --resume") from error

    def _near(self, n: int) -> bytes | None:
        """The packed part of a window in the folder, None where its file is missing."""
        return _read(self._path(n))

    def _path(self, n: int) -> Path:
        return self.folder / f"{n:08d}.part"

    def _shown(self, n: int) -> str:
        """What messages call the part of a window."""
        if self.storage is None:
            return str(self._path(n))
        return f"{self.storage}/{self.storage.part_name(n)}"


def _read(path: Path) -> bytes | None:
    """The content of a file, None where it is missing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
