"""Partitions: blocks of a grid's windows, in the order in which their objects come.

```
windows of a grid, six in a row       3 windows a partition     12 windows a partition
  0  1  2  3  4  5                    0 0 0 1 1 1               0 0 0 0 0 0
  6  7  8  9 10 11                    2 2 2 3 3 3               0 0 0 0 0 0
 12 13 14 15 16 17                    4 4 4 5 5 5               1 1 1 1 1 1
```
A block is a part of one row of the grid, or whole rows of it: then partitions, one after the other,
have the objects in the order of one table, and each is a rectangle.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.window import Window


def partition_of_windows(windows: Sequence[Window], most: int) -> list[int]:
    """The partition of each window of a grid, from 0 in their order.

    Args:
        windows: Windows (row, col), row by row, as `tile_grid` gives them.
        most: Most windows of a partition, at least 1; a row of the grid is divided evenly.

    >>> from sam_common.window import Window
    >>> row = [Window((0, n), (4, n + 4)) for n in range(5)]
    >>> partition_of_windows(row, 3), partition_of_windows(row, 10)
    ([0, 0, 0, 1, 1], [0, 0, 0, 0, 0])
    """
    rows = [len(list(row)) for _, row in itertools.groupby(windows, lambda w: w.start[0])]
    found: list[int] = []
    number = held = 0
    for count in rows:
        if held and held + count > most:
            number, held = number + 1, 0
        if count <= most:
            found += [number] * count
            held += count
            continue
        blocks = -(-count // most)
        found += [number + k * blocks // count for k in range(count)]
        number += blocks
    return found
