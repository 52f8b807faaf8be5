"""Confined folders: rasters in them are opened only where all their files lie in that folder.

Files that a client uploads must not make the server read other files or addresses. Many of GDAL's
formats only name further files, and GDAL recognises a format by the first bytes of a file, not by
its name: a `.asc` that holds a VRT is a VRT. So a raster in a confined folder is opened by drivers
of formats that hold their pixels themselves, and each time that it is opened, all its files are
checked, overviews and masks included.
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
"""GDAL's short names of formats whose pixels lie in the file itself."""
BESIDE = (".ovr", ".msk", ".aux", ".rrd")
"""Suffixes of side files that GDAL opens by whatever driver recognises them."""
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"EHFA_HEADER_TAG")
"""First bytes of TIFF, BigTIFF and ERDAS Imagine (HFA) files."""
TAKEN_BEFORE = (b"<VRTDataset", b"<GDALTileIndexDataset")
"""Marks of formats that GDAL looks for anywhere in the first bytes of a file, before it recognises
a TIFF."""
HEAD_BYTES = 1 << 16
"""First bytes of a side file that are searched for those marks."""

_folders: set[Path] = set()


def confine(folder: Path) -> None:
    """Confine a folder: rasters in it are opened only where all their files lie in it.

    Args:
        folder: An absolute path.
    """
    _folders.add(folder)


def release(folder: Path) -> None:
    """End the confinement of a folder, for example because it is removed."""
    _folders.discard(folder)


def open_dataset(name: str | os.PathLike[str]) -> Any:
    """Open a raster as `rasterio.open` does, with the checks of a confined folder.

    The checks read the header and the list of overviews once more, no pixels.

    Args:
        name: Name that GDAL opens.

    Returns:
        The open dataset of rasterio.

    Raises:
        InputError: A raster in a confined folder names files elsewhere, or is part of an archive.
        RasterioError: The raster cannot be opened; in a confined folder, also because of a format
            that names further files.
    """
    text = os.fspath(name)
    path = Path(text)
    # GDAL's name of a part of a file, such as a member of an archive, holds the folder within it
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
    """Raise `InputError` unless GDAL recognises a side file as TIFF or HFA, and as nothing else."""
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head.startswith(SIGNATURES) or any(mark in head for mark in TAKEN_BEFORE):
        raise InputError(
            f"the {file.suffix} file beside the raster is no TIFF: remove it, or send the pixels"
        )


def _check(dataset: Any, folder: Path) -> None:
    """Raise `InputError` where a file of an open dataset lies outside the folder."""
    # GDAL lists overviews and masks only after they were asked for
    for band in dataset.indexes[:1]:
        dataset.overviews(band)
    flags = dataset.mask_flag_enums
    named = [Path(name) for name in dataset.files]
    is_elsewhere = any(file.parent != folder or ".." in file.parts for file in named)
    if not flags or is_elsewhere or dataset.tags(ns="OVERVIEWS"):
        raise InputError("the raster names files other than those beside it: send the pixels")
