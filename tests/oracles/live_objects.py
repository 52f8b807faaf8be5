"""Prompts of objects of a live raster, as a session asks for them."""

from __future__ import annotations

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.rle import encode
from sam_common.server.sessions.object_state import Asked, BoxState, MaskState
from sam_common.window import Window

BOX = Asked(boxes=(BoxState((19.5, 29.5, 59.5, 49.5)),))
"""Columns 20 to 59 and rows 30 to 49."""


def segmented(live, asked):
    """The mask of an object."""
    return live.segment(asked, lambda _: None)


def painted(mask, start=(0, 0)):
    """A mask as it comes from a client: run lengths of its window."""
    stop = tuple(s + n for s, n in zip(start, mask.shape, strict=True))
    whole = MaskRegion(Window.full(mask.shape), mask)
    return MaskState((start, stop), tuple(encode(whole, mask.shape).counts.tolist()))
