"""Pictures of a class map: classes, probabilities and surroundings of a pixel, with their scale.

A map of any size is read from its overviews, so memory is bounded by the picture. Pixels without
a class are transparent: a page shows its own pattern there.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from sam_common.window import Window
from sam_geo.map_report.figures import length_text, lonlat_text
from sam_geo.map_report.ground import lonlat_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from sam_geo.class_maps.class_map import ClassMap
    from sam_geo.map_report.ground import Ground, ScaleBar

    ByteArray = npt.NDArray[np.uint8]

Rgb: TypeAlias = "Sequence[int]"
"""Red, green and blue, 0 to 255."""

LONGEST_PX = 1200
"""Longer side of a picture: enough for a sheet of paper, and a few hundred kilobytes at most."""
SQUARE = 0.01
"""Difference of the sides of a pixel on the ground, as a share, that nobody sees."""
PROBABILITY_STEPS = (0, 50, 60, 70, 80, 90)
"""Per cent from which each colour of a picture of probabilities counts."""
PALE, DARK = (232, 243, 245), (16, 84, 102)
"""Colours of the lowest and of the highest of these steps: one hue, as quantities have."""
CHIP_SIDE = 25
"""Pixels on a side of a picture of surroundings: odd, so that one pixel is in the middle."""
FLAT = 1.5
"""Times that a picture is wider than high from which two do not go beside each other."""
UNEQUAL = 0.02
"""Difference of the scale at the edges of a map, as a share, from which it is told."""


@dataclass(frozen=True, slots=True)
class MapView:
    """How a map is drawn: pixels as tall and wide as they are on the ground, and not mirrored."""

    size_hw: tuple[int, int]
    """Rows and columns of the picture."""
    is_flipped: bool
    """Whether the last row of the map is drawn on top."""

    @classmethod
    def of(cls, map_hw: tuple[int, int], ground: Ground | None) -> MapView:
        """The view of a map of some rows and columns; its pixels are square without a ground."""
        height, width = map_hw
        tall = 1.0 if ground is None else ground.row_m / ground.col_m
        is_flipped = ground is not None and ground.is_mirrored
        if abs(tall - 1) <= SQUARE:
            tall = 1.0
        scale = LONGEST_PX / max(height * tall, width)
        if tall == 1 and scale >= 1:
            scale = int(scale)  # all pixels of a small map are drawn in one size
        return cls((max(1, round(height * tall * scale)), max(1, round(width * scale))), is_flipped)

    def drawn(self, index: ByteArray) -> ByteArray:
        """The (H, W) picture of (h, w) samples that were read at its size or coarser."""
        rows, cols = (
            np.arange(side) * read // side
            for side, read in zip(self.size_hw, index.shape, strict=True)
        )
        picture: ByteArray = index[rows[::-1] if self.is_flipped else rows][:, cols]
        return picture


@dataclass(frozen=True, slots=True)
class MapPictures:
    """The two pictures of a map, as data URIs of PNG files."""

    classes: str
    probability: str | None
    """None where the map has no probabilities."""
    shares: tuple[float, ...]
    """Share of the drawn pixels with a class that is in each step of the probability."""


def draw_map(class_map: ClassMap, view: MapView, colours: Mapping[int, Rgb]) -> MapPictures:
    """Draw a map and its probabilities.

    Args:
        class_map: The open map.
        view: How it is drawn.
        colours: Colour of each class by its value; pixels of other values are transparent.

    Raises:
        InputError: The map cannot be read.
    """
    source = class_map.source
    whole = Window.full(source.size_hw)
    rows, cols = map(min, view.size_hw, source.size_hw)
    pixels = source.read(whole, out_hw=(rows, cols), resampling="nearest")
    index = _legend_index(pixels.values[0], pixels.valid, colours)
    classes = _png(view.drawn(index), list(colours.values()))
    if not class_map.has_probability:
        return MapPictures(classes, None, ())
    second = replace(source, bands=(2,))
    per_cent = second.read(whole, out_hw=(rows, cols), resampling="nearest").values[0]
    steps = np.searchsorted(PROBABILITY_STEPS, per_cent, side="right")
    steps = np.where(index > 0, steps, 0).astype(np.uint8)
    counts = np.bincount(steps.ravel(), minlength=len(PROBABILITY_STEPS) + 1)[1:]
    shares = (counts / max(1, int(counts.sum()))).tolist()
    return MapPictures(classes, _png(view.drawn(steps), ramp()), tuple(shares))


def sheet_facts(class_map: ClassMap, view: MapView, ground: Ground | None) -> dict[str, Any]:
    """What a page needs to show pictures of a map so that they can be measured.

    Returns:
        `rows` and `cols` of the pictures, `is_wide`, `is_reduced` (not every pixel is drawn),
        `is_flipped`; `bar` (a `ScaleBar`), its share of the width `bar_share`, and `edges`, the
        lengths of that bar along the upper and lower edge where they are other ones; `north` in
        degrees, see `Ground`; `corners`, the longitude and latitude of the upper left and the lower
        right corner as text. What is unknown is None.
    """
    height, width = class_map.source.size_hw
    rows, cols = view.size_hw
    bar = None if ground is None else ground.scale_bar()
    ends = [-0.5, height - 0.5][:: -1 if view.is_flipped else 1]
    corners = np.array([[ends[0], -0.5], [ends[1], width - 0.5]])
    lonlat = lonlat_of(class_map.source.crs)
    frame = class_map.source.frame
    return {
        "rows": rows,
        "cols": cols,
        "is_wide": cols > FLAT * rows,
        "is_reduced": rows < height or cols < width,
        "is_flipped": view.is_flipped,
        "bar": bar,
        "bar_share": None if bar is None else bar.pixels / width,
        "edges": None if bar is None else _edges(bar, view),
        "north": None if ground is None else ground.north_deg,
        "corners": None
        if lonlat is None
        else [lonlat_text(place) for place in lonlat(frame.to_world(corners)).tolist()],
    }


def _edges(bar: ScaleBar, view: MapView) -> list[str] | None:
    """Lengths of a scale bar along the upper and the lower edge; None where they are its own."""
    if all(abs(edge / bar.metres - 1) <= UNEQUAL for edge in bar.at_edges):
        return None
    return [
        length_text(edge) if math.isfinite(edge) and edge > 0 else "nothing"
        for edge in bar.at_edges[:: -1 if view.is_flipped else 1]
    ]


def draw_chip(
    class_map: ClassMap, view: MapView, colours: Mapping[int, Rgb], cell: tuple[int, int]
) -> str:
    """Draw the pixels around a pixel (row, col), which is in the middle; beyond the map is nodata.

    Returns:
        A PNG as a data URI, of `CHIP_SIDE` by `CHIP_SIDE` pixels.

    Raises:
        InputError: The map cannot be read.
    """
    reach = CHIP_SIDE // 2
    wanted = Window((cell[0] - reach, cell[1] - reach), (cell[0] + reach + 1, cell[1] + reach + 1))
    index = np.zeros(wanted.shape, dtype=np.uint8)
    window = wanted.intersect(Window.full(class_map.source.size_hw))
    if window is not None:
        values, valid = class_map.read(window)
        index[window.within(wanted).slices] = _legend_index(values, valid, colours)
    return _png(index[::-1] if view.is_flipped else index, list(colours.values()))


def ramp() -> list[Rgb]:
    """The colours of the steps of the probability, from pale to dark."""
    shares = np.linspace(0, 1, len(PROBABILITY_STEPS))[:, None]
    colours = np.array(PALE) * (1 - shares) + np.array(DARK) * shares
    return [tuple(colour) for colour in colours.round().astype(int).tolist()]


def _legend_index(
    values: npt.NDArray[np.integer], valid: npt.NDArray[np.bool_], colours: Mapping[int, Rgb]
) -> ByteArray:
    """(h, w) place of each value among the colours, from 1; 0 where there is no class."""
    known = np.array(list(colours), dtype=np.int64)
    order = np.argsort(known)
    place = np.searchsorted(known[order], values).clip(max=len(known) - 1)
    found = valid & (known[order][place] == values)
    return np.where(found, order[place] + 1, 0).astype(np.uint8)


def _png(index: ByteArray, colours: Sequence[Rgb]) -> str:
    """An (H, W) picture with a palette, transparent where 0, as a data URI."""
    image = Image.fromarray(index)
    image.putpalette([0, 0, 0, *(int(part) for colour in colours for part in colour)])
    file = io.BytesIO()
    image.save(file, format="PNG", transparency=0, optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
