"""Mask prompts: a rough mask or polygon of an object, as low-resolution logits for a network."""

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
"""Logit of a pixel that is surely object; decoders give about as much. Background has -10."""


def mask_logits(
    mask: npt.NDArray[np.bool_], input_hw: tuple[int, int], model_size: int
) -> npt.NDArray[np.float32]:
    """Turn a mask of an image into the mask prompt of a network.

    Args:
        mask: (H, W) object pixels of the embedded image.
        input_hw: Rows and columns of the image after the resize and before the padding.
        model_size: Side of the network's square input in pixels.

    Returns:
        (256, 256) logits from -10 (background) to 10 (object); padding is background.
    """
    rows, cols = (max(1, round(side * GRID / model_size)) for side in input_hw)
    small = cv2.resize(mask.astype(np.float32), (cols, rows), interpolation=cv2.INTER_AREA)
    logits = np.full((GRID, GRID), -LOGIT, dtype=np.float32)
    logits[:rows, :cols] = (2 * small - 1) * LOGIT
    return logits


def outline_mask(outline: shapely.Geometry, read: ReadWindow) -> npt.NDArray[np.bool_]:
    """Rasterise a polygon on the image of a read window.

    Args:
        outline: Polygon or MultiPolygon in raster indices.
        read: The window of the raster that is read.

    Returns:
        (h, w) pixels of the image whose centres lie in the polygon; where no centre does, the
        pixels that the polygon touches.
    """
    (row, col), scale = read.window.start, np.array(read.scale_xy)

    def to_corners(index_xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Turn raster indices (K, 2), x before y, into pixel corners of the image."""
        return np.asarray((index_xy + 0.5 - np.array([col, row])) / scale)

    shape = shapely.transform(outline, to_corners)
    inside = rasterio.features.rasterize([shape], out_shape=read.size_hw, dtype=np.uint8)
    if not inside.any():
        # an empty mask would tell the network that there is no object
        inside = rasterio.features.rasterize(
            [shape], out_shape=read.size_hw, dtype=np.uint8, all_touched=True
        )
    return np.asarray(inside.view(np.bool_))
