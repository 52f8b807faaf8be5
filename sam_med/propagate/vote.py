"""Votes: what the looks along several axes together say of each voxel.

A look votes on the voxels of its slice with its certainty, -1 to 1, times a weight that grows with
the network's trust in itself:

    vote(voxel) = sum over looks of max(quality - 0.3, 0.02)^2 * certainty(voxel)

A voxel belongs to the object where the sum is above 0. Of several pieces the one with the largest
sum is the object. In the last vote a look also counts by how well it and its whole plane agree
with the outcome of the vote before: a plane that sees the object badly, as across a thin slab,
then spoils nothing.
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
    from sam_med.propagate.prediction import Look, Looks

DOUBT = 0.3
"""Quality of looks that are as often wrong as right."""
LEAST = 0.02
"""What even a bad look counts, so that every voxel has a vote."""
TIE = 1e-6
"""Share by which sums of votes differ through rounding alone."""
REACHED = 0.9
"""Share of a box's length that an object reaches at least, where the box is drawn with care."""
LAST_VOTES = 2
"""Votes in which agreement counts; more of them change nothing."""


def weight(one: Look) -> float:
    """What a look counts: less than a quarter where the network found it, 1 where it was given."""
    return 1.0 if one.given else max(one.quality - DOUBT, LEAST) ** 2


def tally(
    looks: Iterable[Look], window: Window, trust: Mapping[tuple[int, int], float] | None = None
) -> npt.NDArray[np.float32]:
    """Sum of the votes on each voxel of a window, (k, j, i).

    Args:
        looks: Any number, along any axes.
        window: Part of the volume that they cover.
        trust: A further weight for each (axis, index); 1 where not given.
    """
    votes = np.zeros(window.shape, dtype=np.float32)
    for one in looks:
        more = 1.0 if trust is None else trust[one.axis, one.index]
        votes[on_slice(one, window)] += np.float32(weight(one) * more / FULL) * one.certainty
    return votes


def vote(looks: Looks, window: Window) -> npt.NDArray[np.bool_]:
    """The object by one vote; slices that a person answered for are as that person said."""
    return _as_given(consensus(tally(looks.values(), window)), looks, window)


def last_vote(looks: Looks, window: Window, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The object by votes in which those count more that agree with the vote before.

    Args:
        looks: The looks on each slice.
        window: Part of the volume that they cover.
        mask: The vote before the first of these.
    """
    for _ in range(LAST_VOTES):
        trust = _trust(looks, window, mask)
        mask = _as_given(consensus(tally(looks.values(), window, trust)), looks, window)
    return mask


def _trust(
    looks: Looks, window: Window, mask: npt.NDArray[np.bool_]
) -> dict[tuple[int, int], float]:
    """(Dice of the look) * (Dice of its plane) with a mask, squared; 1 for what was given."""
    trust = {}
    for axis, part in by_axis(looks).items():
        plane = dice(stack(part.values(), window), mask)
        for index, one in part.items():
            own = dice(one.mask, mask[on_slice(one, window)])
            trust[axis, index] = 1.0 if one.given else (own * plane) ** 2
    return trust


def _as_given(mask: npt.NDArray[np.bool_], looks: Looks, window: Window) -> npt.NDArray[np.bool_]:
    for one in looks.values():
        if one.given:
            mask[on_slice(one, window)] = one.mask
    return mask


def consensus(votes: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """The voxels with more votes for than against, of one piece: the one with the most."""
    mask = votes > 0
    pieces, count = ndimage.label(mask)
    if count <= 1:
        return np.asarray(mask)
    sums = ndimage.sum_labels(votes, pieces, np.arange(1, count + 1))
    # equal pieces stay together: no order of the axes may decide between them
    kept = 1 + np.flatnonzero(sums >= sums.max() * (1 - TIE))
    return np.isin(pieces, kept)


def stack(looks: Iterable[Look], window: Window) -> npt.NDArray[np.bool_]:
    """The masks of looks along one axis as one mask of a window."""
    mask = np.zeros(window.shape, dtype=np.bool_)
    for one in looks:
        mask[on_slice(one, window)] = one.mask
    return mask


def agreement(looks: Looks, window: Window) -> float:
    """Mean Dice between what the axes say; 1 where one axis was used."""
    stacks = [stack(part.values(), window) for part in by_axis(looks).values()]
    pairs = [dice(one, other) for one, other in combinations(stacks, 2)]
    return float(np.mean(pairs)) if pairs else 1.0


def reach(mask: npt.NDArray[np.bool_]) -> float:
    """How far an object reaches to the faces of its window, 0 to 1.

    The product over the axes of (length of the object) / (length of the window), where nine tenths
    count as all: a box that a person drew is nearly tight, so what reaches half of it is a part of
    the object, or another one.
    """
    share = 1.0
    for axis in range(mask.ndim):
        rest = tuple(d for d in range(mask.ndim) if d != axis)
        there = np.flatnonzero(mask.any(axis=rest))
        length = int(there[-1] - there[0]) + 1 if len(there) else 0
        share *= min(1.0, length / (REACHED * mask.shape[axis]))
    return share


def mean_quality(looks: Looks, mask: npt.NDArray[np.bool_], window: Window) -> float:
    """Quality of the looks, each counted by the voxels that the object has on its slice."""
    areas = [np.count_nonzero(mask[on_slice(one, window)]) for one in looks.values()]
    total = sum(areas)
    qualities = [one.quality for one in looks.values()]
    return float(np.dot(areas, qualities) / total) if total else 0.0


def by_axis(looks: Looks) -> dict[int, dict[int, Look]]:
    """Looks sorted by axis and index."""
    parts: dict[int, dict[int, Look]] = {}
    for axis, index in sorted(looks):
        parts.setdefault(axis, {})[index] = looks[axis, index]
    return parts


def on_slice(one: Look, window: Window) -> tuple[slice | int, ...]:
    """Where a look lies in an array that covers the window."""
    return at(window, one.axis, one.index)


def at(window: Window, axis: int, index: int) -> tuple[slice | int, ...]:
    """The slice of a volume at `index` along `axis`, in an array that covers the window."""
    place: list[slice | int] = [slice(None)] * len(window.start)
    place[axis] = index - window.start[axis]
    return tuple(place)
