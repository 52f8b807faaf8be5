"""SEG pixels: the pixel data of a DICOM SEG of each type, frame by frame.

```
binary       bits, lowest first, without padding between frames      (PS3.5, 8.1.1)
fractional   bytes: 255 where the object is, 0 elsewhere
labelmap     the number of the object that a pixel belongs to, 0 for background: bytes, or words
             of two bytes, lowest first, where a number is above 255
```
Where objects of a label map overlap, the later one is kept, as in label maps of other formats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_med.objects.labels import LabelArray, label_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_med.objects.seg_type import SegType
    from sam_med.objects.segments import Segment

BITS = 8
FULL = 255
"""MaximumFractionalValue, the value of a pixel that is all object."""


@dataclass(frozen=True, slots=True, eq=False)
class SegPixels:
    """The objects of a DICOM SEG as the pixels of its frames."""

    segments: tuple[Segment, ...]
    """The objects; of two that overlap in a label map, the later one is kept."""
    numbers: tuple[int, ...]
    """The segment number of each of them."""
    size_hw: tuple[int, int]
    """(rows, columns) of a frame."""
    seg_type: SegType
    _last: dict[int, LabelArray] = field(default_factory=dict, repr=False)
    """The labels of the slice that was asked for last: each of its segments asks for them."""

    def shown(self, number: int, k: int) -> npt.NDArray[np.bool_]:
        """The pixels of slice k that the file must show of a segment, (rows, columns) boolean."""
        if self.seg_type == "labelmap":
            return np.asarray(self.labels(k) == number)
        return self.segments[self.numbers.index(number)].on_slice(k, self.size_hw)

    def labels(self, k: int) -> LabelArray:
        """The numbers of the segments on slice k, (rows, columns); 0 for background."""
        if k in self._last:
            return self._last[k]
        page: LabelArray = np.zeros(self.size_hw, dtype=label_type(max(self.numbers)))
        for number, segment in zip(self.numbers, self.segments, strict=True):
            first, rows, columns = segment.window.slices
            if first.start <= k < first.stop:
                page[rows, columns][segment.mask[k - first.start]] = number
        self._last.clear()
        self._last[k] = page
        return page

    def encoded(self, frames: Sequence[tuple[int, int]]) -> bytes:
        """The value of PixelData, of even length.

        Args:
            frames: Segment number and slice of each frame; the number counts for nothing in a
                label map.
        """
        packed = bytearray()
        # eight frames of any size end with a whole byte of bits
        for first in range(0, len(frames), BITS):
            part = frames[first : first + BITS]
            if self.seg_type == "labelmap":
                pages = [self.labels(k) for _, k in part]
                packed += np.stack(pages).astype(pages[0].dtype.newbyteorder("<")).tobytes()
                continue
            masks = np.stack([self.shown(number, k) for number, k in part])
            if self.seg_type == "binary":
                packed += np.packbits(masks, bitorder="little").tobytes()
            else:
                packed += (masks * np.uint8(FULL)).tobytes()
        return bytes(packed + bytes(len(packed) % 2))

    def lost(self) -> Iterator[tuple[str, int, int]]:
        """Name, lost voxels and all voxels of each object that lost some to later ones."""
        if self.seg_type != "labelmap":
            return
        kept = dict.fromkeys(self.numbers, 0)
        for k in sorted({k for segment in self.segments for k in segment.occupied_slices}):
            for number, count in zip(*np.unique(self.labels(k), return_counts=True), strict=True):
                if number:
                    kept[int(number)] += int(count)
        for number, segment in zip(self.numbers, self.segments, strict=True):
            if lost := segment.voxels - kept[number]:
                yield segment.name, lost, segment.voxels


def segment_numbers(segments: Sequence[Segment], seg_type: SegType) -> tuple[int, ...]:
    """The number of each segment in a DICOM SEG.

    They count from 1 in the order given, as the standard wants for bits and fractions. In a label
    map they are the label values, where each object has one of its own.
    """
    values = tuple(segment.value for segment in segments)
    if seg_type == "labelmap" and len(set(values)) == len(values):
        return values
    return tuple(range(1, len(segments) + 1))
