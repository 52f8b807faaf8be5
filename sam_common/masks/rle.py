"""RLE: a mask as run lengths, in the encoding of COCO (github.com/cocodataset/cocoapi).

Pixels are counted down the columns, column after column, and the first run is background:

```
. # #     columns one after the other:  . . | # # | # .
. # .     runs: 2 background, 3 object, 1 background     RLE((2, 3), [2, 3, 1])
```
A region is encoded and decoded without an image of full size: only the indices at which the image
changes between background and object are computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

Counts: TypeAlias = npt.NDArray[np.int64]

_PAYLOAD_BITS, _MORE, _SIGN = 5, 0b100000, 0b010000
"""Parts of a character of the compressed string.

Five bits of a number, lowest first, and a bit that says whether more characters follow. In the last
character of a number, the highest of the five bits is the sign.
"""
_FIRST_CHARACTER = ord("0")
_LONGEST = 12
"""Characters of the longest number that is read, which has 60 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class RLE:
    """A binary mask of an image as run lengths.

    Runs of length 0 are merged away but for the first, so that equal masks have equal counts.

    Laws:
        `decode(encode(region, size)) == region in an image of that size`
        `RLE.from_coco(rle.to_coco()).counts == rle.counts`
    """

    size_hw: tuple[int, int]
    """Rows and columns of the image."""
    counts: Counts
    """Lengths of the runs in column-major order: background, object, background, ..."""

    def __post_init__(self) -> None:
        height, width = (int(side) for side in self.size_hw)
        if height < 1 or width < 1:
            raise InputError(f"size must be positive, got {height} x {width}")
        runs = np.asarray(self.counts)
        if runs.ndim != 1 or not np.issubdtype(runs.dtype, np.integer):
            raise InputError(
                f"counts must be a list of integers, got {runs.dtype} of shape {runs.shape}"
            )
        runs = runs.astype(np.int64)
        if (runs < 0).any():
            raise InputError(f"counts must not be negative, got {int(runs.min())}")
        if (total := int(runs.sum())) != height * width:
            raise InputError(
                f"counts must sum to {height} x {width} = {height * width} pixels, got {total}"
            )
        runs = _merge(runs)
        runs.flags.writeable = False
        object.__setattr__(self, "size_hw", (height, width))
        object.__setattr__(self, "counts", runs)

    @classmethod
    def from_coco(cls, coco: Mapping[str, Any]) -> RLE:
        """Read a COCO mask, `{"size": [h, w], "counts": ...}`.

        Args:
            coco: The mask, with counts as the compressed string (str or bytes) or as a list.

        Raises:
            InputError: If the mask is malformed, or the counts do not fit the size.
        """
        try:
            (height, width), counts = coco["size"], coco["counts"]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f'a COCO mask is {{"size": [height, width], "counts": ...}}, got {coco!r:.80}'
            ) from error
        if isinstance(counts, str):
            counts = counts.encode()
        if isinstance(counts, bytes):
            counts = _decompress(counts)
        return cls((height, width), counts)

    def to_coco(self) -> dict[str, Any]:
        """`{"size": [h, w], "counts": str}`, the compressed form that pycocotools reads."""
        return {"size": list(self.size_hw), "counts": _compress(self.counts)}

    @property
    def area_px(self) -> int:
        """Number of object pixels."""
        return int(self.counts[1::2].sum())

    @property
    def window(self) -> Window | None:
        """The smallest (row, col) window that holds the object; None where the mask is empty."""
        starts, stops = self._objects()
        if not len(starts):
            return None
        height = self.size_hw[0]
        left, right = int(starts[0]) // height, (int(stops[-1]) - 1) // height + 1
        if (starts // height != (stops - 1) // height).any():
            # a run that continues in the next column holds the bottom and the top row of the image
            return Window((0, left), (height, right))
        top, bottom = int((starts % height).min()), int(((stops - 1) % height).max()) + 1
        return Window((top, left), (bottom, right))

    @property
    def box_xyxy(self) -> tuple[int, int, int, int] | None:
        """Inclusive indices (x0, y0, x1, y1) of the outermost object pixels; None if empty."""
        if (window := self.window) is None:
            return None
        (top, left), (bottom, right) = window.start, window.stop
        return left, top, right - 1, bottom - 1

    def _objects(self) -> tuple[Counts, Counts]:
        """Column-major starts and stops of the object runs."""
        edges = np.cumsum(self.counts)
        starts = edges[: len(edges) - len(edges) % 2 : 2]
        return starts, starts + self.counts[1::2]


def encode(region: MaskRegion | None, size_hw: tuple[int, int]) -> RLE:
    """Encode a region of an image; memory grows with the region, not with the image.

    Args:
        region: As `Masks.region` returns it; None is the empty mask.
        size_hw: Rows and columns of the image.

    Raises:
        InputError: If the region reaches out of the image.

    >>> encode(MaskRegion(Window((0, 1), (2, 3)), np.array([[1, 1], [1, 0]], bool)), (2, 3)).counts
    array([2, 3, 1])
    """
    height, width = size_hw
    if region is None:
        return RLE(size_hw, np.array([height * width]))
    if not Window.full(size_hw).contains(region.window):
        raise InputError(
            f"the region {region.window.start} to {region.window.stop} reaches out of the image "
            f"of {height} x {width}"
        )
    # with a row of background above and below, each change down a column is the edge of a run; a
    # run that continues in the next column has two edges at one index, which cancel out in `RLE`
    columns = np.pad(region.mask.T, ((0, 0), (1, 1)))
    col, row = np.nonzero(columns[:, 1:] != columns[:, :-1])
    top, left = region.window.start
    edges = (col + left) * height + (row + top)
    return RLE(size_hw, np.diff(edges, prepend=0, append=height * width))


def decode(rle: RLE) -> npt.NDArray[np.bool_]:
    """The mask as a boolean (H, W) image."""
    return _fill(rle.counts, rle.size_hw)


def decode_region(rle: RLE) -> MaskRegion | None:
    """The mask in the box of its object, made without the whole image; None where it is empty."""
    if (window := rle.window) is None:
        return None
    starts, stops = rle._objects()  # noqa: SLF001 - a function of the same module
    height = rle.size_hw[0]
    (top, left), (rows, cols) = window.start, window.shape
    # runs keep their lengths: each lies in one column, or the window is as high as the image
    first = (starts // height - left) * rows + starts % height - top
    edges = np.stack([first, first + stops - starts], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=rows * cols)
    return MaskRegion(window, _fill(counts, (rows, cols)))


def _merge(runs: Counts) -> Counts:
    """Run lengths of the same mask without runs of length 0, but for the first."""
    # a run of length 0 has its two edges at one index, where they cancel out
    edges, times = np.unique(np.cumsum(runs)[:-1], return_counts=True)
    total = int(runs.sum())
    edges = edges[(times % 2 == 1) & (edges < total)]
    merged: Counts = np.diff(edges, prepend=0, append=total)
    return merged


def _fill(counts: Counts, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.ascontiguousarray(flat.reshape(size_hw[::-1]).T)


def _compress(counts: Counts) -> str:
    """The compressed string of run lengths.

    From the fourth on, each length is written as the difference to the length two runs before. Each
    number is cut into groups of five bits, lowest first, until the rest only repeats the sign.
    """
    rest = counts.copy()
    rest[3:] -= counts[1:-2]
    groups, used = [], []
    more = np.ones(len(rest), dtype=np.bool_)
    while more.any():
        used.append(more)
        group = rest & (_MORE - 1)
        rest = rest >> _PAYLOAD_BITS
        more = more & (rest != np.where(group & _SIGN, -1, 0))
        groups.append(np.where(more, group | _MORE, group))
    characters = np.stack(groups, axis=1)[np.stack(used, axis=1)] + _FIRST_CHARACTER
    return characters.astype(np.uint8).tobytes().decode("ascii")


def _decompress(text: bytes) -> Counts:
    """The run lengths of a compressed string.

    Raises:
        InputError: If the text is no such string.
    """
    codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if foreign := codes[(codes < 0) | (codes >= 2 * _MORE)].tolist():
        character = chr(foreign[0] + _FIRST_CHARACTER)
        raise InputError(f"compressed counts hold a foreign character: {character!r}")
    last = codes & _MORE == 0
    if not len(codes) or not last[-1]:
        raise InputError(f"compressed counts end within a number: {text[-20:]!r}")
    ends = np.flatnonzero(last)
    firsts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - firsts + 1
    if int(lengths.max()) > _LONGEST:
        raise InputError(f"compressed counts hold a number of {int(lengths.max())} characters")
    place = np.arange(len(codes)) - np.repeat(firsts, lengths)
    numbers = np.add.reduceat((codes & (_MORE - 1)) << (_PAYLOAD_BITS * place), firsts)
    numbers -= np.where(codes[ends] & _SIGN, 1 << (_PAYLOAD_BITS * lengths), 0)
    # differences add up along the runs of object and of background; the first run is no difference
    for kind in (1, 2):
        numbers[kind::2] = np.cumsum(numbers[kind::2])
    return numbers
