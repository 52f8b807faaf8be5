"""Continuation: the rest of an object that ends at its window's edge, looked for beyond it.

```
window A          overlap        window B
+-----------------+======+-----------------+
|        aaaaaaaaa|aaaaaa|                 |   B has no mask that agrees with a in the overlap:
|                 | * * *|? ? ? ? ?        |   points inside a are asked for in B, and what agrees
+-----------------+======+-----------------+   with a there is the rest of it
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from sam_common.masks.instance import Instance
from sam_common.prompts import Prompts
from sam_common.stitching.link import crop
from sam_common.stitching.overlap_evidence import TWIN_IOU, mask_iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.automatic.options import EverythingOptions
    from sam_common.masks.decoded import MaskRegion, Masks
    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_common.stitching.groups import Groups
    from sam_common.window import Window

POINTS = 3
AGREEMENT = 0.7
"""Least IoU in the overlap of what is found with what was seen."""

Ends: TypeAlias = "dict[int, list[tuple[int, int]]]"
"""For each window: (window, number in that window) of instances that should go on in it."""


def open_ends(groups: Groups) -> Ends:
    """Instances that their window's edge ends and that nothing in the next window agrees with.

    Args:
        groups: What is known of all instances.
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
    """What goes on in a window of objects that its neighbours saw in part.

    Args:
        segmenter: One that takes points.
        embedding: Of the window.
        window: (row, col) in the image.
        known: Instances of the window, in image indices.
        ends: Instances of neighbouring windows in image indices, each with its window.
        options: Whose filters of score and stability hold here too.

    Returns:
        Instances in image indices that agree with what was seen in the overlap and are not among
        the known ones.
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
    """The candidate that agrees best with the part seen in a place, of those above the filters."""
    best, best_iou = None, AGREEMENT
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
    """(3, 2) points (x, y) deep inside a mask, in its own coordinates, far from each other.

    The first is the pixel farthest from the background, each next one the pixel farthest from
    those before it, of the pixels at least half as deep.
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
