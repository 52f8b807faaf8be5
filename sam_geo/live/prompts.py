"""Prompts of a live object: its points, box and painted mask as one prompt of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_common.masks.rle import RLE, decode_region
from sam_common.prompts import POSITIVE
from sam_geo.outlines.polygonize import outline
from sam_geo.prompts.geo_prompt import GeoPrompt, clip_prompt

if TYPE_CHECKING:
    from sam_common.masks.decoded import MaskRegion
    from sam_common.server.sessions.object_state import Asked, MaskState

HALF_PX = 0.5
"""Distance between the corner of a pixel and its centre, the origin of indices."""


def prompt_of(asked: Asked, size_hw: tuple[int, int]) -> GeoPrompt | None:
    """All prompts of an object as one prompt, cut at the raster's edge.

    Args:
        asked: Points, boxes and painted masks in raster indices; of boxes and masks the first one
            counts.
        size_hw: Rows and columns of the raster.

    Returns:
        None where there is neither a box, nor a mask, nor a point on the object.

    Raises:
        PromptError: The only prompt is a painted mask without a pixel.
    """
    boxes = [(b.box[0], b.box[1], b.box[2], b.box[3]) for b in asked.boxes]
    if not boxes and (not asked.points or any(mask.is_final for mask in asked.masks)):
        # a mask alone is decoded with its bounding box, as the polygon of a job is; points correct
        # a mask that was the object
        boxes = [box_of(mask) for mask in asked.masks]
    labels = tuple(p.label for p in asked.points)
    if not boxes and POSITIVE not in labels:
        return None
    prompt = GeoPrompt(
        0,
        None,
        boxes[0] if boxes else None,
        tuple((p.point[0], p.point[1]) for p in asked.points),
        labels,
        outline_of(asked.masks[0]) if asked.masks else None,
    )
    return clip_prompt(prompt, size_hw)


def final_mask(asked: Asked) -> MaskRegion | None:
    """The mask of an object that is known and has no other prompt; None where it is decoded.

    Raises:
        PromptError: The mask has no pixel.
    """
    if asked.points or asked.boxes or not asked.masks or not asked.masks[0].is_final:
        return None
    mask = asked.masks[0]
    if (region := decode_region(_runs(mask))) is None:
        raise PromptError("the painted mask is empty")
    return region.shift((mask.window[0][0], mask.window[0][1]))


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
