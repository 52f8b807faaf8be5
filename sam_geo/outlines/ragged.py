"""Ragged lists: lists of numbers of different lengths, one after the other in one array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Lists of numbers, one after the other."""

    values: IntArray
    """(K,) numbers of all lists."""
    bounds: IntArray
    """(N + 1,) where each list starts, and where the last one ends."""

    @classmethod
    def grouped(cls, group: IntArray, values: IntArray, count: int) -> Lists:
        """The values of each group from 0 to `count` - 1, in the order in which they are given."""
        order = np.argsort(group, kind="stable")
        return cls(values[order], np.searchsorted(group[order], np.arange(count + 1)))

    def sizes(self, which: IntArray) -> IntArray:
        """Lengths of the lists at (M,) positions."""
        return self.bounds[which + 1] - self.bounds[which]

    def places(self, which: IntArray) -> tuple[IntArray, IntArray]:
        """Where the values of the lists at (M,) positions are, and whose each is."""
        return ranges(self.bounds[which], self.sizes(which))

    def spread(self, which: IntArray) -> tuple[IntArray, IntArray]:
        """The values of the lists at (M,) positions, and whose each is: 0 to M - 1."""
        places, of = self.places(which)
        return self.values[places], of


def ranges(first: IntArray, sizes: IntArray) -> tuple[IntArray, IntArray]:
    """The numbers of (M,) ranges, one after the other, and whose each is: 0 to M - 1."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    return np.arange(len(of)) + (first - np.cumsum(sizes) + sizes)[of], of
