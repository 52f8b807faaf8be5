"""Masks that a person paints on a live raster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_common.rle import RLE
from sam_common.rle import decode as decode_runs
from sam_common.window import Window

if TYPE_CHECKING:
    from sam_common.server.history import MaskState
    from sam_geo.windows import ReadWindow


def box_of(mask: MaskState) -> tuple[float, float, float, float]:
    """Outer edges of its pixels in raster indices.

    Raises:
        PromptError: It has none.
    """
    found = _runs(mask).box_xyxy
    if found is None:
        raise PromptError("the painted mask is empty")
    (top, left), _ = mask.window
    x0, y0, x1, y1 = found
    return x0 + left - 0.5, y0 + top - 0.5, x1 + left + 0.5, y1 + top + 0.5


def painted_in(mask: MaskState, read: ReadWindow) -> np.ndarray[Any, Any]:
    """A painted mask in the image that is read."""
    whole = np.zeros(read.window.shape, dtype=np.bool_)
    given = Window(*mask.window)
    if (shared := given.intersect(read.window)) is not None:
        part = decode_runs(_runs(mask))[shared.shift([-s for s in given.start]).slices]
        whole[shared.shift([-s for s in read.window.start]).slices] = part
    if read.is_native:
        return whole
    rows, cols = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for old, new in zip(read.window.shape, read.size_hw, strict=True)
    )
    return np.asarray(whole[np.ix_(rows, cols)])


def _runs(mask: MaskState) -> RLE:
    (top, left), (bottom, right) = mask.window
    return RLE((bottom - top, right - left), np.array(mask.counts))
