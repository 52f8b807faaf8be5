"""Frame pixels: what each frame of a DICOM SEG shows, decoded one frame at a time.

```
BINARY       one bit for each pixel, lowest bit first, no padding between frames    (PS3.5, 8.1.1)
             frame n: bits n * rows * columns up to (n + 1) * rows * columns
LABELMAP     a frame for each slice, pixels are numbers of segments                (PS3.3, C.8.20.2)
FRACTIONAL   a frame for each segment and slice, pixels are 0 up to MaximumFractionalValue
```
BINARY is decoded with numpy, the others by pydicom. A pixel of a FRACTIONAL frame belongs to the
segment from half of the maximum on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRBigEndian

from sam_common.errors import InputError
from sam_med.dicom.encoding import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

FrameMask: TypeAlias = "tuple[int, int | None, npt.NDArray[np.bool_]]"
"""Index of a frame, number of a segment, and the pixels that show it."""
BINARY, LABELMAP, FRACTIONAL = "BINARY", "LABELMAP", "FRACTIONAL"
BITS, WORD_BITS = 8, 16
FULL = 255
"""MaximumFractionalValue where a file states none."""


def frame_masks(dataset: Dataset, count: int) -> Iterator[FrameMask]:
    """What the frames of a DICOM SEG show; one frame is in memory at a time.

    Args:
        dataset: An opened SEG, with its pixels.
        count: The number of frames that it describes.

    Yields:
        Index of the frame from 0; number of the segment, or None where the description of the
        frame says it; and a (rows, columns) boolean mask. A frame of a LABELMAP comes once for
        each segment that it shows, and once with None where it shows none.

    Raises:
        InputError: Pixel data and descriptions of frames do not fit together.
    """
    kind = str(dataset.SegmentationType)
    if kind == BINARY:
        yield from _bits(dataset, count)
        return
    if count and dataset.file_meta.get("TransferSyntaxUID", None) in PLAIN:
        frame_bits = int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated)
        _check_end(len(dataset.PixelData), frame_bits, count)
    for n in range(count):
        pixels = pixel_array(dataset, index=n)
        if kind == LABELMAP:
            shown = [v for v in np.unique(pixels).tolist() if v != background(dataset)]
            for number in shown:
                yield n, number, np.asarray(pixels == number)
            if not shown:
                yield n, None, np.zeros(pixels.shape, dtype=np.bool_)
        else:
            yield n, None, np.asarray(pixels >= half(dataset))


def background(dataset: Dataset) -> int:
    """The pixel value of the background in a LABELMAP (PS3.3, C.8.20.2)."""
    return int(dataset.get("PixelPaddingValue", 0) or 0)


def half(dataset: Dataset) -> float:
    """The pixel value from which on a pixel of a FRACTIONAL segmentation belongs to its segment."""
    return int(dataset.get("MaximumFractionalValue", None) or FULL) / 2


def _bits(dataset: Dataset, count: int) -> Iterator[FrameMask]:
    """The frames of a BINARY segmentation."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    pixels = rows * columns
    packed = _packed(dataset) if count else np.zeros(0, np.uint8)
    _check_end(len(packed), pixels, count)
    for n in range(count):
        first, last = n * pixels, (n + 1) * pixels
        part = packed[first // BITS : -(-last // BITS)]
        bits = np.unpackbits(part, bitorder="little")[first % BITS :][:pixels]
        if len(bits) < pixels:
            raise InputError(f"the pixel data end within frame {n + 1}")
        yield n, None, bits.reshape(rows, columns).astype(np.bool_)


def _packed(dataset: Dataset) -> npt.NDArray[np.uint8]:
    """PixelData of a BINARY segmentation as bytes in the order of the pixels."""
    packed = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    syntax = dataset.file_meta.get("TransferSyntaxUID", None)
    if syntax == ExplicitVRBigEndian and dataset["PixelData"].VR == "OW":
        # in big-endian words of two bytes the later pixels come first
        return packed[: len(packed) // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()
    return packed


def _check_end(held_bytes: int, frame_bits: int, count: int) -> None:
    """Raise `InputError` where the pixel data hold more frames than are described."""
    if held_bytes * BITS - count * frame_bits >= max(WORD_BITS, frame_bits):
        raise InputError(f"the pixel data hold more than the {count} frames described")
