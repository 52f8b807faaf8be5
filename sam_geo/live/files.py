"""Files of a live raster: formats whose pixels lie in the file itself, and uploaded arrays."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import rasterio
from affine import Affine
from rasterio.errors import RasterioError

from sam_common.errors import InputError, SuiteError
from sam_common.support.silence import silence
from sam_geo.address.confined import BESIDE, DRIVERS, confine, open_dataset, release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sam_common.server.sessions.live_source import Context

STEM = "raster"
"""Stem under which a raster and the files beside it are linked into a session's own folder."""
SUFFIXES = frozenset(
    (".asc", ".bil", ".bip", ".bmp", ".bsq", ".dat", ".img", ".j2k", ".jp2", ".jpeg", ".jpg",
     ".png", ".tif", ".tiff", ".webp")
)  # fmt: skip
"""Suffixes that a linked raster keeps, as some drivers of GDAL go by them."""
PIXELS = re.compile(r"(\.ige|({}))$".format("|".join(re.escape(suffix) for suffix in BESIDE)))
"""Endings of files beside a raster that hold pixels: these files are linked."""
TEXT = re.compile(r"(\.(wld|[a-z]{1,4}w|prj|aux\.xml|hdr|clr|rpb|rpc|imd)|_rpc\.txt)$")
"""Endings of files beside a raster that place it or describe its values: these are copied."""
ELSEWHERE = re.compile(r"""(?:^|["'=,@\s])(?:/(?!\s)|\.{1,2}[/\\]|[A-Za-z]:(?:\\|/(?!/)))""")
"""Matches a path in the text of a reference system, such as that of a grid file, but not the
slashes of "WGS 84 / UTM" and "http://"."""


def hold(path: Path, context: Context) -> Path:
    """Link a raster and the files beside it into the folder of its session.

    Args:
        path: The raster, whose path the server has allowed.
        context: Gives the session's own folder and opens files.

    Returns:
        The path in that folder under which the raster is read from now on.

    Raises:
        InputError: The raster is in none of the formats that a server opens, or names other files.
        RefusedPathError: One of its files may not be read.
    """
    kind = path.suffix.lower()
    # GDAL would look into a file whose name is that of an archive
    place = context.held.link(path, STEM + (kind if kind in SUFFIXES else ""))
    stem = path.stem.lower()
    beside = [file for file in path.parent.iterdir() if file.name.lower().startswith(stem)]
    for file in sorted(beside):
        rest = file.name.lower()[len(stem) :]
        if file == path or rest[:1] not in {".", "_"} or (context.folder / (STEM + rest)).exists():
            continue
        if PIXELS.search(rest):
            context.held.link(file, STEM + rest)
        elif TEXT.search(rest):
            context.held.copy(file, STEM + rest)
    confine(context.folder)
    check(place)
    return place


def close(context: Context) -> None:
    """Close the files of a raster and remove the folder of its session."""
    context.close()
    release(context.folder)


def check(path: Path) -> None:
    """Raise `InputError` where a raster is in none of the formats that a server opens."""
    try:
        with rasterio.Env(), open_dataset(path):
            pass
    except (RasterioError, OSError) as error:
        raise InputError(
            f"not a raster that this server opens (formats: {', '.join(DRIVERS)})"
        ) from error


@contextmanager
def unnamed(path: Path) -> Iterator[None]:
    """Take the path of a raster out of errors of the block: clients do not see names of files."""
    try:
        yield
    except SuiteError as error:
        raise type(error)(without_path(str(error), path)) from error


def without_path(text: str, path: Path) -> str:
    """A message with "the raster" in place of a path.

    >>> from pathlib import Path
    >>> without_path("cannot read /tmp/a.tif", Path("/tmp/a.tif"))
    'cannot read the raster'
    """
    return text.replace(str(path), "the raster")


def write_upload(upload: Path, frame: Mapping[str, Any] | None, path: Path) -> Path:
    """Write an uploaded array as a GeoTIFF.

    Args:
        upload: .npy file of an array (rows, columns) or (rows, columns, bands) with up to 16 bands.
        frame: `affine` (a, b, c, d, e, f of GDAL), `crs` and `nodata`; each may be missing.
        path: The GeoTIFF to write.

    Returns:
        The path of the GeoTIFF.

    Raises:
        InputError: The array is no image, or its type, affine or reference system is none that a
            GeoTIFF can have.
    """
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
        "crs": None if not crs else crs_text(crs),
        "nodata": place.get("nodata"),
        "transform": Affine.identity() if affine is None else Affine(*affine),
    }
    try:
        with silence(), rasterio.open(path, "w", **profile) as out:
            out.write(bands)
    except (RasterioError, OSError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"an array of {array.dtype} {array.shape} makes no raster") from error
    return path


def crs_text(text: str) -> str:
    """The WKT of a reference system that a client names.

    Raises:
        InputError: No reference system has this name, or the text names a file.
    """
    try:
        return str(pyproj.CRS.from_user_input(checked_crs(text)).to_wkt())
    except pyproj.exceptions.CRSError as error:
        raise InputError(f"no such coordinate reference system: {text:.100}") from error


def check_systems(geojson: Mapping[str, Any], crs: str | None) -> None:
    """Raise `InputError` where a reference system of features names a file.

    Args:
        geojson: Features of a client, whose `crs` may state one.
        crs: The one that stands in its place; None without one.
    """
    for text in (json.dumps(geojson.get("crs") or {}), crs or ""):
        checked_crs(text)


def checked_crs(text: str) -> str:
    """The text of a reference system, unchanged, once it is known to name no file.

    Raises:
        InputError: The text names a file by its path, which PROJ would read.
    """
    if ELSEWHERE.search(text):
        raise InputError("a reference system may not name files by their paths here")
    return text
