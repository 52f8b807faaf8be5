"""Tensor bytes: named arrays and a note in the safetensors format, to be wrapped by other files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import safetensors.numpy

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt


def pack(arrays: Mapping[str, npt.NDArray[Any]], note: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file with these arrays, and the note as its metadata.

    Law: what is equal gives equal bytes, in every process.
    """
    packed: bytes = safetensors.numpy.save(dict(arrays), dict(note))
    return _in_order(packed) if len(note) > 1 else packed


def _in_order(packed: bytes) -> bytes:
    """The same file with its metadata by name: the library writes them in an order by chance."""
    length = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + packed[8 + length :]


def unpack(content: bytes) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The arrays and the note that `pack` was given.

    The library reads metadata from files only, so the header is parsed here: eight bytes of length,
    lowest first, then JSON (https://huggingface.co/docs/safetensors).
    """
    length = int.from_bytes(content[:8], "little")
    note: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return safetensors.numpy.load(content), note
