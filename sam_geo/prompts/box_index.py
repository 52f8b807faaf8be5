"""BoxIndex: the boxes that are tried in each window of an automatic job, in place of points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sam_common.stitching.bins import Bins
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_geo.raster.read_window import Box

LEAST_SHARE = 0.25
"""A proposal is tried in every window that holds this part of it."""


class BoxIndex:
    """Boxes by the windows in which they are tried; each window looks at those near it only.

    Args:
        boxes_xyxy: (N, 4) in raster indices.
        side: Of a window in pixels.
    """

    def __init__(self, boxes_xyxy: Sequence[Box], side: int) -> None:
        self._boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
        sides = self._boxes[:, 2:] - self._boxes[:, :2]
        held = np.divide(side, sides, out=np.ones_like(sides), where=sides > side).prod(axis=1)
        self.too_large = int((held < LEAST_SHARE).sum())
        """Boxes of which no window holds a quarter: they are never tried."""
        self._bins = Bins(side)
        low, high = np.floor(self._boxes[:, :2] + 0.5), np.ceil(self._boxes[:, 2:] + 0.5)
        for n in np.flatnonzero(held >= LEAST_SHARE).tolist():
            (left, top), (right, bottom) = low[n].astype(int), high[n].astype(int)
            place = Window((top, left), (max(bottom, top + 1), max(right, left + 1)))
            self._bins.add(n, place)

    def __len__(self) -> int:
        return len(self._boxes)

    def inside(self, window: Window) -> npt.NDArray[np.float64]:
        """(M, 4) the parts that are tried in a window, in its own indices, as `boxes_in`."""
        return boxes_in(window, self._boxes[self._bins.near(window)])


def boxes_in(window: Window, boxes_xyxy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The parts of boxes inside a window, in its own indices; small parts are left out.

    A box without width or height is a line or a point, of which the same part has to lie inside.

    >>> from sam_common.window import Window
    >>> boxes_in(Window((0, 10), (8, 20)), np.array([[8.5, 1.5, 12.5, 3.5], [0, 0, 4, 4]])).tolist()
    [[-0.5, 1.5, 2.5, 3.5]]
    """
    origin = np.array(window.start[::-1] * 2, dtype=np.float64)
    height, width = window.shape
    low, high = np.full(4, -0.5), np.array([width, height] * 2) - 0.5
    local = boxes_xyxy - origin
    clipped = np.clip(local, low, high)
    meets = ((local[:, 2:] >= low[2:]) & (local[:, :2] <= high[:2])).all(axis=1)
    sides, parts = (part[:, 2:] - part[:, :2] for part in (local, clipped))
    share = np.divide(parts, sides, out=np.ones_like(parts), where=sides > 0).prod(axis=1)
    return np.asarray(clipped[meets & (share >= LEAST_SHARE)])
