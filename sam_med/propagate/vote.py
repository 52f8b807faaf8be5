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

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_med.propagate.prediction import FULL
from sam_med.slices.packed_slices import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.propagate.prediction import Prediction, Predictions

Stack: TypeAlias = "npt.NDArray[np.bool_]"
"""The masks of one axis in a slab of a window."""
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
SLAB_VOXELS = 1 << 22
"""Voxels on which votes are counted at once: 16 MiB of sums."""
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
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """The sum of votes on each voxel of a window, slab by slab: whole, it may be large.

    Args:
        predictions: Any number, along any axes.
        window: (k, j, i) part of the volume that each of them covers.
        trust: A further weight for each (axis, index); 1 for all where not given.

    Yields:
        The rows of the window's first axis that a slab has, and its votes.
    """
    known = list(predictions)
    if trust is None:
        weights = [weight(one) for one in known]
    else:
        weights = [weight(one) * trust[one.axis, one.index] for one in known]
    for part in slabs(window):
        votes = np.zeros((part.stop - part.start, *window.shape[1:]), dtype=np.float32)
        for one, more in zip(known, weights, strict=True):
            if (place := in_slab(one, window, part)) is not None:
                votes[place] += np.float32(more / FULL) * rows_in(one, part)
        yield part, votes


def vote(predictions: Predictions, window: Window) -> npt.NDArray[np.bool_]:
    """The object by one vote; slices that a person answered for are as that person said."""
    return _voted(predictions, window, None)


def _voted(
    predictions: Predictions, window: Window, trust: Mapping[tuple[int, int], float] | None
) -> npt.NDArray[np.bool_]:
    """The object by one vote, with a further weight for each prediction or without."""

    def votes() -> Iterable[tuple[slice, npt.NDArray[np.float32]]]:
        return tally(predictions.values(), window, trust)

    if len(slabs(window)) == 1:
        # one slab is small enough to be held while its pieces are weighed
        held = list(votes())
        mask = most_voted_piece(lambda: held, window.shape)
    else:
        mask = most_voted_piece(votes, window.shape)
    return _keep_given(mask, predictions, window)


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
        # the vote before is not held beside the next one
        del mask
        mask = _voted(predictions, window, trust)
    return mask


def _trust(
    predictions: Predictions, window: Window, mask: npt.NDArray[np.bool_]
) -> dict[tuple[int, int], float]:
    """(Dice of a prediction) * (Dice of its axis) with a mask, squared; 1 for what was given."""
    trust = {}
    parts = by_axis(predictions)
    wholes = _dices_of_axes(predictions, window, mask)
    for (axis, part), whole in zip(parts.items(), wholes, strict=True):
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


def most_voted_piece(
    votes: Callable[[], Iterable[tuple[slice, npt.NDArray[np.float32]]]], shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """The connected piece of voxels with positive sums whose total is the largest.

    Args:
        votes: Makes the slabs of the sums, see `tally`; called a second time where there are
            several pieces.
        shape: Of the whole.
    """
    mask = np.zeros(shape, dtype=np.bool_)
    for part, sums in votes():
        np.greater(sums, 0, out=mask[part])
    pieces, count = _pieces(mask)
    if count <= 1:
        return mask
    totals = np.zeros(count + 1)
    for part, sums in votes():
        totals += np.bincount(pieces[part].ravel(), sums.ravel(), minlength=count + 1)
    # equal pieces stay together: no order of the axes may decide between them
    first, *others = 1 + np.flatnonzero(totals[1:] >= totals[1:].max() * (1 - TIE))
    np.equal(pieces, first, out=mask)
    for number in others:
        mask |= pieces == number
    return mask


def _pieces(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.integer[Any]], int]:
    """The number of each voxel's connected piece, 0 for none, and how many pieces there are."""
    few = np.empty(mask.shape, dtype=np.uint16)
    try:
        return few, int(ndimage.label(mask, output=few))
    except RuntimeError:  # more pieces than 16 bits can count
        pieces, count = ndimage.label(mask)
        return pieces, int(count)


def stacks(predictions: Predictions, window: Window) -> Iterator[tuple[slice, list[Stack]]]:
    """The masks that each axis says, slab by slab.

    Args:
        predictions: One for each slice of each axis that is used.
        window: (k, j, i) part of the volume that each of them covers.

    Yields:
        The rows of the window's first axis that a slab has, and an array of the slab's shape for
        each axis, in the order of `by_axis`.
    """
    parts = by_axis(predictions)
    for rows in slabs(window):
        shape = (rows.stop - rows.start, *window.shape[1:])
        masks = [np.zeros(shape, dtype=np.bool_) for _ in parts]
        for mask, part in zip(masks, parts.values(), strict=True):
            for one in part.values():
                if (place := in_slab(one, window, rows)) is not None:
                    mask[place] = rows_in(one, rows) > 0
        yield rows, masks


def agreement(predictions: Predictions, window: Window) -> float:
    """Mean Dice between the masks that each axis says; 1 where one axis was used."""
    pairs = list(combinations(range(len(by_axis(predictions))), 2))
    shared, total = np.zeros((2, len(pairs)), dtype=np.int64)
    for _, masks in stacks(predictions, window):
        sizes = [np.count_nonzero(mask) for mask in masks]
        for n, (one, other) in enumerate(pairs):
            shared[n] += np.count_nonzero(masks[one] & masks[other])
            total[n] += sizes[one] + sizes[other]
    return float(np.mean(_dices(shared, total))) if pairs else 1.0


def _dices_of_axes(
    predictions: Predictions, window: Window, mask: npt.NDArray[np.bool_]
) -> list[float]:
    """The Dice of what each axis says with a mask of the window, in the order of `by_axis`."""
    shared, total = np.zeros((2, len(by_axis(predictions))), dtype=np.int64)
    for rows, masks in stacks(predictions, window):
        size = np.count_nonzero(mask[rows])
        for n, said in enumerate(masks):
            shared[n] += np.count_nonzero(said & mask[rows])
            total[n] += np.count_nonzero(said) + size
    return _dices(shared, total)


def _dices(shared: npt.NDArray[np.int64], total: npt.NDArray[np.int64]) -> list[float]:
    """Dice of shared voxels and the sum of the voxels of both masks; 1 where both are empty."""
    pairs = zip(shared.tolist(), total.tolist(), strict=True)
    return [2 * both / every if every else 1.0 for both, every in pairs]


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


def slabs(window: Window) -> list[slice]:
    """Rows of a window's first axis, in parts of `SLAB_VOXELS` at most, or of one row."""
    rows, *size = window.shape
    step = max(1, SLAB_VOXELS // max(1, math.prod(size)))
    return [slice(first, min(rows, first + step)) for first in range(0, rows, step)]


def rows_in(one: Prediction, slab: slice) -> npt.NDArray[np.int8]:
    """The certainty of a prediction inside a slab of the first axis, see `slabs`."""
    # rows of the slices along any other axis are counted along the first axis
    return one.certainty if one.axis == 0 else rows_of(one.kept, slab)


def in_slab(one: Prediction, window: Window, slab: slice) -> tuple[slice | int, ...] | None:
    """The index of a prediction's slice in a slab; None where it is not in it."""
    place = place_of(one, window)
    if one.axis != 0:
        return place
    row = one.index - window.start[0]
    return (row - slab.start, *place[1:]) if slab.start <= row < slab.stop else None


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
