"""Mask prompts: a rough mask of an object as the network takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import rasterio.features
import shapely

from sam_common.network.architecture import GRID

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_geo.raster.read_window import ReadWindow

LOGIT = 10.0
"""Of a sure pixel in a mask prompt, as decoders give them."""


def mask_logits(
    mask: npt.NDArray[np.bool_], input_hw: tuple[int, int], model_size: int
) -> npt.NDArray[np.float32]:
    """A mask of an image as the (256, 256) mask prompt of a network.

    Args:
        mask: (H, W) of the embedded image.
        input_hw: Its size after the resize and before the padding.
        model_size: Side of the model's square.
    """
    rows, cols = (max(1, round(side * GRID / model_size)) for side in input_hw)
    small = cv2.resize(mask.astype(np.float32), (cols, rows), interpolation=cv2.INTER_AREA)
    logits = np.full((GRID, GRID), -LOGIT, dtype=np.float32)
    logits[:rows, :cols] = (2 * small - 1) * LOGIT
    return logits


def outline_mask(outline: shapely.Geometry, read: ReadWindow) -> npt.NDArray[np.bool_]:
    """The pixels of what is read whose centres lie in a polygon; those it touches where none does.

    Args:
        outline: Polygon or MultiPolygon in raster indices.
        read: What is read.

    Returns:
        (h, w) of the image that is read.
    """
    (row, col), scale = read.window.start, np.array(read.scale_xy)

    def to_corners(index_xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray((index_xy + 0.5 - np.array([col, row])) / scale)

    shape = shapely.transform(outline, to_corners)
    inside = rasterio.features.rasterize([shape], out_shape=read.size_hw, dtype=np.uint8)
    if not inside.any():
        # a mask of nothing would tell the network that there is none
        inside = rasterio.features.rasterize(
            [shape], out_shape=read.size_hw, dtype=np.uint8, all_touched=True
        )
    return np.asarray(inside.view(np.bool_))
