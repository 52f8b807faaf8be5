"""Rescale: stored values times a slope plus an intercept, in the smallest type that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RESULT_TYPES = (np.int16, np.uint16, np.int32)
"""Integer types of a rescaled volume, the smallest that holds its values is taken."""


def rescale_integers(
    stored: npt.NDArray[Any], slope: int = 1, intercept: int = 0
) -> npt.NDArray[Any]:
    """Integer values times slope plus intercept; in place where the type is as wide.

    Args:
        stored: (k, j, i) integers in native byte order, which may be overwritten.
        slope: Not 0.
        intercept: Added after.

    Returns:
        The stored type where nothing changes, else the smallest of `RESULT_TYPES` that holds
        every value, else float32.
    """
    if (slope, intercept) == (1, 0):
        return stored
    ends = [int(v) * slope + intercept for v in (stored.min(), stored.max())]
    dtype = smallest_type(min(ends), max(ends))
    if np.issubdtype(dtype, np.integer) and np.dtype(dtype).itemsize == stored.dtype.itemsize:
        # results that fit are right modulo 2**bits, whatever overflowed on the way
        values = stored.view(f"u{stored.dtype.itemsize}")
        values *= values.dtype.type(slope % 2 ** (8 * values.dtype.itemsize))
        values += values.dtype.type(intercept % 2 ** (8 * values.dtype.itemsize))
        return stored.view(dtype)
    out = np.empty(stored.shape, dtype=dtype)
    work: Any = np.float64 if dtype == np.float32 else np.int64
    for k, plane in enumerate(stored):
        out[k] = plane.astype(work) * slope + intercept
    return out


def rescale_floats(
    stored: npt.NDArray[Any], slope: float = 1.0, intercept: float = 0.0
) -> npt.NDArray[np.float32]:
    """The same in float32, computed plane by plane in float64 and rounded once."""
    out = np.empty(stored.shape, dtype=np.float32)
    for k, plane in enumerate(stored):
        out[k] = plane.astype(np.float64) * slope + intercept
    return out


def smallest_type(low: int, high: int) -> Any:
    """The smallest of `RESULT_TYPES` that holds a range, else float32."""
    for dtype in RESULT_TYPES:
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return dtype
    return np.float32


def settle(
    stored: npt.NDArray[Any], slope: float = 1.0, intercept: float = 0.0
) -> npt.NDArray[Any]:
    """Values of a volume file as a volume holds them.

    Integers of 8 to 32 bits are kept, or rescaled exactly by whole numbers. 64-bit integers become
    the smallest type that holds them, and everything else float32.
    """
    native = _native(stored)
    whole = float(slope).is_integer() and float(intercept).is_integer()
    if native.dtype.kind not in "iu" or not whole:
        if native.dtype == np.float32 and (slope, intercept) == (1.0, 0.0):
            return native
        return rescale_floats(native, slope, intercept)
    if native.dtype.itemsize > 4:  # noqa: PLR2004  # bytes; what files and networks take
        native = native.astype(smallest_type(int(native.min()), int(native.max())))
        if native.dtype.kind == "f":
            return rescale_floats(native, slope, intercept)
    return rescale_integers(native, int(slope), int(intercept))


def _native(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """In the byte order of the machine, swapped in place where that is allowed."""
    if stored.dtype.isnative:
        return stored
    swapped = stored.byteswap(inplace=stored.flags.writeable)
    return swapped.view(swapped.dtype.newbyteorder("="))
