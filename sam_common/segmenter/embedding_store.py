"""Embedding store: a folder of embeddings for later jobs, with a signature of what made them.

```
field.embeddings/
  signature.json                      source, stretch, model, engine and precision
  0-0-1024-1024-1024x1024.safetensors one embedding: its sha256, then 4 MiB of safetensors
```
A folder belongs to one signature and is refused with any other, because an embedding of another
source or model gives masks that look right and are not.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError, OutputError
from sam_common.segmenter.predictor import Embedding
from sam_common.support import tensor_bytes
from sam_common.support.cache_folder import private_folder
from sam_common.support.device_arrays import to_host
from sam_common.support.differences import differences
from sam_common.support.files import atomic_output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIGNATURE = "signature.json"
"""Name of the file with the signature in the folder of every store."""
SUFFIX = ".safetensors"
_HASH_BYTES = 32
_PRIVATE_MODE, _SHARED_MODE = 0o600, 0o666
"""Access rights of a new file in a private and in a shared store, before the umask applies."""
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class EmbeddingStore:
    """A folder of embeddings, which threads and processes may share.

    Embeddings of a folder that cannot be written to are used, and `put` then keeps nothing.

    Args:
        folder: The folder, made where it is missing.
        signature: Everything beside the key that decides an embedding, as JSON.
        max_bytes: Largest size of all files together, above which those used longest ago are
            removed; None for no limit.
        private: Whether nobody but the user may read the folder and its files.

    Raises:
        InputError: If the folder holds embeddings with another signature (the message says what
            differs), or its signature cannot be read.
        OutputError: If the folder cannot be made, or holds other safetensors files.
    """

    def __init__(
        self,
        folder: Path,
        signature: Mapping[str, Any],
        *,
        max_bytes: int | None = None,
        private: bool = False,
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.private = private
        known = folder / SIGNATURE
        text = json.dumps(dict(signature), indent=2, sort_keys=True) + "\n"
        if private:
            private_folder(folder)
        self.is_writable = True
        """Whether `put` keeps embeddings: whether the folder can be written to."""
        if known.exists():
            _check_same(_read_signature(known), json.loads(text), folder)
            self.is_writable = _can_write(folder)
            return
        if next(folder.glob(f"*{SUFFIX}"), None) is not None:
            # `purge` would remove files that are no embeddings
            raise OutputError(
                f"{folder} holds {SUFFIX} files of something else: give embeddings a folder of "
                f"their own"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._write(known, text.encode())
        except OSError as error:
            raise OutputError(f"cannot make {folder}: {error.strerror}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened_elsewhere, (self.folder.absolute(), self.max_bytes, self.private)

    def get(self, key: str) -> Embedding | None:
        """The embedding of a key, or None where there is none; a damaged file is removed."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:  # missing, or not readable by this user
            return None
        content = data[_HASH_BYTES:]
        is_whole = hashlib.sha256(content).digest() == data[:_HASH_BYTES]
        # the folder may belong to another user, or lie on a disk that is mounted read-only
        with contextlib.suppress(OSError):
            if is_whole:
                os.utime(path)  # `purge` removes files by the time of their last use
            else:
                path.unlink(missing_ok=True)
        return _unpack(content) if is_whole else None

    def put(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding under a key, where the folder can be written to.

        Args:
            key: Letters, digits, dots, dashes and underscores.
            embedding: As `Segmenter.embed` returned it.

        Raises:
            InputError: If the key has any other character.
            OutputError: If the disk is full, or the folder can no longer be written to.
        """
        if not self.is_writable:
            return
        content = _pack(embedding)
        try:
            self._write(self._path(key), hashlib.sha256(content).digest() + content)
        except OSError as error:
            raise OutputError(f"cannot keep an embedding: {error.strerror}") from error
        if self.max_bytes is not None:
            self.purge(self.max_bytes, keep=key)

    def names(self) -> list[str]:
        """Keys of all embeddings, sorted."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self._files())

    def size_bytes(self) -> int:
        """Size of all embeddings together, in bytes."""
        return sum(size for _, size, _ in self._by_use())

    def purge(self, max_bytes: int = 0, *, keep: str | None = None) -> int:
        """Remove embeddings, those used longest ago first, until the rest is small enough.

        Args:
            max_bytes: Largest size of the embeddings that stay.
            keep: Key of an embedding that stays in any case.

        Returns:
            Number of embeddings that were removed.
        """
        files = self._by_use()
        total = sum(size for _, size, _ in files)
        removed = 0
        for _, size, path in files:
            if total <= max_bytes:
                break
            if keep is not None and path == self._path(keep):
                continue
            path.unlink(missing_ok=True)  # another process may have been first
            total -= size
            removed += 1
        return removed

    def _write(self, path: Path, content: bytes) -> None:
        with atomic_output(path) as part:
            part.touch(mode=_PRIVATE_MODE if self.private else _SHARED_MODE)
            part.write_bytes(content)

    def _files(self) -> list[Path]:
        # names of files that are being written begin with a dot
        return [p for p in self.folder.glob(f"*{SUFFIX}") if not p.name.startswith(".")]

    def _by_use(self) -> list[tuple[int, int, Path]]:
        """(time of last use, size, path) of every embedding, the one used longest ago first."""
        found = []
        for path in self._files():
            try:
                status = path.stat()
            except FileNotFoundError:  # removed by another process
                continue
            found.append((status.st_mtime_ns, status.st_size, path))
        return sorted(found)

    def _path(self, key: str) -> Path:
        if not _NAME.fullmatch(key):
            raise InputError(f"a key is made of letters, digits, dots and dashes, got {key!r}")
        return self.folder / f"{key}{SUFFIX}"


def _pack(embedding: Embedding) -> bytes:
    about = {
        "image_size_hw": json.dumps(embedding.image_size_hw),
        "input_size_hw": json.dumps(embedding.input_size_hw),
        "model": embedding.model,
    }
    return tensor_bytes.pack({"features": np.ascontiguousarray(to_host(embedding.features))}, about)


def _unpack(content: bytes) -> Embedding:
    arrays, about = tensor_bytes.unpack(content)
    image_hw, input_hw = json.loads(about["image_size_hw"]), json.loads(about["input_size_hw"])
    return Embedding(
        arrays["features"],
        (image_hw[0], image_hw[1]),
        (input_hw[0], input_hw[1]),
        about["model"],
    )


def _can_write(folder: Path) -> bool:
    # permission bits know nothing of read-only mounts, so a file is written
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        # a full disk is reported when an embedding is written
        return error.errno not in {errno.EROFS, errno.EACCES, errno.EPERM}


def _read_signature(path: Path) -> Mapping[str, Any]:
    try:
        known: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {path}: {error} (delete that folder, or give another)"
        ) from error
    return known


def _opened_elsewhere(folder: Path, max_bytes: int | None, private: bool) -> EmbeddingStore:  # noqa: FBT001  # as it was pickled
    """The store of another process, whose folder this one has to see."""
    if not (folder / SIGNATURE).is_file():
        raise InputError(f"no embeddings are seen in {folder}: give a folder that is shared")
    return EmbeddingStore(
        folder, _read_signature(folder / SIGNATURE), max_bytes=max_bytes, private=private
    )


def _check_same(known: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    if differing := differences(known, now):
        raise InputError(
            f"{folder} holds embeddings of something else ({'; '.join(differing)}): give another "
            f"folder, or delete this one"
        )
