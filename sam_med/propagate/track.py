"""Tracks: an object followed along one axis, from slices where its box is known to its ends.

```
seeds              *                    *              boxes that are known
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

from sam_med.propagate.prediction import Box, Look, Looker, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_common.window import Window

MARGIN_PX = 3
"""By how much a box is larger than its neighbour's mask, in the decoder's grid; as published."""
EIGHTHS = 8
"""Parts of a window's length in which starts are counted."""


def middles(window: Window, axis: int) -> tuple[int, ...]:
    """The slice in the middle, or the two of an even number.

    >>> from sam_common.window import Window
    >>> middles(Window((4, 0, 0), (9, 1, 1)), 0), middles(Window((4, 0, 0), (8, 1, 1)), 0)
    ((6,), (5, 6))
    """
    first, last = window.start[axis], window.stop[axis] - 1
    return tuple(sorted({(first + last) // 2, (first + last + 1) // 2}))


def eighths(window: Window, axis: int, count: int) -> tuple[int, ...]:
    """The slice some eighths of a window's length behind its first, or before its last from 5 on.

    >>> from sam_common.window import Window
    >>> [eighths(Window((4, 0, 0), (13, 1, 1)), 0, n) for n in (2, 3, 5, 6)]
    [(6,), (7,), (9,), (10,)]
    """
    last = window.shape[axis] - 1
    if 2 * count <= EIGHTHS:
        return (window.start[axis] + count * last // EIGHTHS,)
    # counted from the other end, so that a volume stored the other way round has the same slices
    return (window.stop[axis] - 1 - (EIGHTHS - count) * last // EIGHTHS,)


def follow(
    looker: Looker,
    seeds: Sequence[Look],
    go_on: Callable[[Look], bool] = lambda _look: True,
) -> dict[int, Look]:
    """One look on every slice of the looker's window along the axis of the seeds.

    Args:
        looker: Sees the part of the volume in which the object lies.
        seeds: Looks along one axis, at least one.
        go_on: Asked beyond the outermost seeds; the first look that fails it ends the track on
            its side and is not part of it.

    Returns:
        Index of the slice to its look, ascending.
    """
    ordered = sorted(seeds, key=lambda seed: seed.index)
    found = {seed.index: seed for seed in ordered}
    for left, right in pairwise(ordered):
        found |= _between(looker, left, right)
    axis, window = ordered[0].axis, looker.window
    up = range(ordered[-1].index + 1, window.stop[axis])
    down = range(ordered[0].index - 1, window.start[axis] - 1, -1)
    for seed, way in ((ordered[-1], up), (ordered[0], down)):
        last = seed
        for index in way:
            last = looker.look((axis, index), [next_box(looker, last)])[0]
            if not go_on(last):
                break
            found[index] = last
    return dict(sorted(found.items()))


def next_box(looker: Looker, last: Look) -> Box:
    """The box for a slice beside `last`; all of the window where that found nothing."""
    box = looker.box_of(last.mask, last.axis)
    if box is None:
        return whole(looker.window, last.axis)
    return looker.grow(box, last.axis, MARGIN_PX)


def _between(looker: Looker, left: Look, right: Look) -> dict[int, Look]:
    """Looks on the slices between two seeds, for boxes that go over from one to the other."""
    first, last = next_box(looker, left), next_box(looker, right)
    found = {}
    for index in range(left.index + 1, right.index):
        share = (index - left.index) / (right.index - left.index)
        x0, y0, x1, y1 = (a + share * (b - a) for a, b in zip(first, last, strict=True))
        found[index] = looker.look((left.axis, index), [(x0, y0, x1, y1)])[0]
    return found
