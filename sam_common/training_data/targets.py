"""Targets: masks of an image on the 256 x 256 grid of the decoder's logits, by the area covered.

```
image pixels --resize--> network input --coarser--> cells; the rest of the grid is padding
```
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from sam_common.network.architecture import GRID

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion


def soft_mask(
    region: MaskRegion,
    image_hw: tuple[int, int],
    input_hw: tuple[int, int],
    model_size: int,
) -> npt.NDArray[np.float32]:
    """The part of each cell of the grid that an object covers.

    Args:
        region: Its pixels, in indices of the image.
        image_hw: Rows and columns of the image.
        input_hw: Rows and columns of the image after its resize and before its padding.
        model_size: Side of the network's square input in pixels.

    Returns:
        (256, 256) float32, 0 to 1; the sum is the area of the object in cells.
    """
    parts = [
        _cover(length, side * GRID / model_size)[:, span]
        for length, side, span in zip(image_hw, input_hw, region.window.slices, strict=True)
    ]
    covered = parts[0] @ region.mask.astype(np.float32) @ parts[1].T
    return np.ascontiguousarray(np.clip(covered, 0, 1))


def inside(input_hw: tuple[int, int], model_size: int) -> npt.NDArray[np.float32]:
    """1 in the cells of the grid whose middle lies in the image, 0 in the padding, (256, 256)."""
    mask = np.zeros((GRID, GRID), dtype=np.float32)
    rows, cols = (max(1, round(side * GRID / model_size)) for side in input_hw)
    mask[:rows, :cols] = 1
    return mask


@functools.lru_cache(maxsize=16)
def _cover(pixels: int, cells: float) -> npt.NDArray[np.float32]:
    """(256, pixels): the part of each cell that each pixel of an axis covers.

    Args:
        pixels: Pixels along the axis of the image.
        cells: Cells that all of them cover.
    """
    ends = np.arange(pixels + 1) * (cells / pixels)
    lower = np.maximum(ends[None, :-1], np.arange(GRID)[:, None])
    upper = np.minimum(ends[None, 1:], np.arange(1, GRID + 1)[:, None])
    return np.asarray(np.clip(upper - lower, 0, None), dtype=np.float32)
