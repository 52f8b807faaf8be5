"""Blocks: the squares in which a raster is classified, each read with what lies around it.

The squares are the same for every job on a raster, whatever the number of workers, and superpixels
end at their edges: so a job that is resumed, or run elsewhere, gives the same map.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.window import Window

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sam_geo.bands.stack import RasterStack

SIDE = 512
"""Pixels on a side of a block."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The bands of a stack in one block."""

    window: Window
    """(row, col) in the raster."""
    values: npt.NDArray[np.float32]
    """(B, h', w') bands in the block and around it, NaN where there is no value."""
    inner: tuple[slice, slice]
    """Where the block lies in `values`."""
    valid: npt.NDArray[np.bool_]
    """(h, w) pixels of the block that get a class."""


def blocks(size_hw: tuple[int, int]) -> list[Window]:
    """Windows (row, col) that cover a raster, row by row, without overlap.

    >>> [window.shape for window in blocks((600, 512))]
    [(512, 512), (88, 512)]
    """
    height, width = size_hw
    return [
        Window((top, left), (min(top + SIDE, height), min(left + SIDE, width)))
        for top, left in itertools.product(range(0, height, SIDE), range(0, width, SIDE))
    ]


def read_block(stack: RasterStack, window: Window, halo: int) -> Block:
    """Read a block with the pixels around it, as far as the raster goes.

    Args:
        stack: The rasters.
        window: (row, col) of the block, inside the raster.
        halo: Pixels on each side.

    Raises:
        InputError: A raster cannot be read there.
    """
    height, width = stack.size_hw
    (top, left), (bottom, right) = window.start, window.stop
    around = Window(
        (max(0, top - halo), max(0, left - halo)),
        (min(height, bottom + halo), min(width, right + halo)),
    )
    values, valid = stack.read(around)
    rows, cols = window.shift((-around.start[0], -around.start[1])).slices
    return Block(window, values, (rows, cols), valid[rows, cols])
