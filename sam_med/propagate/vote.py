"""Votes: what the predictions along several axes together say of each voxel.

A prediction votes on the voxels of its slice with its certainty, -1 to 1, times a weight that grows
with its quality, the network's trust in its own mask:

    vote(voxel) = sum over predictions of max(quality - 0.3, 0.02)^2 * certainty(voxel)

A voxel belongs to the object where the sum is above 0. Of several connected pieces the one with the
largest sum is the object. In the last vote a prediction also counts by how well it, and all
predictions of its axis, agree with the vote before: an axis that sees the object badly, as across
a thin slab, then spoils nothing.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_med.propagate.prediction import FULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.propagate.prediction import Prediction, Predictions

DOUBTED_QUALITY = 0.3
"""Quality of predictions that are as often wrong as right."""
LEAST_TRUST = 0.02
"""Root of the least weight of a prediction, so that every voxel has a vote."""
TIE = 1e-6
"""Share of a sum of votes by which sums differ through rounding alone."""
FULL_REACH = 0.9
"""Share of a tight box's length from which an object counts as reaching its faces."""
LAST_VOTES = 2
"""Number of votes in which agreement counts; more of them change nothing."""
SCORE_DIGITS = 6
"""Decimals to which scores are compared: further ones depend on the order of the axes."""


def weight(one: Prediction) -> float:
    """The weight of a prediction's vote: 1 where a person gave it, else below a half."""
    return 1.0 if one.given else max(one.quality - DOUBTED_QUALITY, LEAST_TRUST) ** 2


def merit(one: Prediction, voted: npt.NDArray[np.bool_]) -> float:
    """How sure a prediction is of itself and how like the voted object, 0 to 1.

    Args:
        one: A prediction.
        voted: The voted object on its slice, an array of the shape of the prediction's mask.
    """
    return one.quality * (1 + dice(one.mask, voted)) / 2


def tally(
    predictions: Iterable[Prediction],
    window: Window,
    trust: Mapping[tuple[int, int], float] | None = None,
) -> npt.NDArray[np.float32]:
    """The sum of votes on each voxel of a window.

    Args:
        predictions: Any number, along any axes.
        window: (k, j, i) part of the volume that each of them covers.
        trust: A further weight for each (axis, index); 1 for all where not given.

    Returns:
        Array of `window.shape`.
    """
    votes = np.zeros(window.shape, dtype=np.float32)
    for one in predictions:
        more = 1.0 if trust is None else trust[one.axis, one.index]
        votes[place_of(one, window)] += np.float32(weight(one) * more / FULL) * one.certainty
    return votes


def vote(predictions: Predictions, window: Window) -> npt.NDArray[np.bool_]:
    """The object by one vote; slices that a person answered for are as that person said."""
    votes = tally(predictions.values(), window)
    return _keep_given(most_voted_piece(votes), predictions, window)


def last_vote(
    predictions: Predictions, window: Window, mask: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """The object by `LAST_VOTES` votes in which agreement with the vote before counts too.

    Args:
        predictions: One for each slice of each axis.
        window: (k, j, i) part of the volume that they cover.
        mask: The object by the vote before, an array of `window.shape`.
    """
    for _ in range(LAST_VOTES):
        trust = _trust(predictions, window, mask)
        votes = tally(predictions.values(), window, trust)
        mask = _keep_given(most_voted_piece(votes), predictions, window)
    return mask


def _trust(
    predictions: Predictions, window: Window, mask: npt.NDArray[np.bool_]
) -> dict[tuple[int, int], float]:
    """(Dice of a prediction) * (Dice of its axis) with a mask, squared; 1 for what was given."""
    trust = {}
    for axis, part in by_axis(predictions).items():
        whole = dice(stack(part.values(), window), mask)
        for index, one in part.items():
            own = dice(one.mask, mask[place_of(one, window)])
            trust[axis, index] = 1.0 if one.given else (own * whole) ** 2
    return trust


def _keep_given(
    mask: npt.NDArray[np.bool_], predictions: Predictions, window: Window
) -> npt.NDArray[np.bool_]:
    """The mask with every slice that a person answered for as that person said; in place."""
    for one in predictions.values():
        if one.given:
            mask[place_of(one, window)] = one.mask
    return mask


def most_voted_piece(votes: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """The connected piece of voxels with positive sums whose total is the largest."""
    mask = votes > 0
    pieces, count = ndimage.label(mask)
    if count <= 1:
        return np.asarray(mask)
    sums = ndimage.sum_labels(votes, pieces, np.arange(1, count + 1))
    # equal pieces stay together: no order of the axes may decide between them
    kept = 1 + np.flatnonzero(sums >= sums.max() * (1 - TIE))
    return np.isin(pieces, kept)


def stack(predictions: Iterable[Prediction], window: Window) -> npt.NDArray[np.bool_]:
    """The masks of predictions along one axis as one array of `window.shape`."""
    mask = np.zeros(window.shape, dtype=np.bool_)
    for one in predictions:
        mask[place_of(one, window)] = one.mask
    return mask


def agreement(predictions: Predictions, window: Window) -> float:
    """Mean Dice between the masks that each axis says; 1 where one axis was used."""
    stacks = [stack(part.values(), window) for part in by_axis(predictions).values()]
    pairs = [dice(one, other) for one, other in combinations(stacks, 2)]
    return float(np.mean(pairs)) if pairs else 1.0


def reach(mask: npt.NDArray[np.bool_]) -> float:
    """How far an object reaches to the faces of its window, 0 to 1.

    The product over the axes of (length of the object) / (length of the window), where
    `FULL_REACH` counts as all: a box that a person drew is nearly tight, so what reaches half of
    it is a part of the object, or another one.
    """
    share = 1.0
    for axis in range(mask.ndim):
        rest = tuple(d for d in range(mask.ndim) if d != axis)
        there = np.flatnonzero(mask.any(axis=rest))
        length = int(there[-1] - there[0]) + 1 if len(there) else 0
        share *= min(1.0, length / (FULL_REACH * mask.shape[axis]))
    return share


def mean_quality(predictions: Predictions, mask: npt.NDArray[np.bool_], window: Window) -> float:
    """Mean quality of predictions, each weighted by the voxels of the mask on its slice."""
    areas = [np.count_nonzero(mask[place_of(one, window)]) for one in predictions.values()]
    total = sum(areas)
    qualities = [one.quality for one in predictions.values()]
    return float(np.dot(areas, qualities) / total) if total else 0.0


def by_axis(predictions: Predictions) -> dict[int, dict[int, Prediction]]:
    """Predictions by axis, then by index of their slice, both ascending."""
    parts: dict[int, dict[int, Prediction]] = {}
    for axis, index in sorted(predictions):
        parts.setdefault(axis, {})[index] = predictions[axis, index]
    return parts


def place_of(one: Prediction, window: Window) -> tuple[slice | int, ...]:
    """The index of a prediction's slice in an array that covers a (k, j, i) window."""
    return slice_index(window, one.axis, one.index)


def slice_index(window: Window, axis: int, index: int) -> tuple[slice | int, ...]:
    """The index of slice `index` along `axis` in an array that covers a (k, j, i) window.

    >>> from sam_common.window import Window
    >>> slice_index(Window((4, 0, 0), (9, 5, 5)), 0, 6)
    (2, slice(None, None, None), slice(None, None, None))
    """
    place: list[slice | int] = [slice(None)] * len(window.start)
    place[axis] = index - window.start[axis]
    return tuple(place)
