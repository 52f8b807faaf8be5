"""Modality LUT: a table with a value for each stored number (PS3.3, C.11.1.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.uid import ExplicitVRBigEndian

if TYPE_CHECKING:
    import numpy.typing as npt
    from pydicom.dataset import Dataset

MOST = 1 << 16
"""Number of entries of the largest table, which is written as 0."""
HALF = 1 << 15
"""First unsigned number that is negative as a signed one of 16 bits."""
BYTE_BITS = 8


def apply_modality_lut(
    image: npt.NDArray[Any], dataset: Dataset, syntax: str
) -> npt.NDArray[np.uint8 | np.uint16]:
    """The table entry of each stored number; numbers beyond the table get its first or last entry.

    Args:
        image: Stored integers of any shape.
        dataset: A header with a ModalityLUTSequence.
        syntax: UID of the transfer syntax in which the data set is really written.

    Returns:
        Values of the shape of the image.

    Raises:
        ValueError: The table has fewer entries than its descriptor states.
    """
    item = dataset.ModalityLUTSequence[0]
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    signed = int(dataset.get("PixelRepresentation", None) or 0) == 1
    # the first number is signed like the pixels, which files with implicit value types do not tell
    if signed and first >= HALF:
        first -= MOST
    elif not signed and first < 0:
        first += MOST
    table = _entries(item.LUTData, entries or MOST, bits, big=syntax == ExplicitVRBigEndian)
    at = np.clip(image.astype(np.int64) - first, 0, len(table) - 1)
    return table[at]


def _entries(data: Any, count: int, bits: int, *, big: bool) -> npt.NDArray[np.uint8 | np.uint16]:
    """The entries of LUTData, whether pydicom parsed them or returned bytes."""
    if not isinstance(data, bytes):
        table = np.atleast_1d(np.asarray(data)).astype(np.uint16)
    elif bits <= BYTE_BITS and len(data) < 2 * count:
        # one byte for each entry, and perhaps a padding byte
        table = np.frombuffer(data, np.uint8)
    else:
        table = np.frombuffer(data, ">u2" if big else "<u2").astype(np.uint16)
    if len(table) < count:
        raise ValueError("the Modality LUT has fewer entries than it says")
    return table[:count].astype(np.uint8 if bits <= BYTE_BITS else np.uint16)
