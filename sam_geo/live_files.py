"""Files that a server may open as a raster: those whose pixels lie in them, and uploaded arrays."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.server.sources import Context

DRIVERS = (
    "GTiff", "COG", "JPEG", "PNG", "JP2OpenJPEG", "HFA", "BMP", "ENVI", "AAIGrid", "WEBP",
)  # fmt: skip
"""Formats whose pixels lie in the file itself: others name further files, or addresses."""


def check_files(path: Path, context: Context) -> None:
    """Raise `InputError` unless the pixels lie in files that may be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # rasterio.open takes one driver only
            with rasterio.Env(), DatasetReader(str(path), driver=list(DRIVERS)) as dataset:
                files = [str(name) for name in dataset.files]
    except (RasterioError, OSError) as error:
        raise InputError(
            f"not a raster that this server opens (formats: {', '.join(DRIVERS)})"
        ) from error
    for name in files:
        if not context.is_allowed(type(path)(name)):
            raise InputError("the raster names a file outside the folders of this server")


def write_upload(upload: Path, frame: Mapping[str, Any] | None, path: Path) -> Path:
    """An uploaded array, (rows, columns) or (rows, columns, bands), as a GeoTIFF."""
    array = np.load(upload, mmap_mode="r", allow_pickle=False)
    if array.ndim not in {2, 3} or 0 in array.shape:
        raise InputError(f"an image has 2 or 3 axes, got {array.shape}")
    bands = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)  # noqa: PLR2004
    if len(bands) > 16:  # noqa: PLR2004
        raise InputError(f"an image is (rows, columns, bands), at most 16 bands, got {array.shape}")
    place = frame or {}
    affine, crs = place.get("affine"), place.get("crs")
    if affine is not None and len(affine) != 6:  # noqa: PLR2004
        raise InputError("the affine of a raster has six numbers: a, b, c, d, e, f")
    profile = {
        "driver": "GTiff",
        "dtype": bands.dtype.name,
        "count": len(bands),
        "height": bands.shape[1],
        "width": bands.shape[2],
        "tiled": True,
        "photometric": "RGB" if len(bands) == 3 else "MINISBLACK",  # noqa: PLR2004
        "crs": None if not crs else _crs(crs),
        "nodata": place.get("nodata"),
        "transform": Affine.identity() if affine is None else Affine(*affine),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", **profile) as out:
                out.write(bands)
    except (RasterioError, OSError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"an array of {array.dtype} {array.shape} makes no raster") from error
    return path


def _crs(text: str) -> str:
    try:
        return str(pyproj.CRS.from_user_input(text).to_wkt())
    except pyproj.exceptions.CRSError as error:
        raise InputError(f"no such coordinate reference system: {text:.100}") from error
