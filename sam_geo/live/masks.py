"""Masks that a person paints on a live raster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_common.masks.rle import RLE, decode_region
from sam_geo.outlines.polygonize import outline

if TYPE_CHECKING:
    from sam_common.server.sessions.history import MaskState

HALF_PX = 0.5


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


def outline_of(mask: MaskState) -> shapely.Geometry | None:
    """The outline of its pixels in raster indices, as a polygon that is given as a mask has it.

    None where it has none.
    """
    if (region := decode_region(_runs(mask))) is None:
        return None
    region = region.shift((mask.window[0][0], mask.window[0][1]))
    # from pixel corners to indices
    return shapely.transform(outline(region), lambda corners: corners - HALF_PX)


def _runs(mask: MaskState) -> RLE:
    (top, left), (bottom, right) = mask.window
    return RLE((bottom - top, right - left), np.array(mask.counts))
