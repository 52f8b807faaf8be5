"""Pictures: both maps and their change, small enough for a page.

A raster of any size becomes pictures of at most `MAX_SIDE` pixels: each stands for a square block
of the raster's pixels, and shows the class that most of them have. What changed is never smoothed
away: a pixel of the change has the class that most of the changed pixels of its block became, and
the share of the block that changed.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyproj
from PIL import Image

from sam_common.tiled_job.progress import silent
from sam_common.window import Window
from sam_geo.comparison.common_grid import SIDE
from sam_geo.comparison.from_to import coded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.class_maps.class_colours import Colour
    from sam_geo.comparison.class_names import ClassNames
    from sam_geo.comparison.common_grid import CommonGrid

    Rgba: TypeAlias = npt.NDArray[np.uint8]
    FloatArray: TypeAlias = npt.NDArray[np.float64]
    Codes: TypeAlias = npt.NDArray[np.int16]

MAX_SIDE = 900
"""Longest side of a picture in pixels."""
UNCHANGED = (128, 128, 128, 56)
"""Red, green, blue and opacity of what did not change: a grey on a light and a dark page."""
LEAST_OPACITY = 0.35
"""Opacity of a block of which a single pixel changed: less would not be seen."""
BAR = 0.3
"""Longest scale bar, as a share of the width of a picture."""
KM = 1000.0
"""Metres of a kilometre."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Two maps and their change, one pixel for each block of the raster."""

    block: int
    """Pixels of the raster on a side of a block."""
    before: Codes
    """(H, W) classes of the first map, by their place in the names; -1 is none."""
    after: Codes
    """(H, W) classes of the second map."""
    became: Codes
    """(H, W) what most of the changed pixels of a block became; -1 where none changed."""
    share: FloatArray
    """(H, W) share of the compared pixels of a block that changed, 0 to 1."""


