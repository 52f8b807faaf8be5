"""Training pixels: where the samples lie that a map was learned from, kept in its record.

An accuracy from these pixels is that of learning by heart, so no interval follows from them.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sam_geo.results.record import manifest_path

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]


def pack_pixels(cells: IntArray) -> str:
    """Pixels (N, 2) as text: rows and columns in 32 bits each, compressed, in base 64.

    Law: `unpack_pixels(pack_pixels(cells))` is `cells`.
    """
    return base64.b64encode(zlib.compress(cells.astype("<u4").tobytes(), 9)).decode("ascii")


def unpack_pixels(text: str) -> IntArray:
    """(N, 2) pixels of a text.

    Raises:
        ValueError: The text is damaged.
    """
    try:
        packed = zlib.decompress(base64.b64decode(text, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"no packed pixels: {error}") from error
    return np.frombuffer(packed, dtype="<u4").reshape(-1, 2).astype(np.int64)


def training_pixels(class_map: str | os.PathLike[str]) -> IntArray:
    """(N, 2) row and column of the pixels that a map was learned from; none where unknown."""
    try:
        record = json.loads(manifest_path(Path(class_map)).read_text(encoding="utf-8"))
        return unpack_pixels(record["training"]["pixels"])
    # no record, that of another program, or of a map by a model of another image
    except (OSError, ValueError, TypeError, KeyError):
        return np.empty((0, 2), dtype=np.int64)
