"""Stored bits: which of its allocated bits hold the value of a pixel (PS3.5, 8.1.1).

```
BitsAllocated 16, BitsStored 12, HighBit 11     ....vvvvvvvvvvvv     usual
BitsAllocated 16, BitsStored 12, HighBit 15     vvvvvvvvvvvv....     moved down by 4
```
The dotted bits may hold anything, e.g. overlays in old files. pydicom clears those above the value,
and assumes that HighBit is BitsStored - 1; other values of HighBit are handled here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sam_med.dicom import tag_values as tags
from sam_med.geometry.diagnostics import refused

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from sam_med.headers.slice_header import Bits


def bits_of(dataset: Dataset) -> Bits | None:
    """BitsAllocated, BitsStored and HighBit; None for the usual HighBit, or if one is missing."""
    found = [tags.number(dataset, tag) for tag in ("BitsAllocated", "BitsStored", "HighBit")]
    allocated, stored, high = (None if one is None else int(one) for one in found)
    if allocated is None or stored is None or high is None or high == stored - 1:
        return None
    return allocated, stored, high


def is_possible(bits: Bits) -> bool:
    """Whether BitsStored, HighBit and BitsAllocated are consistent."""
    allocated, stored, high = bits
    return 0 < stored <= high + 1 <= allocated


def moved_down(image: npt.NDArray[Any], bits: Bits) -> npt.NDArray[Any]:
    """Move the values of pixels to the lowest bits, in place and with their sign.

    Args:
        image: Integers of BitsAllocated bits as stored, of any shape; overwritten.
        bits: From `bits_of`.

    Raises:
        RefusedError: "undecodable": all values are in the lowest bits, against HighBit.
    """
    allocated, stored, high = bits
    below = high + 1 - stored
    plain = image.view(image.dtype.str.replace("i", "u"))
    used = int(np.bitwise_or.reduce(plain, axis=None))
    if used % (1 << below) and used < 1 << stored:
        message = f"HighBit is {high}, but the pixels lie in the lowest {stored} bits"
        raise refused("undecodable", message, high_bit=high, bits_stored=stored)
    np.left_shift(image, allocated - 1 - high, out=image)
    np.right_shift(image, allocated - stored, out=image)  # signed numbers keep their sign
    return image
