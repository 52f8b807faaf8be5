"""Label raster: objects as numbers in a cloud-optimised GeoTIFF on the grid of the raster."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import OutputError
from sam_common.support.files import written_file
from sam_geo.results.cog_file import BLOCK, cog_writer, writing_cog

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sam_common.masks.decoded import MaskRegion
    from sam_geo.raster.source import RasterSource

READ_SIDE = 8 * BLOCK
"""Side in pixels of a block that is read back at once: 64 MiB of uint32."""


@contextmanager
def label_writer(
    path: str | os.PathLike[str], source: RasterSource, *, overwrite: bool = False
) -> Iterator[Callable[[int, Sequence[MaskRegion]], bool]]:
    """Draw objects as their numbers into a label raster; where they overlap, the first one stays.

    Memory is bounded by one region: the labels are drawn window by window in a tiled file beside
    the output. When the block ends well, that file is copied to a COG with overviews, which is read
    once more before it takes its name. An error in the block leaves an old file as it was.

    Args:
        path: The .tif file: uint32, nodata 0.
        source: The raster whose grid and reference system the labels get.
        overwrite: Whether a file that is there may be replaced.

    Yields:
        A function that takes the number (from 1) of an object and its disjoint regions in raster
        indices. It returns whether any pixel got the number: not where earlier objects cover all.

    Raises:
        OutputError: The file exists or cannot be written.
    """
    drawn = Drawn()

    def verify(part: Path) -> None:
        found = _read_back(part)
        if found != drawn:
            raise OutputError(
                f"cannot write {written_file(path)}: of {drawn.pixels} labelled pixels "
                f"{found.pixels} were read back, or with other numbers"
            )

    with cog_writer(
        path, source, bands=1, dtype="uint32", overwrite=overwrite, verify=verify
    ) as dataset:

        def draw(number: int, pieces: Sequence[MaskRegion]) -> bool:
            with writing_cog(path):
                seen = [_draw(dataset, piece, number) for piece in pieces]
            drawn.pixels += sum(seen)
            drawn.total += sum(seen) * number
            return any(seen)

        yield draw


@dataclass(slots=True)
class Drawn:
    """A check sum of a label raster, taken while it is drawn and again when it is read back."""

    pixels: int = 0
    """Number of pixels that are not 0."""
    total: int = 0
    """Sum of all values."""


def _read_back(path: Path) -> Drawn:
    """The check sum of a label raster that is read again block by block."""
    found = Drawn()
    with rasterio.open(path) as dataset:
        for top in range(0, dataset.height, READ_SIDE):
            for left in range(0, dataset.width, READ_SIDE):
                values = dataset.read(1, window=RasterioWindow(left, top, READ_SIDE, READ_SIDE))
                found.pixels += int(np.count_nonzero(values))
                found.total += int(values.sum(dtype=np.uint64))
    return found


def _draw(dataset: rasterio.io.DatasetWriter, piece: MaskRegion, number: int) -> int:
    """Give the pixels of a region that are still 0 a number, and return how many they are."""
    window = RasterioWindow(*piece.window.start[::-1], *piece.window.shape[::-1])
    values = dataset.read(1, window=window)
    free = piece.mask & (values == 0)
    if seen := int(free.sum()):
        values[free] = np.uint32(number)
        dataset.write(values, 1, window=window)
    return seen
