"""Overlay: a picture of masks and boxes drawn over their image, for people to look at."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sam_common.errors import InputError
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sam_common.masks.decoded import MaskRegion

PIXELS_PER_LINE = 800
"""Pixels of the longer side for each pixel of line width, so that lines stay visible when a large
picture is shown small."""
GOLDEN_RATIO = 0.618033988749895
"""Step between the hues of consecutive objects on a circle of 1, which never comes near an earlier
hue."""


def colour(index: int) -> tuple[int, int, int]:
    """The RGB colour of object number `index`, bright and the same in every picture.

    >>> colour(0), colour(1)
    ((255, 51, 51), (51, 111, 255))
    """
    red, green, blue = colorsys.hsv_to_rgb((index * GOLDEN_RATIO) % 1.0, 0.8, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_overlay(
    image: npt.NDArray[np.uint8],
    masks: Iterable[MaskRegion | None],
    *,
    boxes_xyxy: npt.ArrayLike | None = None,
    alpha: float = 0.5,
) -> npt.NDArray[np.uint8]:
    """Draw masks, tinted and outlined, and boxes onto a copy of an image.

    The n-th mask and the n-th box have the same colour. Parts outside of the image are cut off.

    Args:
        image: (H, W, 3) RGB.
        masks: Masks in the indices of the image; None draws nothing but counts, so that every
            prompt has a colour of its own.
        boxes_xyxy: (N, 4) corners in index coordinates of the image.
        alpha: Opacity of the tint, 0 to 1.

    Returns:
        (H, W, 3) RGB, uint8.

    Raises:
        InputError: If the image is not (H, W, 3) uint8, or alpha is outside of 0..1.
    """
    overlay = Overlay(image, alpha=alpha)
    for mask in masks:
        overlay.add(mask)
    return overlay.picture(boxes_xyxy=boxes_xyxy)


class Overlay:
    """A picture onto which masks are drawn one after the other; none is kept.

    Args:
        image: (H, W, 3) RGB.
        alpha: Opacity of the tint, 0 to 1.

    Raises:
        InputError: If the image is not (H, W, 3) uint8, or alpha is outside of 0..1.
    """

    def __init__(self, image: npt.NDArray[np.uint8], *, alpha: float = 0.5) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:  # noqa: PLR2004
            raise InputError(
                f"image must be (H, W, 3) uint8 to draw on, got {image.shape} {image.dtype}"
            )
        if not 0.0 <= alpha <= 1.0:
            raise InputError(f"alpha must be within 0..1, got {alpha}")
        self._alpha = alpha
        self._width = max(1, round(max(image.shape[:2]) / PIXELS_PER_LINE))
        self._count = 0
        self._tinted = image.copy()
        # outlines on a layer of their own, so that the tint of a neighbour cannot hide them; no
        # colour of an object is black
        self._lines = np.zeros_like(image)

    def add(self, mask: MaskRegion | None) -> None:
        """Draw the next mask, in the indices of the image; None only takes a colour."""
        rgb = colour(self._count)
        self._count += 1
        if mask is None:
            return
        _paint(self._tinted, mask.window, mask.mask, rgb, self._alpha)
        _paint(self._lines, mask.window, _outline(mask.mask, self._width), rgb, 1.0)

    def picture(self, *, boxes_xyxy: npt.ArrayLike | None = None) -> npt.NDArray[np.uint8]:
        """The picture as it is now, (H, W, 3) RGB.

        Args:
            boxes_xyxy: (N, 4) corners in index coordinates, drawn over it.
        """
        canvas = np.where(self._lines.any(axis=-1, keepdims=True), self._lines, self._tinted)
        if boxes_xyxy is None:
            return canvas
        return _draw_boxes(canvas, np.asarray(boxes_xyxy, dtype=np.float64), self._width)


def _paint(
    canvas: npt.NDArray[np.uint8],
    window: Window,
    mask: npt.NDArray[np.bool_],
    rgb: tuple[int, int, int],
    alpha: float,
) -> None:
    """Blend a colour into the canvas where the mask is set, in place."""
    inside = window.intersect(Window.full(canvas.shape[:2]))
    if inside is None:
        return
    part = canvas[inside.slices]
    chosen = mask[inside.within(window).slices]
    blended = part[chosen] * (1.0 - alpha) + np.array(rgb) * alpha
    part[chosen] = np.rint(blended).astype(np.uint8)


def _outline(mask: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    """Object pixels within `width` steps of the background, which also lies around the array."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    outside = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    core = cv2.erode(mask.astype(np.uint8), cross, iterations=width, **outside)
    return np.asarray(mask & (core == 0))


def _draw_boxes(
    canvas: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float64], width: int
) -> npt.NDArray[np.uint8]:
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for n, (x0, y0, x1, y1) in enumerate(np.rint(boxes).astype(int).tolist()):
        pen.rectangle((x0, y0, x1, y1), outline=colour(n), width=width)
    return np.asarray(picture).copy()
