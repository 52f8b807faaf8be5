"""Label raster: objects as numbers in a cloud-optimised GeoTIFF on the source's own grid."""

from __future__ import annotations

import tempfile
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
    from collections.abc import Iterable, Sequence

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
    """Draw objects by their numbers; where they overlap, the one that came first stays.

    Memory is bounded by the pieces: the raster is drawn window by window in a tiled file beside
    the output, which is then copied to a COG with overviews.

    Args:
        path: The .tif file.
        objects: Number (from 1) and disjoint regions of each object, in raster indices.
        source: The raster whose grid and reference system the labels get.
        overwrite: Whether a file that is there may be replaced.

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
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".labels-") as folder:
            drawn = Path(folder) / "drawn.tif"
            with rasterio.open(drawn, "w+", **profile) as dataset:
                for number, pieces in objects:
                    for piece in pieces:
                        _draw(dataset, piece, number)
            with atomic_output(target) as part:
                rasterio.shutil.copy(
                    drawn,
                    part,
                    driver="COG",
                    compress="deflate",
                    blocksize=BLOCK,
                    overview_resampling="nearest",
                    bigtiff="if_safer",
                )
    except (rasterio.errors.RasterioError, OSError) as error:
        raise OutputError(f"cannot write {target}: {error}") from error


def _draw(dataset: rasterio.io.DatasetWriter, piece: MaskRegion, number: int) -> None:
    window = RasterioWindow(*piece.window.start[::-1], *piece.window.shape[::-1])
    values = dataset.read(1, window=window)
    values[piece.mask & (values == 0)] = np.uint32(number)
    dataset.write(values, 1, window=window)
