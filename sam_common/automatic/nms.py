"""Non-maximum suppression: of objects that overlap too much, the best one stays.

The usual greedy algorithm (as `torchvision.ops.batched_nms`): the box with the best score is kept,
all boxes that overlap it by more than the threshold are dropped, and so on with the rest.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError

_BLOCK = 512
"""Boxes along each side of a table of pairs, so that the table fits the processor's cache."""

FloatArray: TypeAlias = npt.NDArray[np.float64]
IndexArray: TypeAlias = npt.NDArray[np.int64]


def batched_nms(
    boxes_xyxy: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: npt.ArrayLike,
    iou_threshold: float,
) -> IndexArray:
    """Suppress overlapping boxes within each group, as torchvision's function of this name does.

    Args:
        boxes_xyxy: (N, 4) corners, x0 <= x1 and y0 <= y1; a box has the area
            (x1 - x0) * (y1 - y0).
        scores: (N,) scores, of which a higher one is better.
        groups: (N,) integers; boxes of different groups never suppress each other.
        iou_threshold: IoU with a kept box above which a box is dropped, 0 to 1.

    Returns:
        Indices of the kept boxes, best score first, equal scores in the order of the input.

    Raises:
        InputError: If shapes do not agree, or values are not finite, or corners out of order.

    >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]]
    >>> batched_nms(boxes, [0.8, 0.9, 0.7], [0, 0, 0], 0.5).tolist()
    [1, 2]
    """
    boxes, confidence, labels = _check(boxes_xyxy, scores, groups, iou_threshold)
    order = np.argsort(-confidence, kind="stable")
    kept = np.empty(len(order), dtype=np.int64)
    count = 0
    for first in range(0, len(order), _BLOCK):
        block = order[first : first + _BLOCK]
        for before in range(0, count, _BLOCK):
            earlier = kept[before : min(count, before + _BLOCK)]
            same = labels[earlier][:, None] == labels[block]
            block = block[~_above(boxes[earlier], boxes[block], same, iou_threshold).any(axis=0)]
        same = labels[block][:, None] == labels[block]
        block = block[_greedy(_above(boxes[block], boxes[block], same, iou_threshold))]
        kept[count : count + len(block)] = block
        count += len(block)
    return kept[:count].copy()


def _greedy(over: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of n boxes stay, ordered best first, where `over[i, j]` says that i suppresses j."""
    alive = np.ones(len(over), dtype=np.bool_)
    for n in np.flatnonzero(np.triu(over, 1).any(axis=1)):
        if alive[n]:
            alive[n + 1 :] &= ~over[n, n + 1 :]
    return alive


def _above(
    a: FloatArray, b: FloatArray, same: npt.NDArray[np.bool_], threshold: float
) -> npt.NDArray[np.bool_]:
    """Whether boxes (M, 4) and (N, 4) of the same group have an IoU above the threshold, (M, N)."""
    # comparing corners is quick and few boxes overlap, so the IoU is computed for these alone
    above = same & (a[:, None, 0] < b[:, 2]) & (b[:, 0] < a[:, None, 2])
    above &= (a[:, None, 1] < b[:, 3]) & (b[:, 1] < a[:, None, 3])
    m, n = np.nonzero(above)
    sides = np.minimum(a[m, 2:], b[n, 2:]) - np.maximum(a[m, :2], b[n, :2])
    shared = sides[:, 0] * sides[:, 1]
    union = _area(a)[m] + _area(b)[n] - shared
    # the union is 0 where a box without width crosses one without height
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    above[m, n] = overlap > threshold
    return above


def _area(boxes: FloatArray) -> FloatArray:
    area: FloatArray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def _check(
    boxes_xyxy: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: npt.ArrayLike,
    iou_threshold: float,
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
    boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    confidence = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(groups)
    if boxes.ndim != 2 or boxes.shape[1] != 4:  # noqa: PLR2004
        raise InputError(f"boxes_xyxy must have shape (N, 4), got {boxes.shape}")
    for name, array in (("scores", confidence), ("groups", labels)):
        if array.shape != (len(boxes),):
            raise InputError(f"{name} must have shape ({len(boxes)},), got {array.shape}")
    if not 0 <= iou_threshold <= 1:
        raise InputError(f"iou_threshold must lie between 0 and 1, got {iou_threshold}")
    if np.isnan(confidence).any():
        raise InputError(f"scores must be numbers, got NaN at row {np.isnan(confidence).argmax()}")
    wrong = ~np.isfinite(boxes).all(axis=1) | (boxes[:, :2] > boxes[:, 2:]).any(axis=1)
    if wrong.any():
        raise InputError(
            f"boxes must be finite with min <= max, got {boxes[wrong.argmax()].tolist()}"
        )
    return boxes, confidence, labels
