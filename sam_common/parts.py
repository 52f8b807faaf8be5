"""Parts: what a job has done so far, one file a window, each checked by its hash.

```
trees.gpkg.parts/
  plan.json           digest of the plan and what it was made from
  00000000.part       sha256 of the rest, then the compressed instances of window 0
  00000001.part
```
A part is whole or absent, so a job that was killed at any moment goes on from what lies there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy

from sam_common.errors import InputError, OutputError
from sam_common.files import atomic_output
from sam_common.instance import Instance
from sam_common.masks import MaskRegion
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sam_common.plan import Plan

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
    packed = zlib.compress(safetensors.numpy.save(arrays, metadata=notes), _LEVEL)
    return hashlib.sha256(packed).digest() + packed


def unpack(data: bytes) -> Part | None:
    """The part, None where the bytes are not what `pack` gave."""
    digest, packed = data[:_HASH_BYTES], data[_HASH_BYTES:]
    if hashlib.sha256(packed).digest() != digest:
        return None
    raw = zlib.decompress(packed)
    arrays = safetensors.numpy.load(raw)
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
    return Part(instances, json.loads(_metadata(raw)["notes"]))


def _metadata(raw: bytes) -> dict[str, str]:
    # safetensors: eight bytes with the length of a JSON header, which holds the metadata
    length = int.from_bytes(raw[:8], "little")
    found: dict[str, str] = json.loads(raw[8 : 8 + length])["__metadata__"]
    return found


def check_unfinished(folder: Path, *, resume: bool) -> None:
    """Raise `OutputError` where parts lie in a folder and nobody said to go on with them."""
    if not resume and (folder / "plan.json").exists():
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
        known = folder / "plan.json"
        if known.exists():
            check_unfinished(folder, resume=resume)
            _check_same(json.loads(known.read_text(encoding="utf-8")), plan, folder)
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_output(known) as part:
                part.write_text(json.dumps(_described(plan), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot make {folder}: {error.strerror}") from error

    def read(self, n: int) -> Part | None:
        """The part of window `n`, None where there is none or it is damaged."""
        try:
            return unpack(self._path(n).read_bytes())
        except FileNotFoundError:
            return None

    def load(self, n: int) -> Sequence[Instance]:
        """The instances of window `n`; none where it failed."""
        part = self.read(n)
        return () if part is None else part.instances

    def write(self, n: int, part: Part) -> None:
        """Keep the part of window `n`."""
        with atomic_output(self._path(n)) as path:
            path.write_bytes(pack(part))

    def missing(self) -> list[int]:
        """Windows that have no part, or a damaged one."""
        return [n for n in range(len(self.plan)) if not self._is_whole(n)]

    def size_bytes(self) -> int:
        """Of all parts together."""
        return sum(path.stat().st_size for path in self.folder.glob("*.part"))

    def remove(self) -> None:
        """Delete the folder: the job is finished."""
        shutil.rmtree(self.folder)

    def _is_whole(self, n: int) -> bool:
        try:
            data = self._path(n).read_bytes()
        except FileNotFoundError:
            return False
        return hashlib.sha256(data[_HASH_BYTES:]).digest() == data[:_HASH_BYTES]

    def _path(self, n: int) -> Path:
        return self.folder / f"{n:08d}.part"


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
