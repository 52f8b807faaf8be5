"""A picture of a result: polygons and prompts drawn over the raster."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from PIL import Image

from sam_common.errors import OutputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.overlay import draw_overlay
from sam_common.support.files import check_no_address, check_output, write_bytes
from sam_common.window import Window
from sam_geo.raster.frame import world_to_corners
from sam_geo.raster.read_window import ReadWindow

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    import geopandas
    import numpy.typing as npt

    from sam_common.frame import Frame
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.read_window import Box
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

MAX_SIDE = 2048
"""A larger raster is shown smaller: memory stays bounded, and a picture is for looking at."""
POINT_PX = 3.0
"""A point prompt is shown as a box of this half width."""
SUFFIXES = (".png", ".jpg", ".jpeg")


def check_picture_output(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a picture could not be written to `path`."""
    check_no_address(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"cannot draw to {path} (give one of {', '.join(SUFFIXES)})")
    check_output(path, overwrite=overwrite)


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Polygons as they will be seen in the picture of a raster, taken one after the other."""

    source: RasterSource
    _masks: list[MaskRegion | None] = field(init=False, default_factory=list)

    def add(self, shape: shapely.Geometry | None) -> None:
        """Take the next one, in the raster's reference system; only its pixels are kept."""
        view = _view(self.source.size_hw)
        self._masks.append(_region(shape, view.image_frame(self.source.frame), view.size_hw))

    def draw(self, stretch: Stretch, *, boxes_xyxy: Sequence[Box] = ()) -> npt.NDArray[np.uint8]:
        """The raster with the polygons over it, as `draw_shapes`."""
        view = _view(self.source.size_hw)
        image = stretch.apply(self.source.read(view.window, out_hw=view.size_hw))
        if image.ndim == 2:  # noqa: PLR2004
            image = np.repeat(image[..., None], 3, axis=-1)
        boxes = np.array(boxes_xyxy) if len(boxes_xyxy) else None
        return draw_overlay(image, self._masks, boxes_xyxy=boxes, alpha=0.3)


def draw_prompted(
    source: RasterSource,
    stretch: Stretch,
    prompts: Sequence[GeoPrompt],
    table: geopandas.GeoDataFrame,
) -> npt.NDArray[np.uint8]:
    """The raster with the polygons and boxes of a prompted job, as `draw_shapes`.

    Args:
        source: The raster.
        stretch: Values to bytes.
        prompts: What was asked for.
        table: One row for each prompt, in any reference system.
    """
    view = _view(source.size_hw)
    shown = [n for n, prompt in enumerate(prompts) if prompt.is_placed]
    placed = table if source.crs is None else table.to_crs(source.crs)
    boxes = [view.box_into_image(_box(prompts[n])) for n in shown]
    return draw_shapes(source, stretch, placed.geometry.iloc[shown], boxes_xyxy=boxes)


def draw_shapes(
    source: RasterSource,
    stretch: Stretch,
    shapes: Iterable[shapely.Geometry | None],
    *,
    boxes_xyxy: Sequence[Box] = (),
) -> npt.NDArray[np.uint8]:
    """The raster with polygons over it.

    Args:
        source: The raster.
        stretch: Values to bytes.
        shapes: In the raster's reference system.
        boxes_xyxy: Boxes to draw, in the indices of the picture.

    Returns:
        (H, W, 3) RGB, the raster's own size or, for a large raster, at most 2048 pixels wide and
        high.
    """
    taken = Shapes(source)
    for shape in shapes:
        taken.add(shape)
    return taken.draw(stretch, boxes_xyxy=boxes_xyxy)


def write_picture(picture: npt.NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write a picture to a PNG or JPEG file, by its suffix, whole or not at all."""
    encoded = io.BytesIO()
    suffix = Path(path).suffix.lower()
    Image.fromarray(picture).save(encoded, format=Image.registered_extensions()[suffix])
    write_bytes(path, encoded.getvalue())


def _view(size_hw: tuple[int, int]) -> ReadWindow:
    factor = max(1.0, max(size_hw) / MAX_SIDE)
    height, width = (max(1, round(side / factor)) for side in size_hw)
    return ReadWindow(Window.full(size_hw), (height, width), ())


def _region(
    shape: shapely.Geometry | None, frame: Frame, size_hw: tuple[int, int]
) -> MaskRegion | None:
    """The pixels of the picture under a polygon, in their own small window."""
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
        # an object that is smaller than a pixel of the picture is there all the same
        mask = rasterio.features.rasterize(
            [corners], window.shape, transform=place, all_touched=True
        )
    return MaskRegion(window, mask.astype(np.bool_))


def _within(low: float, high: float) -> tuple[float, float]:
    half = min(0.5, (high - low) / 2)
    return low + half, high - half


def _box(prompt: GeoPrompt) -> Box:
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        # the outermost pixels of the box; of one thinner than a pixel its middle
        (left, right), (top, bottom) = _within(x0, x1), _within(y0, y1)
        return left, top, right, bottom
    xs, ys = zip(*prompt.points_xy, strict=True)
    return min(xs) - POINT_PX, min(ys) - POINT_PX, max(xs) + POINT_PX, max(ys) + POINT_PX
