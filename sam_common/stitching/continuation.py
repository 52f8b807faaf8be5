"""Continuation: the rest of an object beyond its window's edge, asked for in the next window.

```
window A          overlap        window B
+-----------------+======+-----------------+
|        aaaaaaaaa|aaaaaa|                 |   B has no mask that agrees with a in the overlap:
|                 | * * *|? ? ? ? ?        |   points inside a are prompts in B, and a mask that
+-----------------+======+-----------------+   agrees with a in the overlap is the rest of it
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from sam_common.masks.instance import Instance
from sam_common.prompts import Prompts
from sam_common.stitching.evidence import TWIN_IOU
from sam_common.stitching.regions import crop, mask_iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.automatic.options import EverythingOptions
    from sam_common.masks.decoded import MaskRegion, Masks
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.stitching.groups import Groups
    from sam_common.window import Window

POINTS = 3
"""Prompt points inside what is known of an object."""
CONTINUATION_IOU = 0.7
"""Least IoU inside the overlap of a continuation with the mask that it continues."""

Ends: TypeAlias = "dict[int, list[tuple[int, int]]]"
"""For each window the instances that should go on in it, as (window, number in that window)."""


def open_ends(groups: Groups) -> Ends:
    """Instances that end at their window's edge and have no partner in the window beyond it.

    Args:
        groups: Groups of all instances, as `find_groups` gives them.

    Returns:
        The instances by the window in which they should go on; windows and instances ascending.
    """
    ends: Ends = {}
    for number, other in groups.open_ends:
        n = groups.window_of(number)
        ends.setdefault(other, []).append((n, number - groups.offsets[n]))
    return {other: sorted(ends[other]) for other in sorted(ends)}


def continuations(
    segmenter: Segmenter,
    embedding: Embedding,
    window: Window,
    known: Sequence[Instance],
    ends: Sequence[tuple[Window, Instance]],
    *,
    options: EverythingOptions,
) -> list[Instance]:
    """The rest, in one window, of objects that its neighbours saw in part.

    Args:
        segmenter: A segmenter that takes points.
        embedding: The window's embedding.
        window: (row, col) in the image.
        known: Instances of the window, in image indices.
        ends: Instances of neighbouring windows in image indices, each with its window.
        options: Filters of predicted IoU and stability, which hold for continuations too.

    Returns:
        Instances in image indices that have an IoU of at least `CONTINUATION_IOU` with an instance
        of a neighbour inside the overlap, and are no twins of known ones.
    """
    overlaps = [(home.intersect(window), instance.region) for home, instance in ends]
    seen = [(place, crop(region, place)) for place, region in overlaps if place is not None]
    parts = [(place, part) for place, part in seen if part is not None]
    if not parts:
        return []
    origin = np.array(window.start[::-1])
    points = np.stack([inner_points(part) - origin for _, part in parts])
    found: list[Instance] = []
    waiting = iter(parts)
    batches = segmenter.decode_batches(
        embedding, Prompts.from_points(points), multimask=segmenter.capabilities.multimask
    )
    for masks in batches:
        for row in range(len(masks)):
            best = _agreeing(masks, row, *next(waiting), window.start, options)
            if best is not None and not any(
                mask_iou(best.region, o.region) > TWIN_IOU for o in (*known, *found)
            ):
                found.append(best)
    return found


def _agreeing(
    masks: Masks,
    row: int,
    place: Window,
    part: MaskRegion,
    origin: Sequence[int],
    options: EverythingOptions,
) -> Instance | None:
    """The mask that agrees best with a part inside the overlap, of those above the filters."""
    best, best_iou = None, CONTINUATION_IOU
    for c in range(masks.scores.shape[1]):
        score, region = float(masks.scores[row, c]), masks.region(row, c)
        if region is None or score <= options.pred_iou_thresh:
            continue
        moved = region.shift((origin[0], origin[1]))
        inner = crop(moved, place)
        if inner is None or (iou := mask_iou(inner, part)) < best_iou:
            continue
        stability = masks.full_stability(row, c, offset=options.stability_score_offset)
        if stability >= options.stability_score_thresh:
            best, best_iou = Instance(moved, score, stability), iou
    return best


def inner_points(region: MaskRegion) -> npt.NDArray[np.float64]:
    """Points deep inside a mask and far from each other, as prompts for it.

    The first is the pixel farthest from the background. Each next one is the pixel farthest from
    the points before it, of the pixels at least half as deep as the first.

    Returns:
        (`POINTS`, 2) x, y in the indices of the mask's image.
    """
    depth = cv2.distanceTransform(
        np.pad(region.mask, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    deep = np.argwhere(depth >= depth.max() / 2)
    first = np.unravel_index(int(depth.argmax()), depth.shape)
    points = [np.array(first)]
    for _ in range(POINTS - 1):
        away = np.min([((deep - point) ** 2).sum(axis=1) for point in points], axis=0)
        points.append(deep[int(away.argmax())])
    inside = np.array(points, dtype=np.float64) - 1 + np.array(region.window.start)
    return np.asarray(inside[:, ::-1])
