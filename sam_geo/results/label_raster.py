"""Label raster: objects as numbers in a cloud-optimised GeoTIFF on the grid of the raster."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import OutputError
from sam_common.support.files import (
    check_no_address,
    check_output,
    flush,
    telling_full_disks,
    writing,
    written_file,
)
from sam_common.support.held_outputs import move_together
from sam_geo.raster.access import ACCESS_ERRORS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from sam_common.masks.decoded import MaskRegion
    from sam_geo.raster.source import RasterSource

BLOCK = 512
"""Side in pixels of the tiles of the file."""
READ_SIDE = 8 * BLOCK
"""Side in pixels of a block that is read back at once: 64 MiB of uint32."""
SIDES = (".aux.xml", ".ovr", ".msk")
"""Endings that GDAL appends to the name of a GeoTIFF for its metadata, overviews and mask."""


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
    check_labels_output(Path(path), overwrite=overwrite)
    target = written_file(path)  # a symbolic link stays one: the file that it leads to is written
    height, width = source.size_hw
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 1,
        "dtype": "uint32",
        "crs": source.header.crs,
        "transform": source.header.transform,
        "nodata": 0,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }
    drawn = Drawn()
    with _folder_beside(target) as folder:
        sketch, part = folder / "drawn.tif", folder / "labels.tif"
        with writing(target, *ACCESS_ERRORS):
            dataset = rasterio.open(sketch, "w+", **profile)

        def draw(number: int, pieces: Sequence[MaskRegion]) -> bool:
            with writing(target, *ACCESS_ERRORS):
                seen = [_draw(dataset, piece, number) for piece in pieces]
            drawn.pixels += sum(seen)
            drawn.total += sum(seen) * number
            return any(seen)

        try:
            yield draw
        finally:
            # GDAL writes the last blocks when it closes the file
            with writing(target, *ACCESS_ERRORS):
                dataset.close()
        with telling_full_disks(target), writing(target, *ACCESS_ERRORS):
            rasterio.shutil.copy(
                sketch,
                part,
                driver="COG",
                compress="deflate",
                blocksize=BLOCK,
                overview_resampling="nearest",
                bigtiff="if_safer",
            )
            flush(part)
            found = _read_back(part)
            if found != drawn:
                raise OutputError(
                    f"cannot write {target}: of {drawn.pixels} labelled pixels {found.pixels} "
                    f"were read back, or with other numbers"
                )
            # GDAL keeps a reference system that a GeoTIFF cannot state in a file beside it
            new = {path: _beside(target, path.name) for path in folder.glob("labels.tif.*")}
            move_together(new | {part: target}, sidecars(target), folder / "old")


@dataclass(slots=True)
class Drawn:
    """A check sum of a label raster, taken while it is drawn and again when it is read back."""

    pixels: int = 0
    """Number of pixels that are not 0."""
    total: int = 0
    """Sum of all values."""


def check_labels_output(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a label raster could not be written to `path`."""
    check_no_address(path)
    # GDAL would take older files of these names for a part of the new raster
    for name in (path, *sidecars(path)):
        check_output(name, overwrite=overwrite)


def sidecars(path: Path) -> list[Path]:
    """Existing files that GDAL would read together with a GeoTIFF at `path`."""
    names = (path.with_name(path.name + suffix) for suffix in SIDES)
    return [name for name in names if name.is_file()]


def _beside(target: Path, name: str) -> Path:
    """The side file of the output that a side file of the temporary `labels.tif` becomes."""
    return target.with_name(target.name + name.removeprefix("labels.tif"))


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A temporary folder on the disk of the output."""
    with ExitStack() as stack:
        with writing(target):
            name = tempfile.TemporaryDirectory(dir=target.parent, prefix=".labels-")
            folder = Path(stack.enter_context(name))
        yield folder


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
