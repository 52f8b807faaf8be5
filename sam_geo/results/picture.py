"""Pictures: the polygons and boxes of a result drawn over the raster, as PNG or JPEG."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from PIL import Image

from sam_common.errors import OutputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.overlay import Overlay
from sam_common.support.files import check_no_address, check_output, write_bytes
from sam_common.window import Window
from sam_geo.raster.frame import world_to_corners
from sam_geo.raster.read_window import ReadWindow

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import geopandas
    import numpy.typing as npt

    from sam_common.frame import Frame
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

MAX_SIDE = 2048
"""Longest side of a picture in pixels: a larger raster is drawn smaller, so memory is bounded."""
POINT_PX = 3.0
"""Half the side, in pixels of the raster, of the box that is drawn around a point prompt."""
SUFFIXES = (".png", ".jpg", ".jpeg")
"""Suffixes of the formats that can be written."""


def check_picture_output(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a picture could not be written to `path`."""
    check_no_address(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"cannot draw to {path} (give one of {', '.join(SUFFIXES)})")
    check_output(path, overwrite=overwrite)


class Shapes:
    """Draws polygons over a raster, one after the other; none is kept.

    Args:
        source: The raster, which is read at the size of its picture.
        stretch: Raster values to bytes.

    Raises:
        InputError: The raster cannot be read.
    """

    def __init__(self, source: RasterSource, stretch: Stretch) -> None:
        view = _view(source.size_hw)
        image = stretch.apply(source.read(view.window, out_hw=view.size_hw))
        if image.ndim == 2:  # noqa: PLR2004
            image = np.repeat(image[..., None], 3, axis=-1)
        self._size_hw = view.size_hw
        self._frame = view.image_frame(source.frame)
        self._overlay = Overlay(image, alpha=0.3)

    def add(self, shape: shapely.Geometry | None) -> None:
        """Draw the pixels of the picture under a polygon.

        Args:
            shape: In the raster's reference system; None is an object without a polygon, which
                still takes a colour.
        """
        self._overlay.add(_region(shape, self._frame, self._size_hw))

    def picture(self, *, boxes_xyxy: Sequence[Box] = ()) -> npt.NDArray[np.uint8]:
        """The raster with the polygons over it.

        Args:
            boxes_xyxy: Boxes to draw, in indices of the picture.

        Returns:
            (H, W, 3) RGB bytes: of the raster's size, or of at most 2048 pixels on the longer side.
        """
        return self._overlay.picture(boxes_xyxy=np.array(boxes_xyxy) if len(boxes_xyxy) else None)


def draw_prompted(
    source: RasterSource,
    stretch: Stretch,
    prompts: Sequence[GeoPrompt],
    table: geopandas.GeoDataFrame,
) -> npt.NDArray[np.uint8]:
    """Draw the polygons and the prompts of a prompted job over the raster.

    Args:
        source: The raster.
        stretch: Raster values to bytes.
        prompts: The prompts in raster indices.
        table: One row for each prompt, in any reference system.

    Returns:
        (H, W, 3) RGB bytes, as `Shapes.picture` gives them.
    """
    view = _view(source.size_hw)
    shown = [n for n, prompt in enumerate(prompts) if prompt.is_placed]
    placed = placed_table(source, table)
    boxes = [view.box_into_image(_box(prompts[n])) for n in shown]
    shapes = Shapes(source, stretch)
    for shape in placed.geometry.iloc[shown]:
        shapes.add(shape)
    return shapes.picture(boxes_xyxy=boxes)


def placed_table(source: RasterSource, table: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """A table in the reference system of its raster."""
    return table if source.crs is None else table.to_crs(source.crs)


def write_picture(picture: npt.NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write a picture to a PNG or JPEG file, whole or not at all.

    Args:
        picture: (H, W, 3) RGB bytes.
        path: The file; its suffix chooses the format.
    """
    encoded = io.BytesIO()
    suffix = Path(path).suffix.lower()
    Image.fromarray(picture).save(encoded, format=Image.registered_extensions()[suffix])
    write_bytes(path, encoded.getvalue())


def _view(size_hw: tuple[int, int]) -> ReadWindow:
    """The whole raster, read at the size of its picture."""
    factor = max(1.0, max(size_hw) / MAX_SIDE)
    height, width = (max(1, round(side / factor)) for side in size_hw)
    return ReadWindow(Window.full(size_hw), (height, width), ())


def _region(
    shape: shapely.Geometry | None, frame: Frame, size_hw: tuple[int, int]
) -> MaskRegion | None:
    """The pixels of a picture under a polygon; None where it lies outside.

    Args:
        shape: In world coordinates.
        frame: Indices of the picture to world coordinates.
        size_hw: Rows and columns of the picture.
    """
    if shape is None:
        return None
    corners = shapely.transform(shape, lambda world: world_to_corners(world, frame))
    left, top, right, bottom = shapely.bounds(corners).tolist()
    reach = Window((math.floor(top), math.floor(left)), (math.ceil(bottom), math.ceil(right)))
    if (window := reach.intersect(Window.full(size_hw))) is None:
        return None
    row, col = window.start
    place = Affine.translation(col, row)
    mask = rasterio.features.rasterize([corners], window.shape, transform=place)
    if not mask.any():
        # an object that is smaller than a pixel of the picture is shown as the pixels it touches
        mask = rasterio.features.rasterize(
            [corners], window.shape, transform=place, all_touched=True
        )
    return MaskRegion(window, mask.astype(np.bool_))


def _within(low: float, high: float) -> tuple[float, float]:
    """Half a pixel inside the ends of a span; its middle where it is thinner than a pixel."""
    half = min(0.5, (high - low) / 2)
    return low + half, high - half


def _box(prompt: GeoPrompt) -> Box:
    """The box of raster indices that shows a prompt."""
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        # drawn through the centres of the outermost pixels of the box
        (left, right), (top, bottom) = _within(x0, x1), _within(y0, y1)
        return left, top, right, bottom
    xs, ys = zip(*prompt.points_xy, strict=True)
    return min(xs) - POINT_PX, min(ys) - POINT_PX, max(xs) + POINT_PX, max(ys) + POINT_PX
