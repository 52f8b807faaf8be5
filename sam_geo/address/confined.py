"""Confined rasters: those whose pixels lie in the files of one folder, and nowhere else.

Many of GDAL's formats only name further files or addresses, and GDAL goes by what a file begins
with, not by its name: a `.asc` that holds a VRT is a VRT. A raster in a confined folder is opened
by drivers of formats that hold their pixels themselves, and each time that it is opened its files
must all lie in that folder, overviews and masks included.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import rasterio
from rasterio.io import DatasetReader

from sam_common.errors import InputError

DRIVERS = (
    "GTiff", "COG", "JPEG", "PNG", "JP2OpenJPEG", "HFA", "BMP", "ENVI", "AAIGrid", "WEBP",
)  # fmt: skip
"""Formats whose pixels lie in the file itself: others name further files, or addresses."""
BESIDE = (".ovr", ".msk", ".aux", ".rrd")
"""Files beside a raster that GDAL opens by whatever driver takes them."""
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"EHFA_HEADER_TAG")
"""TIFF, BigTIFF and HFA."""
TAKEN_BEFORE = (b"<VRTDataset", b"<GDALTileIndexDataset")
"""What GDAL looks for anywhere in the first bytes of a file before it takes it for a TIFF."""
HEAD_BYTES = 1 << 16

_folders: set[Path] = set()


def confine(folder: Path) -> None:
    """From here on rasters in a folder are opened only where all their pixels lie in it.

    Args:
        folder: Absolute.
    """
    _folders.add(folder)


def release(folder: Path) -> None:
    """The folder goes."""
    _folders.discard(folder)


def open_dataset(name: str | os.PathLike[str]) -> Any:
    """`rasterio.open`, but see the module for a raster in a confined folder.

    The check reads the header and the directory of overviews once more, no pixels.

    Raises:
        InputError: A confined raster is of another format, or has files elsewhere.
        RasterioError: It cannot be opened.
    """
    text = os.fspath(name)
    path = Path(text)
    # a part of a confined file, e.g. a member of an archive, is named with more around it
    if not any(str(folder) in text for folder in _folders.copy()):
        return rasterio.open(name)
    if path.parent not in _folders:
        raise InputError("only whole rasters are opened here, no parts of files or archives")
    for file in path.parent.iterdir():
        if file.suffix.lower() in BESIDE:
            _check_head(file)
    # rasterio.open takes one driver only
    dataset = DatasetReader(str(path), driver=list(DRIVERS))
    try:
        _check(dataset, path.parent)
    except BaseException:
        dataset.close()
        raise
    return dataset


def _check_head(file: Path) -> None:
    """Raise `InputError` unless any driver of GDAL takes a file for a TIFF or HFA."""
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head.startswith(SIGNATURES) or any(mark in head for mark in TAKEN_BEFORE):
        raise InputError(
            f"the {file.suffix} file beside the raster is no TIFF: remove it, or send the pixels"
        )


def _check(dataset: Any, folder: Path) -> None:
    # GDAL looks for overviews and masks when they are first asked for, and lists them then
    for band in dataset.indexes[:1]:
        dataset.overviews(band)
    flags = dataset.mask_flag_enums
    named = [Path(name) for name in dataset.files]
    is_elsewhere = any(file.parent != folder or ".." in file.parts for file in named)
    if not flags or is_elsewhere or dataset.tags(ns="OVERVIEWS"):
        raise InputError("the raster names files other than those beside it: send the pixels")
