"""From any dtype to uint8: pure functions of a value and explicit limits.

The limits are chosen once per job (`sam_geo.raster.stretch`, `sam_med.slices.window_level`), so one
value gives one byte wherever it occurs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError


def to_uint8(array: npt.ArrayLike, lo: float, hi: float) -> npt.NDArray[np.uint8]:
    """Map `lo` to 0 and `hi` to 255, linearly, rounded to nearest, clipped outside.

    Args:
        array: Values of any real dtype and shape; booleans count as 0 and 1.
        lo: Value that becomes 0.
        hi: Value that becomes 255. Where `hi == lo` there is no contrast to show and everything
            becomes 0.

    Returns:
        uint8 array of the same shape. NaN and infinities become 0.

    Raises:
        InputError: The values are complex, or the limits are not finite or out of order.

    >>> to_uint8([-1.0, 0.0, 1.0, 2.0, 9.0, float("nan"), float("inf")], 0, 2).tolist()
    [0, 0, 128, 255, 255, 0, 0]
    """
    values = np.asarray(array)
    if np.iscomplexobj(values):
        raise InputError(f"complex values have no grey level, got dtype {values.dtype}")
    if not (np.isfinite(lo) and np.isfinite(hi) and lo <= hi):
        raise InputError(f"limits must be finite with lo <= hi, got {lo} and {hi}")
    # halves, so that the width of the largest floats does not overflow; no width, no contrast
    half_width = hi / 2 - lo / 2
    if half_width == 0:
        return np.zeros(values.shape, dtype=np.uint8)
    # float64 holds every int32 and float32 exactly, so equal values stay equal
    scaled = values.astype(np.float64)
    finite = np.isfinite(scaled)
    scaled = np.where(finite, scaled, lo)
    scaled = np.clip(scaled, lo, hi)
    scaled = (scaled / 2 - lo / 2) / half_width * 255 + 0.5
    return np.where(finite, scaled, 0).astype(np.uint8)
