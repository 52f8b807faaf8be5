"""Embedding cache: embeddings of slices kept between runs on request, for corrections.

```
cache_dir()/med-embeddings/            only the user may enter (0700)
    salt                               32 random bytes, made once
    3fa9...c1/                         a volume as one network sees it, by its salted key
        signature.json
        0-89.safetensors               axis 0 (k), slice 89
```
An embedding shows the slice it was made of, so it is as private as the scan. The key is
HMAC-SHA256 of the voxels, their stretch and the network, with the salt: no name, date, UID or
path is in it, and whoever has the scan but not the salt cannot tell whether it was here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING

import filelock
import numpy as np

from sam_common.errors import OutputError
from sam_common.segmenter.embedding_store import SUFFIX, EmbeddingStore
from sam_common.support.cache_folder import cache_dir, private_folder
from sam_common.support.files import atomic_output, check_output

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_med.geometry.volume import Volume
    from sam_med.slices.window_level import Stretch

FOLDER = "med-embeddings"
SALT_NAME = "salt"
SALT_BYTES = 32
PRIVATE_FILE = 0o600
MAX_BYTES = 8 * 2**30
"""Embeddings of all volumes together; those used longest ago go first. A slice takes 4 MiB."""


def embedding_store(
    volume: Volume,
    stretch: Stretch,
    segmenter: Segmenter,
    *,
    folder: Path | None = None,
    max_bytes: int = MAX_BYTES,
) -> EmbeddingStore:
    """The store of one volume under one stretch and network; its keys are `slice_key`.

    Args:
        volume: The volume that is segmented.
        stretch: How its values become 8 bits.
        segmenter: Its network, engine and precision are part of the key.
        folder: Used instead of the folder in the cache.
        max_bytes: Embeddings of all volumes that stay in the folder when it is opened; this volume
            may add as much.

    Raises:
        OutputError: The folder cannot be made or written to.
    """
    base = private_folder(cache_dir() / FOLDER if folder is None else folder)
    key = _key(_salt(base), volume, stretch, segmenter)
    _trim(base, max_bytes)
    signature = {
        "model": segmenter.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
    }
    return EmbeddingStore(base / key, signature, max_bytes=max_bytes, private=True)


def check_folder() -> None:
    """Raise `OutputError` where no embeddings can be kept; called before a network is loaded."""
    base = private_folder(cache_dir() / FOLDER)
    _salt(base)
    check_output(base / "try", overwrite=True)


def slice_key(axis: int, index: int) -> str:
    """The key of a slice's embedding in its store.

    >>> slice_key(1, 7)
    '1-7'
    """
    return f"{axis}-{index}"


def _key(salt: bytes, volume: Volume, stretch: Stretch, segmenter: Segmenter) -> str:
    """HMAC-SHA256 of the voxels, their stretch and the network, as hexadecimal digits."""
    digest = hmac.new(salt, digestmod=hashlib.sha256)
    # how a modality was found, or a rule is worded, changes no shade
    shades = {
        name: value
        for name, value in dataclasses.asdict(stretch).items()
        if isinstance(value, float | int | tuple)
    }
    about = {
        "shape": list(volume.shape),
        "dtype": volume.array.dtype.str,
        "stretch": shades,
        "model": segmenter.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
    }
    digest.update(json.dumps(about, sort_keys=True).encode())
    for plane in volume.array:
        # slice by slice: a copy of the whole volume would double what is held
        digest.update(np.ascontiguousarray(plane).data)
    return digest.hexdigest()


def _salt(base: Path) -> bytes:
    """The salt of this cache; where it is missing, one of several processes makes it."""
    path = base / SALT_NAME
    try:
        with filelock.FileLock(base / f".{SALT_NAME}.lock", mode=PRIVATE_FILE):
            if not path.exists():
                with atomic_output(path) as part:
                    part.touch(mode=PRIVATE_FILE)
                    part.write_bytes(secrets.token_bytes(SALT_BYTES))
        salt = path.read_bytes()
    except OSError as error:
        raise OutputError(f"cannot keep embeddings in {base}: {error.strerror}") from error
    if len(salt) != SALT_BYTES:
        raise OutputError(
            f"the salt in {base} must be {SALT_BYTES} bytes, got {len(salt)}: delete the folder"
        )
    return salt


def _trim(base: Path, max_bytes: int) -> None:
    """Remove embeddings of any volume, those used longest ago first, down to a number of bytes."""
    found = []
    for path in base.glob(f"*/*{SUFFIX}"):
        try:
            status = path.stat()
        except FileNotFoundError:  # removed by another process
            continue
        found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= max_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size
