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
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from sam_geo.bands.stack import RasterStack

SIDE = 512
"""Pixels on a side of a block."""
MARGIN = 14
"""Pixels around a block for which features are computed too, so that what is found for them can be
smoothed across its edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What a network makes of a window, and the objects that lie on it."""

    embedding: npt.NDArray[np.float32]
    """(A, h, w) values of each pixel."""
    objects: npt.NDArray[np.int64] | None
    """(h, w) number of the object of each pixel, -1 for none; None where there are no objects."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The bands of a stack in one block."""

    window: Window
    """(row, col) in the raster of the block with its margin."""
    values: npt.NDArray[np.float32]
    """(B, h', w') bands in that window and around it, NaN where there is no value."""
    inner: tuple[slice, slice]
    """Where the window lies in `values`."""
    valid: npt.NDArray[np.bool_]
    """(h, w) pixels of the window that get a class."""
    beside: Beside | None = None
    """What is known of the pixels of the window that no band says."""

    @property
    def own(self) -> npt.NDArray[np.float32]:
        """(B, h, w) bands in the window alone."""
        rows, cols = self.inner
        return self.values[:, rows, cols]


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


def read_block(
    stack: RasterStack,
    core: Window,
    halo: int,
    beside: Callable[[Window], Beside] | None = None,
) -> Block:
    """Read a block with its margin and the pixels around it, as far as the raster goes.

    Args:
        stack: The rasters.
        core: (row, col) of the block, inside the raster.
        halo: Pixels around the margin that features depend on.
        beside: Gives what else is known of the pixels of a window, where features need it.

    Raises:
        InputError: A raster cannot be read there.
    """
    window = with_margin(core, stack.size_hw)
    around = _wider(window, halo, stack.size_hw)
    values, valid = stack.read(around)
    rows, cols = window.shift((-around.start[0], -around.start[1])).slices
    own = valid[rows, cols]
    known = None if beside is None or not own.any() else beside(window)
    return Block(window, values, (rows, cols), own, known)


def with_margin(core: Window, size_hw: tuple[int, int]) -> Window:
    """A block (row, col) with its margin, as far as the raster goes."""
    return _wider(core, MARGIN, size_hw)


def _wider(window: Window, pixels: int, size_hw: tuple[int, int]) -> Window:
    (top, left), (bottom, right) = window.start, window.stop
    start = max(0, top - pixels), max(0, left - pixels)
    return Window(start, (min(size_hw[0], bottom + pixels), min(size_hw[1], right + pixels)))
