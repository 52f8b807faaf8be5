"""Region overlap: how alike two masks of one image are, without an image of full size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_common.masks.decoded import MaskRegion

if TYPE_CHECKING:
    import numpy.typing as npt

BOUNDARY = 0.02
"""Width of the boundary as a part of the image's diagonal, as published for COCO."""


def region_iou(wanted: MaskRegion, found: MaskRegion | None) -> float:
    """Intersection over union of two masks of one image; 0 where one is empty."""
    if found is None:
        return 0.0
    shared = 0
    if (common := wanted.window.intersect(found.window)) is not None:
        parts = (r.mask[common.within(r.window).slices] for r in (wanted, found))
        shared = int(np.logical_and(*parts).sum())
    return shared / (wanted.area_px + found.area_px - shared)


def boundary_iou(wanted: MaskRegion, found: MaskRegion | None, size_hw: tuple[int, int]) -> float:
    """Boundary IoU (Cheng et al. 2021, arXiv 2103.16562): IoU of the pixels near the outlines.

    A pixel of a mask is near its outline where fewer than `boundary_px` steps, diagonal ones
    included, lead out of it; what lies beyond the image is outside.

    Args:
        wanted: The mask of the object.
        found: The mask that was found; None where nothing was.
        size_hw: Rows and columns of the image.
    """
    if found is None:
        return 0.0
    width = boundary_px(size_hw)
    return region_iou(_boundary(wanted, width), _boundary(found, width))


def boundary_px(size_hw: tuple[int, int]) -> int:
    """Width of the boundary of masks of an image in pixels, at least 1.

    >>> boundary_px((480, 640))
    16
    """
    return max(1, round(BOUNDARY * math.hypot(*size_hw)))


def _boundary(region: MaskRegion, width: int) -> MaskRegion:
    """The pixels of a mask from which fewer than `width` + 1 steps lead out of it."""
    # the box of an object has nothing of it outside, so its edges need no more of the image
    padded = np.pad(region.mask, 1).astype(np.uint8)
    kernel = np.ones((3, 3), dtype=np.uint8)
    core: npt.NDArray[np.uint8] = np.asarray(cv2.erode(padded, kernel, iterations=width))
    return MaskRegion(region.window, region.mask & (core[1:-1, 1:-1] == 0))
