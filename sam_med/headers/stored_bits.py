"""Stored bits: where in its allocated bits a pixel keeps its value (PS3.5, 8.1.1).

```
BitsAllocated 16, BitsStored 12, HighBit 11     ....vvvvvvvvvvvv     as nearly all are
BitsAllocated 16, BitsStored 12, HighBit 15     vvvvvvvvvvvv....     moved down by 4
```
The dots may hold anything, overlays in old files. pydicom clears those above the value, and takes
HighBit to be BitsStored - 1; where it is not, that is done here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sam_med.dicom import tag_values as tags
from sam_med.geometry.diagnostics import RefusedError, found

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from sam_med.headers.slice_header import Bits


def bits_of(dataset: Dataset) -> Bits | None:
    """BitsAllocated, BitsStored and HighBit; None for the usual place, or where one is missing."""
    found = [tags.number(dataset, tag) for tag in ("BitsAllocated", "BitsStored", "HighBit")]
    allocated, stored, high = (None if one is None else int(one) for one in found)
    if allocated is None or stored is None or high is None or high == stored - 1:
        return None
    return allocated, stored, high


def is_possible(bits: Bits) -> bool:
    """Whether a value of so many bits can end at the high bit."""
    allocated, stored, high = bits
    return 0 < stored <= high + 1 <= allocated


def moved_down(image: npt.NDArray[Any], bits: Bits) -> npt.NDArray[Any]:
    """Pixels with their value in the lowest bits, sign included.

    Args:
        image: Integers of the allocated bits, exactly as they are stored; overwritten.
        bits: From `bits_of`.

    Raises:
        RefusedError: "undecodable": the pixels are not where HighBit says, but all of them in the
            lowest bits.
    """
    allocated, stored, high = bits
    below = high + 1 - stored
    plain = image.view(image.dtype.str.replace("i", "u"))
    used = int(np.bitwise_or.reduce(plain, axis=None))
    if used % (1 << below) and used < 1 << stored:
        message = f"HighBit is {high}, but the pixels lie in the lowest {stored} bits"
        raise RefusedError([found("undecodable", message, high_bit=high, bits_stored=stored)])
    np.left_shift(image, allocated - 1 - high, out=image)
    np.right_shift(image, allocated - stored, out=image)  # of signed numbers: keeps the sign
    return image
