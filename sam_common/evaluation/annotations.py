"""Annotations: a segmentation of a COCO file as a mask, whichever of its three forms it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError
from sam_common.masks.rle import RLE, decode_region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.masks.decoded import MaskRegion

LEAST_NUMBERS = 6
"""Numbers of the shortest polygon: x and y of three corners."""


def region_of(segmentation: Any, size_hw: tuple[int, int]) -> MaskRegion | None:
    """The mask of a segmentation.

    Args:
        segmentation: Run lengths, compressed or not, or a list of polygons of x, y, x, y, ...
        size_hw: Rows and columns of the image.

    Returns:
        The mask in the box of its object, or None where it is empty.

    Raises:
        InputError: The segmentation is malformed, is of an image of another size, or holds
            polygons and pycocotools, which fills them as COCO means it, is not installed.
    """
    if isinstance(segmentation, dict):
        rle = RLE.from_coco(segmentation)
        if rle.size_hw != tuple(size_hw):
            raise InputError(
                f"the mask is of an image of {rle.size_hw[0]} x {rle.size_hw[1]}, the image has "
                f"{size_hw[0]} x {size_hw[1]}"
            )
        return decode_region(rle)
    if isinstance(segmentation, list):
        return _filled(segmentation, size_hw)
    raise InputError(f"a segmentation is polygons or run lengths, got {segmentation!r:.80}")


def _filled(polygons: Sequence[Any], size_hw: tuple[int, int]) -> MaskRegion | None:
    """The union of polygons."""
    for polygon in polygons:
        if (
            not isinstance(polygon, list)
            or len(polygon) < LEAST_NUMBERS
            or len(polygon) % 2
            or not np.isfinite(np.array(polygon, dtype=np.float64)).all()
        ):
            raise InputError(f"a polygon has x and y of three corners or more, got {polygon!r:.80}")
    if not polygons:
        return None
    try:
        from pycocotools import mask as coco  # noqa: PLC0415 - only for polygons
    except ImportError as error:
        raise InputError(
            "the masks are polygons, which pycocotools fills as COCO means it: "
            'pip install "sam-geomed[evaluate]"'
        ) from error
    runs = coco.merge(coco.frPyObjects(polygons, *size_hw))
    return decode_region(RLE.from_coco(runs))
