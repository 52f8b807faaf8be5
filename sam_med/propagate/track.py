"""Tracks: an object followed along one axis, from slices where its box is known to its ends.

```
seeds              *                    *              slices whose box is known
slices     0  1  2 3  4  5  6  7  8  9  10 11 12
           <-------   ~~~~~~~~~~~~~~~~     -------->
           boxes follow   boxes between    boxes follow
           the masks      the two seeds    the masks
```
Beyond the outermost seeds a slice's box is that of its neighbour's mask and 3 px more on every
side; between two seeds it lies between their boxes, so that nothing can drift there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from sam_med.propagate.prediction import Box, Prediction, SlicePredictor, box_of_window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


MARGIN_PX = 3
"""Pixels of the decoder's grid by which a box is larger than the mask beside it; as published."""
EIGHTHS = 8
"""Number of parts of a window's length in which the slices that tracks start from are counted."""


def starts_at(indices: Sequence[int], eighths: int) -> tuple[int, ...]:
    """The slice, of those that are visited, that lies a number of eighths along them.

    For the middle of an even number of slices these are two.

    Args:
        indices: Slices along an axis, ascending, at least one.
        eighths: 1 to 7; 4 is the middle.

    >>> [starts_at(range(4, stop), 4) for stop in (9, 8)]
    [(6,), (5, 6)]
    >>> [starts_at(range(4, 13), n) for n in (2, 3, 5, 6)]
    [(6,), (7,), (9,), (10,)]
    """
    last = len(indices) - 1
    if 2 * eighths == EIGHTHS:
        return tuple(sorted({indices[last // 2], indices[(last + 1) // 2]}))
    if 2 * eighths < EIGHTHS:
        return (indices[eighths * last // EIGHTHS],)
    # counted from the other end, so that a volume stored the other way round has the same slices
    return (indices[last - (EIGHTHS - eighths) * last // EIGHTHS],)


def follow(
    predictor: SlicePredictor,
    seeds: Sequence[Prediction],
    go_on: Callable[[Prediction], bool] = lambda _one: True,
    indices: Sequence[int] | None = None,
) -> dict[int, Prediction]:
    """One prediction on each slice of the predictor's window along the axis of the seeds.

    Args:
        predictor: Predicts in the part of the volume in which the object lies.
        seeds: Predictions along one axis, at least one; they stay as they are.
        go_on: Asked beyond the outermost seeds; the first prediction that fails this test ends
            the track on its side and is not part of it.
        indices: The slices that the track visits, ascending; all of the window where not given.

    Returns:
        Index of the slice to its prediction, ascending.
    """
    ordered = sorted(seeds, key=lambda seed: seed.index)
    found = {seed.index: seed for seed in ordered}
    axis, window = ordered[0].axis, predictor.window
    visited = range(window.start[axis], window.stop[axis]) if indices is None else indices
    for left, right in pairwise(ordered):
        found |= _between(predictor, left, right, visited)
    up = [index for index in visited if index > ordered[-1].index]
    down = [index for index in reversed(visited) if index < ordered[0].index]
    for seed, way in ((ordered[-1], up), (ordered[0], down)):
        last = seed
        for index in way:
            last = predictor.predict((axis, index), [next_box(predictor, last)])[0]
            if not go_on(last):
                break
            found[index] = last
    return dict(sorted(found.items()))


def next_box(predictor: SlicePredictor, last: Prediction) -> Box:
    """The box for a slice beside that of `last`; the whole window where its mask is empty."""
    box = predictor.box_of(last.mask, last.axis)
    if box is None:
        return box_of_window(predictor.window, last.axis)
    return predictor.grow(box, last.axis, MARGIN_PX)


def _between(
    predictor: SlicePredictor, left: Prediction, right: Prediction, visited: Sequence[int]
) -> dict[int, Prediction]:
    """Predictions on the slices between two seeds, for boxes interpolated between theirs."""
    first, last = next_box(predictor, left), next_box(predictor, right)
    found = {}
    for index in visited:
        if not left.index < index < right.index:
            continue
        share = (index - left.index) / (right.index - left.index)
        x0, y0, x1, y1 = (a + share * (b - a) for a, b in zip(first, last, strict=True))
        found[index] = predictor.predict((left.axis, index), [(x0, y0, x1, y1)])[0]
    return found
