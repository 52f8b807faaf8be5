"""Slice masks: what is drawn on single slices of a live volume, decoded on them alone, at once.

```
painted mask on a slice      as it was painted
box, points, or both         one mask for each slice, from all of its prompts
3-D box and nothing else     its middle slice along the finest axis, until it is propagated
```
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from sam_common.prompts import Prompts
from sam_common.server.sessions.live_source import PlacedMask, Result
from sam_med.geometry.slice_box import AXES
from sam_med.geometry.voxel_box import box_from_ijk
from sam_med.live.prompts import is_on, nearest, painted_slice, slice_box
from sam_med.live.results import hull_of
from sam_med.propagate.planes import finest_axis
from sam_med.propagate.prediction import across, edges

if TYPE_CHECKING:
    from sam_common.server.sessions.object_state import Asked, BoxState, MaskState
    from sam_med.slices.embedded_slices import SliceEmbeddings


def segment_slices(slices: SliceEmbeddings, asked: Asked) -> Result:
    """The masks of an object on the slices that have prompts.

    Args:
        slices: Embeddings of the volume.
        asked: The prompts of the object, in voxel indices.

    Returns:
        Masks, their window, the lowest predicted IoU as score and the lowest stability as
        confidence; the seconds count as encoding where a slice had to be encoded.
    """
    started = time.perf_counter()
    calls = slices.calls
    found = [_mask_on(slices, place, asked) for place in _places(slices, asked)]
    seconds = {"encode": 0.0, "decode": 0.0}
    seconds["encode" if slices.calls > calls else "decode"] = time.perf_counter() - started
    if not found:
        return Result("no_prompt")
    masks = tuple(mask for mask, _, _ in found if mask is not None)
    score = min(score for _, score, _ in found)
    if not masks:
        return Result("empty", score=score, seconds=seconds)
    return Result(
        "ok",
        masks,
        hull_of(masks),
        sum(int(np.count_nonzero(mask.array)) for mask in masks),
        round(score, 4),
        round(min(stability for _, _, stability in found), 4),
        seconds=seconds,
    )


def _places(slices: SliceEmbeddings, asked: Asked) -> list[tuple[int, int]]:
    """The (axis, index) of slices to segment, in the order in which they were prompted."""
    prompts: tuple[MaskState | BoxState, ...] = (*asked.masks, *asked.boxes)
    places = [each.place for each in prompts if each.place is not None]
    axis = finest_axis(slices.volume)
    boxed = set(places)
    places += [
        (axis, nearest(point.point, axis))
        for point in asked.points
        if point.label == 1 and not any(is_on(point.point, place) for place in boxed)
    ]
    if not places:
        # of a 3-D box the middle slice is shown until it is propagated
        windows = [box_from_ijk(box.box) for box in asked.boxes]
        places = [(axis, (w.start[axis] + w.stop[axis] - 1) // 2) for w in windows]
    return list(dict.fromkeys(places))


def _mask_on(
    slices: SliceEmbeddings, place: tuple[int, int], asked: Asked
) -> tuple[PlacedMask | None, float, float]:
    """The mask on one slice, its predicted IoU and its stability; 1 and 1 where it was painted."""
    axis, index = place
    for mask in asked.masks:
        if mask.place == place:
            painted = painted_slice(mask)
            return PlacedMask(painted.window, painted.mask, axis, index), 1.0, 1.0
    prompts = _prompts_on(slices, place, asked)
    multimask = prompts.boxes_xyxy is None and slices.segmenter.capabilities.multimask
    masks = slices.decode(axis, index, prompts, multimask=multimask).best()
    score, stability = float(masks.scores[0, 0]), float(masks.stability()[0, 0])
    if (region := masks.region(0)) is None:
        return None, score, stability
    return PlacedMask(region.window, region.mask, axis, index), score, stability


def _prompts_on(slices: SliceEmbeddings, place: tuple[int, int], asked: Asked) -> Prompts:
    """All prompts of one slice as one; where it has none of its own, the 3-D box on it."""
    axis = place[0]
    rows, cols = (d for d in AXES if d != axis)
    box = next((slice_box(b).window for b in asked.boxes if b.place == place), None)
    points = [p for p in asked.points if is_on(p.point, place)]
    if box is None and not points:
        whole = next(box_from_ijk(b.box) for b in asked.boxes if b.place is None)
        box = across(whole.intersect(slices.volume.window) or whole, axis)
    return Prompts(
        boxes_xyxy=None if box is None else np.array([edges(box)]),
        points_xy=np.array([[(p.point[2 - cols], p.point[2 - rows]) for p in points]])
        if points
        else None,
        point_labels=np.array([[p.label for p in points]]) if points else None,
    )
