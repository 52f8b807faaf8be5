"""ReadWindow: a window of a raster that is read and embedded once, for all prompts in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.frame import Frame

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.window import Window

Box: TypeAlias = tuple[float, float, float, float]
"""(x0, y0, x1, y1): left, top, right, bottom in raster or image indices."""
Point: TypeAlias = tuple[float, float]
"""(x, y) in raster or image indices."""


@dataclass(frozen=True, slots=True)
class ReadWindow:
    """A window of a raster, the size at which it is read, and the prompts that are decoded in it.

    What is read is called the image; its indices are those of its own pixels.
    """

    window: Window
    """(row, col) in the raster."""
    size_hw: tuple[int, int]
    """Rows and columns of the image: those of the window, or fewer where it is read coarser."""
    prompts: tuple[int, ...]
    """Positions of the prompts in the job's list, ascending."""

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Raster pixels per image pixel along x and y; (1.0, 1.0) at native resolution."""
        (height, width), (rows, cols) = self.window.shape, self.size_hw
        return width / cols, height / rows

    @property
    def is_native(self) -> bool:
        """Whether the window is read at the raster's own resolution."""
        return self.window.shape == self.size_hw

    def image_frame(self, raster_frame: Frame) -> Frame:
        """Compute the frame of the image: its index (row, col) to world (x, y).

        Args:
            raster_frame: The frame of the raster.
        """
        (row, col), (sx, sy) = self.window.start, self.scale_xy
        into_raster: list[list[float]] = [
            [sy, 0, row + (sy - 1) / 2],
            [0, sx, col + (sx - 1) / 2],
            [0, 0, 1],
        ]
        return raster_frame.compose(Frame.from_array(into_raster))

    def point_into_image(self, xy: Point) -> Point:
        """Turn a raster index (x, y) into an index (x, y) of the image.

        >>> from sam_common.window import Window
        >>> ReadWindow(Window((0, 10), (40, 50)), (20, 20), ()).point_into_image((10.5, 0.5))
        (0.0, 0.0)
        """
        (row, col), (sx, sy) = self.window.start, self.scale_xy
        # pixel centres scale about the window's corner, half a pixel up and left
        return (xy[0] - col + 0.5) / sx - 0.5, (xy[1] - row + 0.5) / sy - 0.5

    def box_into_image(self, box_xyxy: Box) -> Box:
        """Turn a box (x0, y0, x1, y1) in raster indices into one in indices of the image."""
        return self.point_into_image(box_xyxy[:2]) + self.point_into_image(box_xyxy[2:])

    def corners_into_raster(self, corners_xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Turn pixel corners (..., 2) of the image, x before y, into pixel corners of the raster.

        At native resolution the result is exact, so that a pixel has the same vertices in every
        window.
        """
        row, col = self.window.start
        scale, origin = np.array(self.scale_xy), np.array([col, row], dtype=np.float64)
        return np.asarray(corners_xy * scale + origin, dtype=np.float64)
