"""Rescale: stored values times a slope plus an intercept, in the smallest type that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RESULT_TYPES = (np.int16, np.uint16, np.int32)
"""Integer types of a rescaled volume, of which the first that holds its values is taken."""


def rescale_integers(
    stored: npt.NDArray[Any], slope: int = 1, intercept: int = 0
) -> npt.NDArray[Any]:
    """Integers times slope plus intercept, exactly; in place where the result is as wide.

    Args:
        stored: (k, j, i) integers in native byte order, which may be overwritten.
        slope: Not 0.
        intercept: Added after the multiplication.

    Returns:
        (k, j, i) values of the stored type where nothing changes, else of the smallest of
        `RESULT_TYPES` that holds every value, else float32.
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


def _rescale_floats(
    stored: npt.NDArray[Any], slope: float = 1.0, intercept: float = 0.0
) -> npt.NDArray[np.float32]:
    """Values times slope plus intercept, computed slice by slice in float64, as float32."""
    out = np.empty(stored.shape, dtype=np.float32)
    for k, plane in enumerate(stored):
        out[k] = plane.astype(np.float64) * slope + intercept
    return out


def smallest_type(low: int, high: int) -> Any:
    """The smallest of `RESULT_TYPES` that holds integers from low to high, else float32."""
    for dtype in RESULT_TYPES:
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return dtype
    return np.float32


def volume_values(
    stored: npt.NDArray[Any], slope: float = 1.0, intercept: float = 0.0
) -> npt.NDArray[Any]:
    """Stored values (k, j, i) of a volume file, rescaled, in a type that `Volume` holds.

    Integers of 8 to 32 bits are kept, or rescaled exactly by whole numbers. 64-bit integers become
    the smallest type that holds them, and everything else float32.
    """
    native = _native(stored)
    whole = float(slope).is_integer() and float(intercept).is_integer()
    if native.dtype.kind not in "iu" or not whole:
        if native.dtype == np.float32 and (slope, intercept) == (1.0, 0.0):
            return native
        return _rescale_floats(native, slope, intercept)
    if native.dtype.itemsize > 4:  # noqa: PLR2004  # bytes of the widest integers that are kept
        native = native.astype(smallest_type(int(native.min()), int(native.max())))
        if native.dtype.kind == "f":
            return _rescale_floats(native, slope, intercept)
    return rescale_integers(native, int(slope), int(intercept))


def _native(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values in the byte order of the machine, swapped in place where the array is writable."""
    if stored.dtype.isnative:
        return stored
    swapped = stored.byteswap(inplace=stored.flags.writeable)
    return swapped.view(swapped.dtype.newbyteorder("="))
