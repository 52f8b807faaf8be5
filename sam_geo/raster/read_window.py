"""ReadWindow: a part of a raster that is read once, embedded once, and serves several prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.frame import Frame

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.window import Window

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in raster or image indices."""
Point: TypeAlias = tuple[float, float]
"""(x, y) in raster or image indices."""


@dataclass(frozen=True, slots=True)
class ReadWindow:
    """One read, one embedding, and the prompts that it serves."""

    window: Window
    """(row, col) in the raster."""
    size_hw: tuple[int, int]
    """Size of the image that is read: the window's own, or smaller where it is read coarser."""
    prompts: tuple[int, ...]
    """Positions in the list of prompts, ascending."""

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Raster pixels per image pixel along x and y; (1.0, 1.0) at native resolution."""
        (height, width), (rows, cols) = self.window.shape, self.size_hw
        return width / cols, height / rows

    @property
    def is_native(self) -> bool:
        """Whether it is read at the raster's own resolution."""
        return self.window.shape == self.size_hw

    def image_frame(self, raster_frame: Frame) -> Frame:
        """The frame of the image that is read, given the raster's."""
        (row, col), (sx, sy) = self.window.start, self.scale_xy
        into_raster: list[list[float]] = [
            [sy, 0, row + (sy - 1) / 2],
            [0, sx, col + (sx - 1) / 2],
            [0, 0, 1],
        ]
        return raster_frame.compose(Frame.from_array(into_raster))

    def point_into_image(self, xy: Point) -> Point:
        """Raster index (x, y) to the index of the image that is read.

        >>> from sam_common.window import Window
        >>> ReadWindow(Window((0, 10), (40, 50)), (20, 20), ()).point_into_image((10.5, 0.5))
        (0.0, 0.0)
        """
        (row, col), (sx, sy) = self.window.start, self.scale_xy
        # pixel centres scale about the window's corner, half a pixel up and left
        return (xy[0] - col + 0.5) / sx - 0.5, (xy[1] - row + 0.5) / sy - 0.5

    def box_into_image(self, box_xyxy: Box) -> Box:
        """The same for both corners of a box."""
        return self.point_into_image(box_xyxy[:2]) + self.point_into_image(box_xyxy[2:])

    def corners_into_raster(self, corners_xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Pixel corners (..., 2) of the image, x before y, to pixel corners of the raster.

        Exact at native resolution, so that the same pixel gives the same vertex in every window.
        """
        row, col = self.window.start
        scale, origin = np.array(self.scale_xy), np.array([col, row], dtype=np.float64)
        return np.asarray(corners_xy * scale + origin, dtype=np.float64)
