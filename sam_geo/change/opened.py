"""Opened pairs: two class maps, open to be compared."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sam_geo.class_maps.class_map import open_class_map
from sam_geo.comparison.common_grid import common_grid

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from sam_geo.comparison.common_grid import CommonGrid


@contextmanager
def opened_pair(
    before: str | os.PathLike[str], after: str | os.PathLike[str]
) -> Iterator[CommonGrid]:
    """Open two class maps on the grid of the first; they are closed with the block.

    Raises:
        InputError: A file is no class map, or they cannot be laid on each other.
    """
    with open_class_map(before) as one, open_class_map(after) as two:
        yield common_grid(one, two)
