"""Worst: pictures of the objects that were found worst, which say more than their mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from sam_common.support.files import atomic_output
from sam_common.window import Window

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.masks.decoded import MaskRegion

TRUE_RGB, FOUND_RGB = (0, 230, 118), (255, 64, 129)
"""Colours of the known outline and of the one found; apart also for the colour-blind."""
CONTEXT = 0.5
"""Room around both masks, as a part of the longer side of their box."""
SIDE_PX = 512
"""Longer side of a picture."""


def write_worst(
    path: Path, image: npt.NDArray[np.uint8], wanted: MaskRegion, found: MaskRegion | None
) -> None:
    """Write a picture of an object with its known outline and the one that was found.

    Args:
        path: A .png.
        image: (H, W, 3) RGB or (H, W) grey, uint8.
        wanted: The object.
        found: What was found; None where nothing was.

    Raises:
        OutputError: The file cannot be written.
    """
    both = wanted.window if found is None else wanted.window.union(found.window)
    room = round(CONTEXT * max(both.shape)) + 1
    # masks lie in their image, so that there is always a part of it
    part = both.expand(room).intersect(Window.full(image.shape[:2])) or both
    crop = image[part.slices]
    if crop.ndim == 2:  # noqa: PLR2004
        crop = np.repeat(crop[..., None], 3, axis=2)
    scale = SIDE_PX / max(part.shape)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    kind = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    canvas = np.ascontiguousarray(cv2.resize(crop, size, interpolation=kind))
    for region, rgb in ((wanted, TRUE_RGB), (found, FOUND_RGB)):
        if region is not None:
            _outline(canvas, region, part, rgb)
    with atomic_output(path) as temporary:
        Image.fromarray(canvas).save(temporary, format="PNG")


def _outline(
    canvas: npt.NDArray[np.uint8], region: MaskRegion, part: Window, rgb: tuple[int, int, int]
) -> None:
    """Draw the outline of a mask onto a picture of a part of the image, in place."""
    mask = np.zeros(part.shape, dtype=np.uint8)
    if (inside := region.window.intersect(part)) is None:
        return
    mask[inside.within(part).slices] = region.mask[inside.within(region.window).slices]
    # enlarged first, so that the line runs along the edges of pixels
    large = cv2.resize(mask, canvas.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, rgb, 2, cv2.LINE_AA)
