"""Painted masks of a live raster: their bounding boxes and outlines in raster indices."""

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
"""Distance between the corner of a pixel and its centre, the origin of indices."""


def box_of(mask: MaskState) -> tuple[float, float, float, float]:
    """The bounding box of a painted mask along the outer edges of its pixels.

    Returns:
        (x0, y0, x1, y1) in raster indices.

    Raises:
        PromptError: The mask has no pixel.
    """
    found = _runs(mask).box_xyxy
    if found is None:
        raise PromptError("the painted mask is empty")
    (top, left), _ = mask.window
    x0, y0, x1, y1 = found
    return x0 + left - HALF_PX, y0 + top - HALF_PX, x1 + left + HALF_PX, y1 + top + HALF_PX


def outline_of(mask: MaskState) -> shapely.Geometry | None:
    """The outline of a painted mask in raster indices, as `GeoPrompt.outline` takes it.

    Returns:
        A polygon along pixel edges; None where the mask has no pixel.
    """
    if (region := decode_region(_runs(mask))) is None:
        return None
    region = region.shift((mask.window[0][0], mask.window[0][1]))
    # outlines count from pixel corners, indices from pixel centres
    return shapely.transform(outline(region), lambda corners: corners - HALF_PX)


def _runs(mask: MaskState) -> RLE:
    """The run lengths of a painted mask within its window."""
    (top, left), (bottom, right) = mask.window
    return RLE((bottom - top, right - left), np.array(mask.counts))
