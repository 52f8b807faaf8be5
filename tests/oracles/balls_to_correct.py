"""Two bright balls that touch, as objects to correct, and a network that takes boxes only."""

from __future__ import annotations

import numpy as np
from shaded_objects import ShadeSegmenter, ball, scan, slices_of
from shaded_objects import tight as box_of

from sam_common.segmenter.capabilities import Capabilities
from sam_common.window import Window
from sam_med.propagate.propagated_object import PropagatedObject

__all__ = ["RIGHT", "SHAPE", "Balls", "box_of"]
BOXES_ONLY = Capabilities(points=False, boxes=True, masks=False, multimask=False)
SHAPE = (30, 34, 46)
LEFT, RIGHT = (14, 17, 14), (14, 17, 29)
"""Centres (k, j, i) of the balls."""


class Balls:
    """The two balls, the volume that shows them, and its embeddings."""

    def __init__(self, flips=()):
        self.left = np.flip(ball(SHAPE, LEFT, (9, 7, 8)), flips)
        self.right = np.flip(ball(SHAPE, RIGHT, (8, 6, 8)), flips) & ~self.left
        self.both = self.left | self.right
        # noise is flipped as well
        self.array = np.flip(scan(np.flip(self.both, flips)), flips).copy()
        self.slices = slices_of(self.array, ShadeSegmenter(capabilities=BOXES_ONLY))

    def found(self, mask):
        """A result that shows a mask, without predictions."""
        return PropagatedObject(Window.full(SHAPE), mask.copy(), {})
