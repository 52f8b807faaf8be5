"""Objects: outlines that the user or a network gives, each to be of one class as a whole."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from rasterio.enums import ColorInterp

from sam_common.errors import InputError, PromptError
from sam_geo.object_features.placed import read_placed
from sam_geo.prompt_files.table import Wanted
from sam_geo.raster.source import open_raster

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_geo.raster.source import RasterSource

    IntArray = npt.NDArray[np.int64]

LABELS = frozenset({".tif", ".tiff", ".vrt"})
"""Suffixes of files that hold objects as a label raster."""


class Objects(Protocol):
    """Objects that lie on a raster."""

    def read(self, window: Window) -> IntArray:
        """(h, w) number of the object on each pixel of a window, -1 where there is none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Outlines:
    """Polygons in raster indices, large ones before small ones."""

    shapes: npt.NDArray[np.object_]
    """(N,) polygons in the order in which they are drawn."""
    tree: shapely.STRtree

    def read(self, window: Window) -> IntArray:
        (top, left), (bottom, right) = window.start, window.stop
        found = np.sort(self.tree.query(shapely.box(left - 1, top - 1, right, bottom)))
        drawn = np.full(window.shape, -1, dtype=np.int64)
        if len(found):
            numbers = rasterio.features.rasterize(
                zip(self.shapes[found], range(1, len(found) + 1), strict=True),
                out_shape=window.shape,
                transform=Affine.translation(left - 0.5, top - 0.5),
                dtype=np.int32,
            )
            drawn[numbers > 0] = found[numbers[numbers > 0] - 1]
        return drawn


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """A label raster on the grid of the raster that is classified."""

    source: RasterSource

    def read(self, window: Window) -> IntArray:
        pixels = self.source.read(window)
        numbers = pixels.values[0].astype(np.int64)
        return np.where(pixels.valid & (numbers > 0), numbers, -1)


@contextmanager
def open_objects(
    path: str | os.PathLike[str],
    grid: RasterSource,
    *,
    layer: str | None = None,
    crs: str | None = None,
) -> Iterator[Objects]:
    """Open objects: polygons of a vector file, or a label raster such as `sam-geo auto --labels`.

    Where polygons overlap, the smaller one is on top.

    Args:
        path: A vector file, or a GeoTIFF of whole numbers on the grid of the raster, 0 for none.
        grid: The raster that is classified.
        layer: Layer of a vector file that has several.
        crs: Reference system of the polygons, over what the file says.

    Raises:
        InputError: There is no such file, or a label raster has several bands or another grid.
        PromptError: No polygon of the file lies on the raster.
    """
    if Path(path).suffix.lower() in LABELS:
        with open_raster(path, bands=[1]) as opened:
            source = replace(opened, is_palette=False)
            bands = sum(colour != ColorInterp.alpha for colour in source.header.colours)
            if bands > 1:
                raise InputError(
                    f"{path} has {bands} bands, as an image has: objects as a raster are one band "
                    f"with the number of the object on each pixel, 0 for none (sam-geo auto "
                    f"--labels writes one)"
                )
            if source.dtype.kind not in "iu":
                raise InputError(
                    f"{path} holds no objects: its values are {source.dtype}, and numbers of "
                    f"objects are whole"
                )
            if source.size_hw != grid.size_hw or source.header.transform != grid.header.transform:
                raise InputError(
                    f"{path} is on another grid than {grid.path}: objects as a raster have the "
                    f"grid of the first raster; give them as polygons"
                )
            yield _Labels(source)
        return
    placed = read_placed(path, grid, Wanted("objects"), layer=layer, crs=crs)
    kept = list(placed.shapes)
    if not kept:
        raise PromptError(f"none of the {placed.read} rows of {path} is a polygon on {grid.path}")
    order = np.argsort([-shape.area for shape in kept], kind="stable")
    drawn = np.array(kept, dtype=object)[order]
    yield _Outlines(drawn, shapely.STRtree(drawn))
