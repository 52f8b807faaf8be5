"""Instances by hand: squares and masks in an image, for tests of stitching and of tiled jobs."""

from __future__ import annotations

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.window import Window


def square(
    top: int, left: int, bottom: int, right: int, score: float = 0.9, stability: float = 0.9
) -> Instance:
    """A filled rectangle of an image, as an instance."""
    window = Window((top, left), (bottom, right))
    return Instance(MaskRegion(window, np.ones(window.shape, dtype=np.bool_)), score, stability)


def region(mask: np.ndarray, start: tuple[int, int] = (0, 0)) -> MaskRegion:
    """A mask that begins at a pixel (row, col) of an image."""
    return MaskRegion(Window.full(mask.shape).shift(start), mask)
