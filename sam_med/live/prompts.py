"""Prompts of a live volume: from the state that the server keeps to prompts of `sam_med`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from sam_common.errors import PromptError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.rle import RLE
from sam_common.masks.rle import decode as decode_runs
from sam_common.window import Window
from sam_med.geometry.slice_box import AXIS_NAMES, Axis, SliceBox
from sam_med.geometry.voxel_box import box_from_ijk
from sam_med.live.edits import whole_number
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint
from sam_med.propagate.correction import PaintedSlice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.server.sessions.object_state import Asked, BoxState, MaskState, Slice


def object_prompt(asked: Asked) -> ObjectPrompt:
    """The prompts of one object; a painted slice counts by the box around its mask.

    Raises:
        PromptError: A painted mask is empty.
    """
    whole = [b for b in asked.boxes if b.place is None]
    boxes = [slice_box(b) for b in asked.boxes if b.place is not None]
    boxed = {(b.axis, b.index) for b in boxes}
    for mask in asked.masks:
        painted = painted_slice(mask)
        if (painted.axis, painted.index) not in boxed:
            boxes.append(_box_around(painted))
    points = [VoxelPoint(_kji_of(p.point), p.label == 1) for p in asked.points]
    return ObjectPrompt(
        "object",
        1,
        box_from_ijk(whole[0].box) if whole else None,
        tuple(boxes),
        tuple(points),
    )


def nearest(point: Sequence[float], axis: int) -> int:
    """The index of the slice along an axis that an (i, j, k) point lies on."""
    return whole_number(point[2 - axis])


def is_on(point: Sequence[float], place: Slice) -> bool:
    """Whether an (i, j, k) point lies on the slice of a place (axis, index)."""
    return place is not None and nearest(point, place[0]) == place[1]


def slice_box(box: BoxState) -> SliceBox:
    """A box that was drawn on a slice, whose corners are inclusive voxels, as a `SliceBox`."""
    axis, index = cast("tuple[Axis, int]", box.place)
    x0, y0, x1, y1 = (int(v) for v in box.box)
    return SliceBox(axis, index, Window((y0, x0), (y1 + 1, x1 + 1)))


def painted_slice(mask: MaskState) -> PaintedSlice:
    """A mask that was painted on a slice, decoded from its run lengths."""
    axis, index = cast("tuple[Axis, int]", mask.place)
    window = Window(*mask.window)
    runs = RLE((window.shape[0], window.shape[1]), np.array(mask.counts))
    return PaintedSlice(axis, index, window, decode_runs(runs))


def _box_around(painted: PaintedSlice) -> SliceBox:
    """The smallest box around a painted mask, which must not be empty."""
    region = MaskRegion.tight(painted.window.start, painted.mask)
    if region is None:
        raise PromptError(
            f"the mask painted on slice {AXIS_NAMES[painted.axis]}={painted.index} is empty: "
            "there is nothing to follow"
        )
    return SliceBox(painted.axis, painted.index, region.window)


def _kji_of(point: Sequence[float]) -> tuple[float, float, float]:
    """An (i, j, k) point as (k, j, i)."""
    return point[2], point[1], point[0]
