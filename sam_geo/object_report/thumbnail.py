"""Thumbnail: a small picture of an object on its raster, outlined."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.pages.plate import Line, draw_lines, enlarge
from sam_common.window import Window
from sam_geo.raster.frame import world_to_corners

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.pages.plate import Canvas
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

SIDE_PX = 224
"""Longer side of a thumbnail."""
AROUND = 0.35
"""What is shown around an object, as a part of its longer side."""
LEAST_AROUND = 6
"""Pixels of the raster that are shown around a small object."""
OUTLINE = (255, 221, 51)
"""Colour of the outline: seen on vegetation, soil, water and roofs."""


def thumbnail(source: RasterSource, stretch: Stretch, shape: shapely.Geometry) -> Canvas | None:
    """Draw an object.

    Args:
        source: The raster.
        stretch: Raster values to bytes.
        shape: Outline in the reference system of the raster.

    Returns:
        (H, W, 3) RGB bytes, `SIDE_PX` on the longer side; None where it lies outside the raster.

    Raises:
        InputError: The raster cannot be read there.
    """
    corners = shapely.transform(shape, lambda world: world_to_corners(world, source.frame))
    left, top, right, bottom = shapely.bounds(corners).tolist()
    reach = max(LEAST_AROUND, AROUND * max(right - left, bottom - top))
    wanted = Window(
        (math.floor(top - reach), math.floor(left - reach)),
        (math.ceil(bottom + reach), math.ceil(right + reach)),
    )
    window = wanted.intersect(Window.full(source.size_hw))
    if window is None:
        return None
    height, width = window.shape
    scale = SIDE_PX / max(height, width)
    size_hw = max(1, round(height * scale)), max(1, round(width * scale))
    read_hw = min(height, size_hw[0]), min(width, size_hw[1])
    image = stretch.apply(source.read(window, out_hw=read_hw))
    canvas = enlarge(image, (size_hw[1], size_hw[0]))
    row, col = window.start

    def into_picture(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        parts = np.array([size_hw[1] / width, size_hw[0] / height])
        return np.asarray((xy - (col, row)) * parts - 0.5)

    rings = shapely.get_parts(shapely.boundary(shapely.transform(corners, into_picture)))
    lines = [Line(shapely.get_coordinates(ring), OUTLINE) for ring in rings]
    return draw_lines(canvas, lines)
