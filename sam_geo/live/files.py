"""Files that a server may open as a raster: those whose pixels lie in them, and uploaded arrays."""

from __future__ import annotations

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
"""Of a raster and of the files beside it, under the names that a server reads them by."""
SUFFIXES = frozenset(
    (".asc", ".bil", ".bip", ".bmp", ".bsq", ".dat", ".img", ".j2k", ".jp2", ".jpeg", ".jpg",
     ".png", ".tif", ".tiff", ".webp")
)  # fmt: skip
"""Of names that are kept: some drivers go by them."""
PIXELS = re.compile(r"(\.ige|({}))$".format("|".join(re.escape(suffix) for suffix in BESIDE)))
"""Names of files beside a raster that hold pixels: they are linked."""
TEXT = re.compile(r"(\.(wld|[a-z]{1,4}w|prj|aux\.xml|hdr|clr|rpb|rpc|imd)|_rpc\.txt)$")
"""Names of files beside a raster that say where it lies and what its values are: copied."""
ELSEWHERE = re.compile(r"""(?:^|["'=,@\s])(?:/(?!\s)|\.{1,2}[/\\]|[A-Za-z]:(?:\\|/(?!/)))""")
"""A path in a reference system, e.g. of a grid: "WGS 84 / UTM" and "http://" are none."""


def hold(path: Path, context: Context) -> Path:
    """The path under which a raster is read from here on, with the files that belong to it.

    Raises:
        InputError: It is none of the formats that a server opens, or names other files.
        RefusedPathError: One of its files may not be read.
    """
    kind = path.suffix.lower()
    # what is an archive by its name would be looked into
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
    """Let go of a raster's files, and of what was made of an upload."""
    context.close()
    release(context.folder)


def check(path: Path) -> None:
    """Raise `InputError` unless a held raster is one that a server opens."""
    try:
        with rasterio.Env(), open_dataset(path):
            pass
    except (RasterioError, OSError) as error:
        raise InputError(
            f"not a raster that this server opens (formats: {', '.join(DRIVERS)})"
        ) from error


@contextmanager
def unnamed(path: Path) -> Iterator[None]:
    """While the block runs, errors do not name a raster: names of files stay with the server."""
    try:
        yield
    except SuiteError as error:
        raise type(error)(without_path(str(error), path)) from error


def without_path(text: str, path: Path) -> str:
    """A message that says "the raster" for a path.

    >>> from pathlib import Path
    >>> without_path("cannot read /tmp/a.tif", Path("/tmp/a.tif"))
    'cannot read the raster'
    """
    return text.replace(str(path), "the raster")


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
    """A reference system that a client names, as WKT.

    Raises:
        InputError: There is none of this name, or it names a file.
    """
    try:
        return str(pyproj.CRS.from_user_input(checked_crs(text)).to_wkt())
    except pyproj.exceptions.CRSError as error:
        raise InputError(f"no such coordinate reference system: {text:.100}") from error


def checked_crs(text: str) -> str:
    """A reference system of a client or of a file in a root, as it is.

    Raises:
        InputError: It names a file by its path, which PROJ would read.
    """
    if ELSEWHERE.search(text):
        raise InputError("a reference system may not name files by their paths here")
    return text
