"""Layers: further figures of the pixels of a map, of which each piece gets the mean and the least.

What they are is the caller's matter: probabilities of two maps, heights, distances.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from sam_common.window import Window

    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]
    Layers: TypeAlias = Callable[[Window], FloatArray]
    """A window (row, col) of a map to (L, h, w) figures of its pixels; NaN where there is none."""


@dataclass(slots=True, eq=False)
class LayerTally:
    """Sums and least values of layers over parts of pieces, block by block."""

    sums: list[FloatArray] = field(default_factory=list)
    """(P, L) of the parts of each block."""
    least: list[FloatArray] = field(default_factory=list)
    """(P, L) of the parts of each block."""

    def add(self, part: IntArray, wanted: npt.NDArray[np.bool_], layers: FloatArray) -> None:
        """Add the parts of the next block.

        Args:
            part: (h * w,) number of the part of each pixel, from 0.
            wanted: (P,) parts that are looked at; the others get 0 and infinity.
            layers: (L, h, w) figures.
        """
        count, depth = len(wanted), len(layers)
        at = np.flatnonzero(wanted[part])
        pixels, owner = layers.reshape(depth, -1).T[at], part[at]
        sums, least = np.zeros((count, depth)), np.full((count, depth), np.inf)
        np.add.at(sums, owner, pixels)
        np.minimum.at(least, owner, pixels)
        self.sums.append(sums)
        self.least.append(least)

    def joined(self, piece: IntArray, count: int) -> tuple[FloatArray, FloatArray]:
        """Sums and least values (N, L) of pieces; of no layers where no block was added.

        Args:
            piece: (P,) number of the piece of each part of all blocks, from 0.
            count: Number N of pieces that are wanted, the first ones.
        """
        if not self.sums:
            return np.empty((count, 0)), np.empty((count, 0))
        parts, smallest = np.concatenate(self.sums), np.concatenate(self.least)
        size = (max(count, int(piece.max(initial=-1)) + 1), parts.shape[1])
        sums, least = np.zeros(size), np.full(size, np.inf)
        np.add.at(sums, piece, parts)
        np.minimum.at(least, piece, smallest)
        return sums[:count], least[:count]
