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

    from sam_common.window import Window

MARGIN_PX = 3
"""Pixels of the decoder's grid by which a box is larger than the mask beside it; as published."""
EIGHTHS = 8
"""Number of parts of a window's length in which the slices that tracks start from are counted."""


def middle_slices(window: Window, axis: int) -> tuple[int, ...]:
    """The slice in the middle of a window along an axis, or the two of an even number.

    >>> from sam_common.window import Window
    >>> [middle_slices(Window((4, 0, 0), (stop, 1, 1)), 0) for stop in (9, 8)]
    [(6,), (5, 6)]
    """
    first, last = window.start[axis], window.stop[axis] - 1
    return tuple(sorted({(first + last) // 2, (first + last + 1) // 2}))


def slice_at_eighth(window: Window, axis: int, count: int) -> tuple[int, ...]:
    """The slice `count` eighths of a window's length behind its first one, along an axis.

    >>> from sam_common.window import Window
    >>> [slice_at_eighth(Window((4, 0, 0), (13, 1, 1)), 0, n) for n in (2, 3, 5, 6)]
    [(6,), (7,), (9,), (10,)]
    """
    last = window.shape[axis] - 1
    if 2 * count <= EIGHTHS:
        return (window.start[axis] + count * last // EIGHTHS,)
    # counted from the other end, so that a volume stored the other way round has the same slices
    return (window.stop[axis] - 1 - (EIGHTHS - count) * last // EIGHTHS,)


def follow(
    predictor: SlicePredictor,
    seeds: Sequence[Prediction],
    go_on: Callable[[Prediction], bool] = lambda _one: True,
) -> dict[int, Prediction]:
    """One prediction on every slice of the predictor's window along the axis of the seeds.

    Args:
        predictor: Predicts in the part of the volume in which the object lies.
        seeds: Predictions along one axis, at least one; they stay as they are.
        go_on: Asked beyond the outermost seeds; the first prediction that fails this test ends
            the track on its side and is not part of it.

    Returns:
        Index of the slice to its prediction, ascending.
    """
    ordered = sorted(seeds, key=lambda seed: seed.index)
    found = {seed.index: seed for seed in ordered}
    for left, right in pairwise(ordered):
        found |= _between(predictor, left, right)
    axis, window = ordered[0].axis, predictor.window
    up = range(ordered[-1].index + 1, window.stop[axis])
    down = range(ordered[0].index - 1, window.start[axis] - 1, -1)
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
    predictor: SlicePredictor, left: Prediction, right: Prediction
) -> dict[int, Prediction]:
    """Predictions on the slices between two seeds, for boxes interpolated between theirs."""
    first, last = next_box(predictor, left), next_box(predictor, right)
    found = {}
    for index in range(left.index + 1, right.index):
        share = (index - left.index) / (right.index - left.index)
        x0, y0, x1, y1 = (a + share * (b - a) for a, b in zip(first, last, strict=True))
        found[index] = predictor.predict((left.axis, index), [(x0, y0, x1, y1)])[0]
    return found
