"""Confidence: how far the mask on each slice of a propagated object can be trusted.

Four numbers are known of a slice: the IoU that the network predicts for its own mask, how little
the mask depends on the threshold, how well it agrees with its neighbours, and how well the axes
agree on the slice. The smallest of them is the slice's confidence, because each finds errors that
the others miss.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from sam_common.metrics.agreement import dice
from sam_med.objects.segments import SliceConfidence
from sam_med.propagate.vote import by_axis, slice_index, stacks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.propagate.prediction import Prediction, Predictions

REVIEW_AXIS = 0
"""Array axis along which slices are reviewed."""
DOUBTFUL = 0.7
"""A slice whose confidence is below this is to be checked by a person."""


def slice_confidences(
    window: Window, mask: npt.NDArray[np.bool_], predictions: Predictions
) -> tuple[SliceConfidence, ...]:
    """The confidence of each slice of an object's window along the first axis, ascending.

    Args:
        window: (k, j, i) part of the volume in which the object was searched.
        mask: Voxels of the object, an array of `window.shape`.
        predictions: The prediction on each slice of each axis that was used.
    """
    parts = by_axis(predictions)
    agreements = [
        _agreement_of_axes([one[n] for one in masks])
        for rows, masks in stacks(predictions, window)
        for n in range(rows.stop - rows.start)
    ]
    found = []
    for n, planes in enumerate(agreements):
        k = window.start[REVIEW_AXIS] + n
        here = _predictions_on(k, parts, window, mask)
        iou = _mean([min(1.0, max(0.0, one.predicted_iou)) for one in here])
        stability = _mean([one.stability for one in here])
        neighbours = _agreement_with_neighbours(mask, n)
        known = [iou, stability, neighbours, *([] if planes is None else [planes])]
        given = any(one.given for one in here)
        found.append(
            SliceConfidence(
                k=k,
                # what a person drew is trusted whatever the network says of it
                confidence=1.0 if given else min(known),
                predicted_iou=iou,
                stability=stability,
                neighbours=neighbours,
                planes=planes,
            )
        )
    return tuple(found)


def doubts(at: SliceConfidence) -> list[str]:
    """Sentences on what makes a slice doubtful, the worst first; none at `DOUBTFUL` or above.

    >>> doubts(SliceConfidence(5, 0.31, 0.9, stability=0.65, neighbours=1, planes=0.31))
    ['the planes disagree (0.31)', 'the outline depends on the threshold (0.65)']
    """
    told = (
        (at.predicted_iou, "the network itself is unsure"),
        (at.stability, "the outline depends on the threshold"),
        (at.neighbours, "unlike the neighbouring slices"),
        (at.planes, "the planes disagree"),
    )
    if at.confidence >= DOUBTFUL:
        return []
    low = sorted((value, why) for value, why in told if value is not None and value < DOUBTFUL)
    return [f"{why} ({value:.2f})" for value, why in low]


def _predictions_on(
    k: int,
    parts: dict[int, dict[int, Prediction]],
    window: Window,
    mask: npt.NDArray[np.bool_],
) -> Sequence[Prediction]:
    """The prediction on slice k, or where there is none those of other axes that cross it."""
    own = parts.get(REVIEW_AXIS, {}).get(k)
    if own is not None:
        return [own]
    n = k - window.start[REVIEW_AXIS]
    # rows of the slices along any other axis are counted along the first axis
    return [
        one
        for axis, part in parts.items()
        if axis != REVIEW_AXIS
        for index, one in part.items()
        if mask[slice_index(window, axis, index)][n].any()
    ]


def _agreement_with_neighbours(mask: npt.NDArray[np.bool_], n: int) -> float:
    """Mean Dice of slice `n` of a mask with the slices beside it; 1 for a single slice."""
    beside = [m for m in (n - 1, n + 1) if 0 <= m < len(mask)]
    return _mean([dice(mask[n], mask[m]) for m in beside]) if beside else 1.0


def _agreement_of_axes(masks: Sequence[npt.NDArray[np.bool_]]) -> float | None:
    """Mean Dice between the masks that the axes say of one slice; None for a single axis."""
    pairs = [dice(one, other) for one, other in combinations(masks, 2)]
    return _mean(pairs) if pairs else None


def _mean(values: Sequence[float]) -> float:
    """The mean of numbers; 0 where there are none."""
    return float(np.mean(values)) if values else 0.0
