"""COG file: a raster drawn window by window, copied to a COG, and read back before it appears."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rasterio
import rasterio.shutil

from sam_common.support.files import (
    check_no_address,
    check_output,
    flush,
    telling_full_disks,
    writing,
    written_file,
)
from sam_common.support.held_outputs import move_together
from sam_geo.raster.access import ACCESS_ERRORS, CACHE_BYTES

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from sam_geo.raster.source import RasterSource

BLOCK = 512
"""Side in pixels of the tiles of the file."""
SIDES = (".aux.xml", ".ovr", ".msk")
"""Endings that GDAL appends to the name of a GeoTIFF for its metadata, overviews and mask."""
PART = "part.tif"
"""Name of the COG in its temporary folder."""


@contextmanager
def cog_writer(
    path: str | os.PathLike[str],
    source: RasterSource,
    *,
    bands: int,
    dtype: str,
    overwrite: bool,
    verify: Callable[[Path], None],
) -> Iterator[rasterio.io.DatasetWriter]:
    """Draw a raster in a tiled file beside the output, which becomes a COG when the block ends.

    When the block ends well, the drawn file is copied to a COG with overviews (nearest), which is
    read once more before it takes its name together with the files beside it. An error in the block
    leaves an old file as it was. The bytes of the COG follow from the pixels alone, whatever the
    order in which they were drawn.

    Args:
        path: The .tif file; nodata 0.
        source: The raster whose grid and reference system the file gets.
        bands: Number of bands.
        dtype: Type of their values, such as "uint32".
        overwrite: Whether a file that is there may be replaced.
        verify: Reads the COG, in a folder of its own, and raises `OutputError` where it is not what
            was drawn. It may write files beside it, named as GDAL names side files.

    Yields:
        The dataset to draw in, all 0, open for reading and writing; to be used in `writing_cog`.

    Raises:
        DiskError: The disk is full or read-only.
        OutputError: The file exists or cannot be written.
    """
    check_cog_output(path, overwrite=overwrite)
    target = written_file(path)  # a symbolic link stays one: the file that it leads to is written
    height, width = source.size_hw
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": bands,
        "dtype": dtype,
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
    with _folder_beside(target) as folder:
        sketch, part = folder / "drawn.tif", folder / PART
        with writing_cog(target):
            dataset = rasterio.open(sketch, "w+", **profile)
        try:
            yield dataset
        finally:
            # GDAL writes the last blocks when it closes the file
            with writing_cog(target):
                dataset.close()
        with telling_full_disks(target), writing_cog(target), small_cache():
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
            verify(part)
            # GDAL keeps a reference system that a GeoTIFF cannot state in a file beside it
            new = {beside: _beside(target, beside.name) for beside in folder.glob(f"{PART}.*")}
            move_together(new | {part: target}, sidecars(target), folder / "old")


@contextmanager
def writing_cog(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of GDAL and of the disk in a block into an `OutputError` that names the file.

    Args:
        path: The output, or the file that a symbolic link at its place leads to.
    """
    with writing(written_file(path), *ACCESS_ERRORS):
        yield


def small_cache() -> rasterio.Env:
    """A context in which GDAL's block cache is small; by default it takes 5 % of the memory."""
    return rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES)


def check_cog_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a COG could not be written to `path`."""
    target = Path(path)
    check_no_address(target)
    # GDAL would take older files of these names for a part of the new raster
    for name in (target, *sidecars(target)):
        check_output(name, overwrite=overwrite)


def sidecars(path: Path) -> list[Path]:
    """Existing files that GDAL would read together with a GeoTIFF at `path`."""
    names = (path.with_name(path.name + suffix) for suffix in SIDES)
    return [name for name in names if name.is_file()]


def _beside(target: Path, name: str) -> Path:
    """The side file of the output that a side file of the temporary COG becomes."""
    return target.with_name(target.name + name.removeprefix(PART))


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A temporary folder on the disk of the output."""
    with ExitStack() as stack:
        with writing(target):
            name = tempfile.TemporaryDirectory(dir=target.parent, prefix=".raster-")
            folder = Path(stack.enter_context(name))
        yield folder
