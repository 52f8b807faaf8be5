"""Confidence: how far the result on each slice can be trusted.

Four things are known of a slice: what the network says of its own mask, whether the mask is the
same at a higher and a lower threshold, whether it is like its neighbours, and whether the planes
say the same. The smallest of them is the slice's confidence, because each finds errors that the
others miss.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from sam_common.metrics.agreement import dice
from sam_med.objects.segments import SliceConfidence
from sam_med.propagate.vote import at, by_axis, stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_med.propagate.prediction import Look
    from sam_med.propagate.three_planes import Found

REVIEWED = 0
"""Slices are reviewed along the first axis of the volume."""
DOUBTFUL = 0.7
"""A slice is to be looked at where its confidence is below."""


def confidences(found: Found) -> tuple[SliceConfidence, ...]:
    """One for each slice of the object's window along the first axis, ascending."""
    window, mask = found.window, found.mask
    parts = by_axis(found.looks)
    stacks = [stack(part.values(), window) for part in parts.values()]
    rows = []
    for k in range(window.start[REVIEWED], window.stop[REVIEWED]):
        n = k - window.start[REVIEWED]
        looks = _looks_at(parts, found, k)
        iou = _mean([min(1.0, max(0.0, one.predicted_iou)) for one in looks])
        stability = _mean([one.stability for one in looks])
        neighbours = _neighbours(mask, n)
        planes = _planes([one[n] for one in stacks])
        known = [iou, stability, neighbours, *([] if planes is None else [planes])]
        given = any(one.given for one in looks)
        rows.append(
            SliceConfidence(
                k=k,
                # nothing is known better than what a person said
                confidence=1.0 if given else min(known),
                predicted_iou=iou,
                stability=stability,
                neighbours=neighbours,
                planes=planes,
            )
        )
    return tuple(rows)


def doubts(at: SliceConfidence) -> list[str]:
    """What makes a slice doubtful, in words, the worst first; empty where nothing does.

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


def _looks_at(parts: dict[int, dict[int, Look]], found: Found, k: int) -> Sequence[Look]:
    """The look on a slice, or where there is none those of other axes that see the object on it."""
    own = parts.get(REVIEWED, {}).get(k)
    if own is not None:
        return [own]
    window, seen = found.window, []
    n = k - window.start[REVIEWED]
    for axis, part in parts.items():
        if axis == REVIEWED:
            continue
        for index, one in part.items():
            # the first axis is the first one of any other axis' slices
            if found.mask[at(window, axis, index)][n].any():
                seen.append(one)
    return seen


def _neighbours(mask: npt.NDArray[np.bool_], n: int) -> float:
    """Mean Dice with the slices beside slice `n` of a mask; 1 where there is none."""
    beside = [m for m in (n - 1, n + 1) if 0 <= m < len(mask)]
    return _mean([dice(mask[n], mask[m]) for m in beside]) if beside else 1.0


def _planes(masks: Sequence[npt.NDArray[np.bool_]]) -> float | None:
    """Mean Dice between what the planes say on a slice; None for a single plane."""
    pairs = [dice(one, other) for one, other in combinations(masks, 2)]
    return _mean(pairs) if pairs else None


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
