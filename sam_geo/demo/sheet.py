"""Sheet: a raster as a picture on which lines can be drawn, with scale bar and north arrow.

Pixels are as tall and wide as they are on the ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.pages.marks import draw_north, draw_scale_bar
from sam_common.pages.plate import enlarge
from sam_common.window import Window
from sam_geo.map_report.figures import length_text
from sam_geo.map_report.ground import measure_ground

if TYPE_CHECKING:
    from sam_common.pages.plate import Canvas
    from sam_geo.map_report.ground import Ground
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A picture of a whole raster."""

    canvas: Canvas
    """The raster alone."""
    size_hw: tuple[int, int]
    """Rows and columns of the raster."""
    ground: Ground | None
    """Lengths on the ground, and north; None where they are unknown."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        height, width = self.canvas.shape[:2]
        return width, height

    def marked(self, canvas: Canvas) -> Canvas:
        """A picture of this size with scale bar and north arrow, where they are known."""
        if self.ground is None:
            return canvas
        if (bar := self.ground.scale_bar()) is not None:
            scale = self.size_wh[0] / self.size_hw[1]
            text = length_text(bar.metres).replace("\N{NO-BREAK SPACE}", " ")
            canvas = draw_scale_bar(canvas, bar.pixels * scale, text)
        if self.ground.north_deg is not None:
            canvas = draw_north(canvas, self.ground.north_deg)
        return canvas


def draw_sheet(source: RasterSource, stretch: Stretch, width_px: int) -> Sheet:
    """Draw a raster as a picture of some width.

    Args:
        source: The raster, which is read whole.
        stretch: Raster values to bytes.
        width_px: Width of the picture.

    Raises:
        InputError: The raster cannot be read.
    """
    height, width = source.size_hw
    ground = measure_ground(source.crs, source.frame, source.size_hw)
    tall = 1.0 if ground is None else ground.row_m / ground.col_m
    size_wh = (width_px, max(1, round(width_px * height * tall / width)))
    image = stretch.apply(source.read(Window.full(source.size_hw)))
    return Sheet(enlarge(np.asarray(image), size_wh), source.size_hw, ground)
