"""Label raster: objects as numbers in a cloud-optimised GeoTIFF on the source's own grid."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import OutputError
from sam_common.files import atomic_output, check_output

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sam_common.masks import MaskRegion
    from sam_geo.source import RasterSource

BLOCK = 512


def write_labels(
    path: str | os.PathLike[str],
    objects: Iterable[tuple[int, Sequence[MaskRegion]]],
    source: RasterSource,
    *,
    overwrite: bool = False,
) -> None:
    """Draw objects by their numbers, all at once; see `label_writer`."""
    with label_writer(path, source, overwrite=overwrite) as draw:
        for number, pieces in objects:
            draw(number, pieces)


@contextmanager
def label_writer(
    path: str | os.PathLike[str], source: RasterSource, *, overwrite: bool = False
) -> Iterator[Callable[[int, Sequence[MaskRegion]], bool]]:
    """Draw objects by their numbers; where they overlap, the one that came first stays.

    Memory is bounded by the pieces: the raster is drawn window by window in a tiled file beside
    the output, which is copied to a COG with overviews when the block ends well. Whatever ends it
    early leaves an old file as it was.

    Args:
        path: The .tif file.
        source: The raster whose grid and reference system the labels get.
        overwrite: Whether a file that is there may be replaced.

    Yields:
        A function that takes the number (from 1) and the disjoint regions of an object, in raster
        indices, and says whether any of its pixels is seen: one that lies under earlier ones
        altogether has none.

    Raises:
        OutputError: The file exists or cannot be written.
    """
    target = Path(path)
    check_output(target, overwrite=overwrite)
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
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".labels-") as folder:
        drawn = Path(folder) / "drawn.tif"
        with _telling(target):
            dataset = rasterio.open(drawn, "w+", **profile)

        def draw(number: int, pieces: Sequence[MaskRegion]) -> bool:
            with _telling(target):
                seen = [_draw(dataset, piece, number) for piece in pieces]
            return any(seen)

        try:
            yield draw
        finally:
            # the last blocks are written here
            with _telling(target):
                dataset.close()
        with _telling(target), atomic_output(target) as part:
            rasterio.shutil.copy(
                drawn,
                part,
                driver="COG",
                compress="deflate",
                blocksize=BLOCK,
                overview_resampling="nearest",
                bigtiff="if_safer",
            )


@contextmanager
def _telling(target: Path) -> Iterator[None]:
    """What GDAL or the disk says about this file, and not what ends the block of a caller."""
    try:
        yield
    except (rasterio.errors.RasterioError, OSError) as error:
        raise OutputError(f"cannot write {target}: {error}") from error


def _draw(dataset: rasterio.io.DatasetWriter, piece: MaskRegion, number: int) -> bool:
    window = RasterioWindow(*piece.window.start[::-1], *piece.window.shape[::-1])
    values = dataset.read(1, window=window)
    free = piece.mask & (values == 0)
    if not free.any():
        return False
    values[free] = np.uint32(number)
    dataset.write(values, 1, window=window)
    return True
