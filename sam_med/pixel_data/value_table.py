"""Value table: the Modality LUT, which gives a value for each stored number (PS3.3, C.11.1.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.uid import ExplicitVRBigEndian

if TYPE_CHECKING:
    import numpy.typing as npt
    from pydicom.dataset import Dataset

MOST = 1 << 16
"""Entries of the largest table, whose number is written as 0."""
HALF = 1 << 15
BYTE_BITS = 8


def through_table(
    image: npt.NDArray[Any], dataset: Dataset, syntax: str
) -> npt.NDArray[np.uint8 | np.uint16]:
    """The entry of each stored number; those below and above the table get its ends.

    Args:
        image: Integers of any shape.
        dataset: With a `ModalityLUTSequence`.
        syntax: UID of the transfer syntax in which the data set is really written.

    Raises:
        ValueError: The table has fewer entries than it says.
    """
    item = dataset.ModalityLUTSequence[0]
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    signed = int(dataset.get("PixelRepresentation", None) or 0) == 1
    # the type of the first number is that of pixels, which a sequence of no stated types hides
    if signed and first >= HALF:
        first -= MOST
    elif not signed and first < 0:
        first += MOST
    table = _entries(item.LUTData, entries or MOST, bits, big=syntax == ExplicitVRBigEndian)
    at = np.clip(image.astype(np.int64) - first, 0, len(table) - 1)
    return table[at]


def _entries(data: Any, count: int, bits: int, *, big: bool) -> npt.NDArray[np.uint8 | np.uint16]:
    if not isinstance(data, bytes):
        table = np.atleast_1d(np.asarray(data)).astype(np.uint16)
    elif bits <= BYTE_BITS and len(data) < 2 * count:  # one byte each, and perhaps one to be even
        table = np.frombuffer(data, np.uint8)
    else:
        table = np.frombuffer(data, ">u2" if big else "<u2").astype(np.uint16)
    if len(table) < count:
        raise ValueError("the Modality LUT has fewer entries than it says")
    return table[:count].astype(np.uint8 if bits <= BYTE_BITS else np.uint16)
