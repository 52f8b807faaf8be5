"""Drawing of a live raster: tiles of a pyramid, and outlines in pixel corners, for the page.

```
level 0    a pixel of a tile is a pixel of the raster
level n    a pixel of a tile is 2**n pixels wide, read from an overview where the file has one
```
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import rasterio
import shapely
from PIL import Image
from rasterio.windows import Window as RasterioWindow
from scipy import ndimage

from sam_common.errors import NotFoundError
from sam_common.server.page.drawable import TILE_PX
from sam_common.window import Window
from sam_geo.class_maps.legend import MOST, NODATA
from sam_geo.outlines.polygonize import outline
from sam_geo.raster.frame import world_to_corners
from sam_geo.raster.source import open_raster

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.frame import Frame
    from sam_common.masks.decoded import MaskRegion
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.stretch import Stretch

MOST_READ = 1 << 26
"""Most pixels that are read for one tile, of the overview that serves it: about a second."""
MOST_OUTLINES = 20_000
"""Most outlines of a table that are given; a browser draws more of them too slowly."""
COLUMNS = ("score", "area_px", "area_m2", "probability", "said", "covered_by")
"""Columns of a table that its outlines are given with."""
GAP_PX = 5
"""Side of the smallest gap that is transparent where the nodata value is an ordinary colour."""
COMPRESSION = 1
"""Effort of PNG compression: tiles go to the same machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """Makes tiles of one raster, which is opened again for each of them."""

    path: Path
    bands: tuple[int, ...]
    """1-based numbers of one or three bands."""
    stretch: Stretch
    size_hw: tuple[int, int]
    """Rows and columns of the raster."""
    overviews: tuple[int, ...]
    """Decimation factors of the file's overviews."""

    @property
    def levels(self) -> int:
        """Number of levels of which the last one holds the whole raster in one tile."""
        return 1 + max(0, math.ceil(math.log2(max(*self.size_hw, 1) / TILE_PX)))

    @property
    def served(self) -> int:
        """Number of levels that are served, the finest ones; a coarser tile would read too much."""
        return next((n for n in range(1, self.levels) if self._read_px(n) > MOST_READ), self.levels)

    def describe(self) -> dict[str, Any]:
        """The pyramid, as `sam_common.server.page.drawable.DrawableRaster` says."""
        return {
            "tile_px": TILE_PX,
            "levels": self.levels,
            "served": self.served,
            "has_overviews": bool(self.overviews),
        }

    def png(self, level: int, row: int, column: int) -> bytes:
        """One tile as PNG; pixels without data, or beyond the raster, are transparent.

        The last row and column of a coarse level may be a part of a pixel wide: there the raster
        is up to one pixel of the tile larger than it is drawn.

        Args:
            level: Number of the level, from 0.
            row: Number of the tile from the top.
            column: Number of the tile from the left.

        Raises:
            NotFoundError: The raster has no such tile, or its level is not served.
            InputError: The pixels cannot be read.
        """
        side = TILE_PX << level if level < self.served else 0
        start = (row * side, column * side)
        if not side or start[0] >= self.size_hw[0] or start[1] >= self.size_hw[1]:
            raise NotFoundError(f"no tile {level}/{row}/{column}: {self.served} levels are served")
        stop = (min(start[0] + side, self.size_hw[0]), min(start[1] + side, self.size_hw[1]))
        window = Window(start, stop)
        out_hw = (math.ceil(window.shape[0] / 2**level), math.ceil(window.shape[1] / 2**level))
        with open_raster(self.path, bands=self.bands) as source:
            pixels = source.read(window, out_hw=out_hw)
            is_colour = source.mask_kind == "nodata" and self.stretch.limits is None
        gaps = ~pixels.valid
        if is_colour:
            # a nodata value that is an ordinary colour must not punch holes into the image
            gaps = _large(gaps)
        return _png(self._coloured(pixels, gaps))

    def _coloured(self, pixels: Pixels, gaps: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """(256, 256, 4) red, green, blue and opacity of what was read, with gaps transparent."""
        image = self.stretch.apply(pixels)
        rows, columns = pixels.valid.shape
        tile = np.zeros((TILE_PX, TILE_PX, 4), dtype=np.uint8)
        tile[:rows, :columns, :3] = image[..., None] if image.ndim == 2 else image  # noqa: PLR2004
        tile[:rows, :columns, 3] = np.where(gaps, 0, 255)
        return tile

    def _read_px(self, level: int) -> int:
        """Pixels that are read for a tile, of the coarsest overview that is fine enough."""
        finest = max((factor for factor in self.overviews if factor <= 2**level), default=1)
        rows, columns = (min(TILE_PX << level, size) for size in self.size_hw)
        return math.ceil(rows / finest) * math.ceil(columns / finest)


def _large(gaps: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The parts of gaps that a square of `GAP_PX` fits into; at the edge they go on beyond it."""
    padded = np.pad(gaps, GAP_PX, mode="edge")
    opened = ndimage.binary_opening(padded, np.ones((GAP_PX, GAP_PX), dtype=np.bool_))
    return np.asarray(opened[GAP_PX:-GAP_PX, GAP_PX:-GAP_PX])


def table_outlines(table: Path, frame: Frame) -> dict[str, Any]:
    """The outlines of a table of polygons as a FeatureCollection in pixel corners.

    Args:
        table: A GeoPackage in the reference system of the raster.
        frame: Raster indices (row, col) to world coordinates (x, y).

    Returns:
        At most `MOST_OUTLINES` features, those of the greatest `probability` where the table has
        that column, with `total`, the number of rows that have an outline. Of `COLUMNS`, each
        feature has those of the table, None for an empty cell.
    """
    facts, _, geometries, columns = pyogrio.raw.read(table, columns=list(COLUMNS))
    shapes = shapely.from_wkb(geometries)
    cells = dict(zip(facts["fields"].tolist(), columns, strict=True))
    drawn = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    if "probability" in cells:
        drawn = drawn[np.argsort(-cells["probability"][drawn], kind="stable")]
    chosen = drawn[:MOST_OUTLINES]
    placed = shapely.transform(shapes[chosen], lambda xy: world_to_corners(xy, frame))
    features = [
        _feature(shape, {name: column[row] for name, column in cells.items()})
        for shape, row in zip(placed, chosen.tolist(), strict=True)
    ]
    return {"type": "FeatureCollection", "features": features, "total": len(drawn)}


def class_tile(path: Path, level: int, row: int, column: int) -> bytes:
    """One tile of a class map as PNG, in the colours of its classes; elsewhere transparent.

    Args:
        path: A class map that this suite wrote.
        level: Number of the level, from 0, as of `Tiles.png`.
        row: Number of the tile from the top.
        column: Number of the tile from the left.

    Raises:
        NotFoundError: The map has no such tile.
    """
    with rasterio.open(path) as dataset:
        # a coarser level than that of the whole map in a pixel is none
        side = TILE_PX << level if level <= math.log2(max(*dataset.shape, 2)) else 0
        top, left = row * side, column * side
        if not side or top >= dataset.height or left >= dataset.width:
            raise NotFoundError(f"no tile {level}/{row}/{column} of the map")
        height, width = min(side, dataset.height - top), min(side, dataset.width - left)
        out_hw = (math.ceil(height / 2**level), math.ceil(width / 2**level))
        window = RasterioWindow(left, top, width, height)
        values = dataset.read(1, window=window, out_shape=out_hw)
        colours = np.zeros((MOST + 1, 4), dtype=np.uint8)
        for value, colour in dataset.colormap(1).items():
            colours[value] = colour
    colours[NODATA] = 0
    tile = np.zeros((TILE_PX, TILE_PX, 4), dtype=np.uint8)
    tile[: out_hw[0], : out_hw[1]] = colours[values]
    return _png(tile)


def _feature(shape: shapely.Geometry, cells: Mapping[str, Any]) -> dict[str, Any]:
    """A feature of an outline, with its cells; an empty one is None."""
    known = {
        name: None if value is None or value != value else value  # noqa: PLR0124  # NaN is empty
        for name, value in cells.items()
    }
    told = {
        name: value if value is None or isinstance(value, str) else round(float(value), 4)
        for name, value in known.items()
    }
    return {"type": "Feature", "geometry": _geojson(shape), "properties": told}


def _geojson(shape: shapely.Geometry) -> dict[str, Any]:
    """A geometry as GeoJSON."""
    found: dict[str, Any] = json.loads(shapely.to_geojson(shape))
    return found


def _png(tile: np.ndarray[Any, Any]) -> bytes:
    """A tile as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(tile).save(file, "PNG", compress_level=COMPRESSION)
    return file.getvalue()


def preview_of(region: MaskRegion | None, score: float) -> dict[str, Any]:
    """The answer to a preview: its status, outline and score.

    Args:
        region: The mask in raster indices; None where it has no pixel.
        score: IoU as predicted by the network.
    """
    found = None if region is None else _geojson(outline(region))
    status = "empty" if found is None else "ok"
    return {"status": status, "outline": found, "score": round(score, 4)}
