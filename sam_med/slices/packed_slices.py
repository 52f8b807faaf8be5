"""Packed slices: 8-bit numbers on a slice, kept in little memory without loss.

```
small slice                an array, as it is
large slice                Packed    compressed; its signs apart, because they are asked most often
between two large slices   Mixed     the two slices and a share, computed when it is asked for
```
A network's certainty is smooth, and far from an object it is the same everywhere, so a large slice
takes a third of its bytes or less.
"""

from __future__ import annotations

import functools
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

Kept: TypeAlias = "npt.NDArray[np.int8] | Packed | Mixed"
"""A slice of 8-bit numbers in any of the three forms."""

LARGE_PX = 1 << 16
"""Pixels from which a slice is packed; smaller ones are faster to use than to unpack."""
LEVEL = 1
"""Level of compression: the fastest."""
UNPACKED = 8
"""Slices that stay unpacked for a while, because neighbours are mixed from the same two."""
EVERY_ROW = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A slice of 8-bit numbers, compressed."""

    shape: tuple[int, int]
    """Rows and columns."""
    numbers: bytes
    signs: bytes

    @classmethod
    def of(cls, numbers: npt.NDArray[np.int8]) -> Packed:
        """The packed form of an array of (rows, columns)."""
        rows, columns = numbers.shape
        packed = zlib.compress(np.ascontiguousarray(numbers).data, LEVEL)
        signs = zlib.compress(np.packbits(numbers > 0).data, LEVEL)
        return cls((rows, columns), packed, signs)

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return len(self.numbers) + len(self.signs)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Where the numbers are above 0."""
        bits = np.frombuffer(zlib.decompress(self.signs), dtype=np.uint8)
        count = self.shape[0] * self.shape[1]
        return np.unpackbits(bits, count=count).view(np.bool_).reshape(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """A slice that lies between two others: the numbers of both, each by its share, rounded."""

    left: npt.NDArray[np.int8] | Packed
    right: npt.NDArray[np.int8] | Packed
    share: float
    """Share of the way from left to right, 0 to 1."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.left.shape

    @property
    def nbytes(self) -> int:
        """Bytes that are held beside the two slices, which are kept for themselves."""
        return 0


def kept(numbers: npt.NDArray[np.int8]) -> npt.NDArray[np.int8] | Packed:
    """An array of (rows, columns) as it is best kept."""
    return numbers if numbers.size < LARGE_PX else Packed.of(numbers)


def mixed(left: Kept, right: Kept, share: float) -> Kept:
    """The slice a share of the way from one to another of the same shape."""
    one, other = (
        part if not isinstance(part, Mixed) else kept(rows_of(part)) for part in (left, right)
    )
    between = Mixed(one, other, share)
    return between if np.prod(between.shape) >= LARGE_PX else rows_of(between)


def padded(
    slices: Sequence[Kept], size_hw: tuple[int, ...], place: tuple[slice, ...], value: int
) -> list[Kept]:
    """Slices in larger ones, which have one number everywhere else.

    Args:
        slices: Of one shape; those that are mixed stay so.
        size_hw: Rows and columns of the larger ones.
        place: Where the slices lie in them.
        value: The number around them.
    """
    made: dict[int, npt.NDArray[np.int8] | Packed] = {}

    def wider(one: npt.NDArray[np.int8] | Packed) -> npt.NDArray[np.int8] | Packed:
        if id(one) not in made:
            numbers = np.full(size_hw, value, dtype=np.int8)
            numbers[place] = rows_of(one)
            made[id(one)] = kept(numbers)
        return made[id(one)]

    return [
        Mixed(wider(one.left), wider(one.right), one.share)
        if isinstance(one, Mixed)
        else wider(one)
        for one in slices
    ]


def rows_of(slice_: Kept, rows: slice = EVERY_ROW) -> npt.NDArray[np.int8]:
    """The numbers of a slice on some of its rows, as (rows, columns); not to be changed."""
    if isinstance(slice_, Packed):
        return _unpacked(slice_)[rows]
    if isinstance(slice_, Mixed):
        left, right = rows_of(slice_.left, rows), rows_of(slice_.right, rows)
        between = (1 - slice_.share) * left.astype(np.float32) + slice_.share * right
        return np.round(between).astype(np.int8)
    return slice_[rows]


def signs_of(slice_: Kept) -> npt.NDArray[np.bool_]:
    """Where the numbers of a slice are above 0."""
    return slice_.mask if isinstance(slice_, Packed) else np.asarray(rows_of(slice_) > 0)


@functools.lru_cache(maxsize=UNPACKED)
def _unpacked(packed: Packed) -> npt.NDArray[np.int8]:
    """The numbers of a packed slice."""
    return np.frombuffer(zlib.decompress(packed.numbers), dtype=np.int8).reshape(packed.shape)
