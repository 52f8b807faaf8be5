"""Superpixels: boxes to try in a window, found in the image itself.

Felzenszwalb and Huttenlocher's graph segmentation (IJCV 2004, package `scikit-image`) follows
strong edges whatever the size of what they enclose, so its pieces are better proposals than
compact superpixels of one size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage
from skimage.segmentation import felzenszwalb

if TYPE_CHECKING:
    import numpy.typing as npt

SCALES = (100, 400)
"""Scales of the graph segmentation: a larger one gives larger pieces; boxes of both are tried."""
SIGMA = 0.8
"""Standard deviation in pixels of the blur before the segmentation, as published."""
SHRINK = 2
"""Factor by which the image is made smaller first: a quarter of the time, and proposals need no
exact edge."""
MIN_PIXELS = 32
"""Least size of a piece in pixels of the smaller image."""


def superpixel_boxes(
    image: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Bounding boxes of superpixels, without those that fill the image or have no valid pixel.

    Args:
        image: (H, W) or (H, W, 3) bytes.
        valid: (H, W) mask of valid pixels.

    Returns:
        (N, 4) boxes (x0, y0, x1, y1) in image indices along outer pixel edges, sorted, without
        repetitions.
    """
    height, width = image.shape[:2]
    small_wh = (max(1, width // SHRINK), max(1, height // SHRINK))
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
    kept = cv2.resize(valid.astype(np.uint8), small_wh, interpolation=cv2.INTER_NEAREST) > 0
    channels = None if small.ndim == 2 else -1  # noqa: PLR2004
    found = set()
    for scale in SCALES:
        labels = felzenszwalb(
            small, scale=scale, sigma=SIGMA, min_size=MIN_PIXELS, channel_axis=channels
        )
        # find_objects takes 0 for background: the label of invalid pixels
        labels = np.where(kept, labels + 1, 0)
        for piece in ndimage.find_objects(labels):
            if piece is not None:
                rows, cols = piece
                found.add((cols.start, rows.start, cols.stop, rows.stop))
    whole = (0, 0, *small_wh)
    boxes = np.array(sorted(found - {whole}), dtype=np.float64).reshape(-1, 4)
    scale_xy = np.array([width / small_wh[0], height / small_wh[1]] * 2)
    return np.asarray(boxes * scale_xy - 0.5)
