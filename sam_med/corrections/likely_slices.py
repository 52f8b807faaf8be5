"""Likely slices: the slices that a correction of an object may need, in the order to encode them.

A click may lie anywhere in the object's window or a little beyond, and needs a slice of each axis
and their neighbours. Ends and middles come first, then the middles between, on all axes in turn:

```
slices of an axis    0  1  2  3  4  5  6  7  8
order                1  6  4  7  3  8  5  9  2
```
So whenever the first click comes, what is there lies evenly over the object.
"""

from __future__ import annotations

from collections import deque
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from sam_med.propagate.planes_rounds import usable_axes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sam_med.geometry.volume import Volume
    from sam_med.propagate.propagated_object import PropagatedObject

BEYOND = 3
"""Slices beyond either end of an object's window that a correction is expected to reach."""


def likely_slices(result: PropagatedObject, volume: Volume) -> list[tuple[int, int]]:
    """Axis and index of the slices that a correction of an object may need, each once.

    Args:
        result: The object.
        volume: Its volume.
    """
    window = result.window
    ways = []
    for axis in usable_axes(volume):
        first = max(0, window.start[axis] - BEYOND)
        last = min(volume.shape[axis], window.stop[axis] + BEYOND) - 1
        ways.append([(axis, index) for index in halved(first, last)])
    return [place for place in chain.from_iterable(zip_longest(*ways)) if place is not None]


def halved(first: int, last: int) -> Iterator[int]:
    """The whole numbers from the first to the last: both, and then the middles of what is between.

    >>> list(halved(0, 8))
    [0, 8, 4, 2, 6, 1, 3, 5, 7]
    """
    yield from dict.fromkeys((first, last))
    gaps = deque([(first, last)])
    while gaps:
        low, high = gaps.popleft()
        middle = (low + high) // 2
        if low < middle < high:
            yield middle
            gaps += [(low, middle), (middle, high)]