def draw_pictures(
    grid: CommonGrid, names: ClassNames, *, max_side: int = MAX_SIDE, progress: Progress = silent
) -> Pictures:
    """Look at both maps block by block.

    Args:
        grid: The maps; their extent is drawn.
        names: Their classes, all of them known already.
        max_side: Longest side of a picture in pixels.
        progress: Called with a description and the number of windows.

    Returns:
        The pictures, with classes in the order of `names`.
    """
    height, width = grid.extent.shape
    block = math.ceil(max(height, width) / max_side)
    size = math.ceil(height / block), math.ceil(width / block)
    before, after, became = (np.full(size, -1, dtype=np.int16) for _ in range(3))
    share = np.zeros(size)
    side = max(1, SIDE // block)
    windows = [
        Window((top, left), (min(top + side, size[0]), min(left + side, size[1])))
        for top in range(0, size[0], side)
        for left in range(0, size[1], side)
    ]
    count = len(names.names)
    with progress("drawing the maps", len(windows)) as done:
        for window in windows:
            reach = Window(
                tuple(part * block for part in window.start),
                tuple(part * block for part in window.stop),
            ).shift(grid.extent.start)
            one, two = (_blocks(part, block) for part in coded(grid, names, reach))
            changed = one != two
            at = window.slices
            before[at] = _most(one, count).reshape(window.shape)
            after[at] = _most(two, count).reshape(window.shape)
            became[at] = _most(np.where(changed, two, -1), count).reshape(window.shape)
            known = np.maximum((one >= 0).sum(axis=1), 1)
            share[at] = (changed.sum(axis=1) / known).reshape(window.shape)
            done(1)
    return Pictures(block, before, after, became, share)


def _blocks(codes: Codes, block: int) -> Codes:
    """(N, block * block) pixels of each block of a window, blocks row by row."""
    rows, cols = codes.shape[0] // block, codes.shape[1] // block
    parts = codes.reshape(rows, block, cols, block).transpose(0, 2, 1, 3)
    found: Codes = parts.reshape(rows * cols, block * block)
    return found


def _most(blocks: Codes, classes: int) -> Codes:
    """(N,) most frequent class of each block, the first of several; -1 where it has none."""
    # none comes first, and is not looked at
    bins = classes + 1
    place = np.arange(len(blocks))[:, None] * bins + blocks + 1
    counts = np.bincount(place.ravel(), minlength=len(blocks) * bins).reshape(len(blocks), bins)
    found: Codes = counts[:, 1:].argmax(axis=1).astype(np.int16)
    found[counts[:, 1:].max(axis=1) == 0] = -1
    return found


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A bar beside a picture that says how long something is."""

    share: float
    """Its length as a share of the width of the picture."""
    label: str
    """What it stands for, such as `500 m`."""


def class_rgba(codes: Codes, colours: Sequence[Colour]) -> Rgba:
    """Paint classes.

    Args:
        codes: (H, W) classes; -1 is none.
        colours: Red, green and blue of each class.

    Returns:
        (H, W, 4) red, green, blue and opacity; transparent where there is no class.
    """
    palette = np.zeros((len(colours) + 1, 4), dtype=np.uint8)
    palette[:-1, :3], palette[:-1, 3] = np.array(colours).reshape(-1, 3), 255
    found: Rgba = palette[codes]  # -1 is the last entry
    return found


def change_rgba(pictures: Pictures, colours: Sequence[Colour]) -> Rgba:
    """Paint what became what, the stronger the more of a block changed.

    Args:
        pictures: The pictures.
        colours: Red, green and blue of each class.

    Returns:
        (H, W, 4) red, green, blue and opacity.
    """
    picture = class_rgba(pictures.became, colours)
    opacity = LEAST_OPACITY + (1 - LEAST_OPACITY) * pictures.share
    picture[..., 3] = np.where(pictures.became >= 0, np.rint(255 * opacity), 0)
    picture[(pictures.became < 0) & (pictures.before >= 0)] = UNCHANGED
    return picture


def data_uri(picture: Rgba) -> str:
    """A picture (H, W, 4) as a PNG in a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def scale_bar(grid: CommonGrid, pictures: Pictures) -> ScaleBar:
    """The scale bar of the pictures: in metres along their middle row, or in pixels of the grid."""
    pixels = pictures.before.shape[1] * pictures.block
    pixel_m = _pixel_width_m(grid)
    if pixel_m is None:
        bar = _round_length(BAR * pixels)
        return ScaleBar(bar / pixels, f"{bar:,g} pixels")
    bar = _round_length(BAR * pixels * pixel_m)
    label = f"{bar / KM:,g} km" if bar >= KM else f"{bar:,g} m"
    return ScaleBar(bar / (pixels * pixel_m), label)


def _pixel_width_m(grid: CommonGrid) -> float | None:
    """Width of a pixel in metres, as a mean over the middle of the extent; None if not known."""
    source = grid.before.source
    globe = None if source.crs is None else source.crs.geodetic_crs
    geod = None if globe is None else globe.get_geod()
    if source.crs is None or globe is None or geod is None:
        return None
    (top, left), (bottom, right) = grid.extent.start, grid.extent.stop
    # a half of the width: its ends may lie beyond what the projection is for
    reach, row = (right - left) / 4, (top + bottom - 1) / 2
    middle = (left + right - 1) / 2
    ends = source.frame.to_world([(row, middle - reach), (row, middle + reach)])
    way = pyproj.Transformer.from_crs(source.crs, globe, always_xy=True)
    degrees = math.degrees(globe.axis_info[0].unit_conversion_factor)
    lonlat = np.stack(way.transform(ends[:, 0], ends[:, 1])) * degrees
    (lon0, lon1), (lat0, lat1) = np.where(np.isfinite(lonlat), lonlat, 0.0).tolist()
    length = float(geod.inv(lon0, lat0, lon1, lat1)[2])
    return length / (2 * reach) if np.isfinite(lonlat).all() and length else None


def _round_length(most: float) -> float:
    """The greatest of 1, 2 and 5 times a power of ten that is not more than this."""
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))
