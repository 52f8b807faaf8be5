"""RasterSource: a raster on disk, read one window at a time.

Nothing here ever reads the whole raster. What a pixel is worth is decided here too:

- Bands: `--bands`, else red, green, blue by colour interpretation, else the first three, else one
  grey band. Alpha is never an image band. Palette rasters become their colours.
- Valid pixels: a dataset mask or an alpha band decides where there is one, and the values under
  it count as 0. A nodata *value* hides a pixel only where every chosen band has it: files exist
  whose nodata value is an ordinary colour (255 in aerial images), and a pixel that is saturated
  in one band is still a pixel. A pixel with no finite sample is not valid either.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyproj
import rasterio
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import GeometryError, InputError
from sam_common.files import check_input
from sam_geo.confined import open_dataset
from sam_geo.frame import frame_from_affine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.frame import Frame
    from sam_common.window import Window

NOT_A_PATH = re.compile(r"/vsi|\w{2,}:")
"""GDAL's virtual files, URLs, and subdatasets such as `NETCDF:file.nc:band`."""

REMOTE = re.compile(r"(https?|ftp|s3|gs|az)://|/vsi(curl|s3|gs|az|adls|oss|swift)")
"""What is read over a network."""
REMOTE_OPTIONS = {
    # no listing of the folder to look for sidecar files
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "VSI_CACHE": "TRUE",
}
"""GDAL's settings for remote rasters; a variable of the environment with that name wins."""
EXACT_INTEGERS = 2**53
"""Up to here every integer is a float64."""

CACHE_MB = 128
"""GDAL would keep blocks in 5 % of the machine's memory; windows are read once."""
# GDAL looks at it once, before the first block of a process is read; a user's own value stays
os.environ.setdefault("GDAL_CACHEMAX", str(CACHE_MB))

MaskKind: TypeAlias = Literal["none", "nodata", "mask", "alpha"]


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """What one read gives."""

    values: npt.NDArray[Any]
    """(B, h, w) in the raster's dtype, B is 1 or 3; uint8 colours for a palette raster."""
    valid: npt.NDArray[np.bool_]
    """(h, w) pixels that are part of the image."""


@dataclass(frozen=True, eq=False)
class RasterSource:
    """An open raster and the bands that a job looks at; make one with `open_raster`."""

    path: str
    dataset: Any
    """The open rasterio dataset."""
    bands: tuple[int, ...]
    """One or three band numbers, 1-based, in the order red, green, blue."""
    is_palette: bool
    """Whether the values are entries of a colour table."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.dataset.height), int(self.dataset.width)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top; of a turned raster the box around it."""
        a, b, c, d, e, f = list(self.dataset.transform)[:6]
        height, width = self.size_hw
        if b == 0 and d == 0:
            return c, f + e * height, c + a * width, f
        xs = [c + a * col + b * row for col in (0, width) for row in (0, height)]
        ys = [f + d * col + e * row for col in (0, width) for row in (0, height)]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values that `read` gives."""
        if self.is_palette:
            return np.dtype("uint8")
        return np.result_type(*(self.dataset.dtypes[band - 1] for band in self.bands))

    @property
    def has_overviews(self) -> bool:
        """Whether coarse reads are cheap."""
        return bool(self.dataset.overviews(self.bands[0]))

    @property
    def bits(self) -> int | None:
        """Bits per sample where the file says that it uses fewer than its dtype has."""
        tags = self.dataset.tags(self.bands[0], ns="IMAGE_STRUCTURE")
        return None if self.is_palette or "NBITS" not in tags else int(tags["NBITS"])

    @property
    def nodata(self) -> float | None:
        """The nodata value of the chosen bands, where their validity goes by it."""
        return self.dataset.nodatavals[self.bands[0] - 1] if self.mask_kind == "nodata" else None

    @cached_property
    def mask_kind(self) -> MaskKind:
        """What tells valid pixels from others."""
        flags = self.dataset.mask_flag_enums[self.bands[0] - 1]
        if MaskFlags.nodata in flags:
            return "nodata"
        if MaskFlags.alpha in flags:
            return "alpha"
        return "mask" if MaskFlags.per_dataset in flags else "none"

    @cached_property
    def is_all_valid(self) -> bool:
        """Whether no pixel can be invalid: no mask is read then."""
        return self.mask_kind == "none" and not self.is_palette and self.dtype.kind in "iu"

    @cached_property
    def crs(self) -> pyproj.CRS | None:
        """The coordinate reference system, None where the file has none."""
        return None if self.dataset.crs is None else _pyproj_crs(self.dataset.crs)

    @cached_property
    def frame(self) -> Frame:
        """Index (row, col) to world (x, y); pixel corners where the file has no geotransform.

        Raises:
            GeometryError: The raster is placed by ground control points, or its geotransform is
                singular.
        """
        gcps, gcp_crs = self.dataset.gcps
        if gcps and self.dataset.transform.is_identity:
            warped = Path(self.path).with_suffix(".warped.tif").name
            raise GeometryError(
                f"{self.path} is placed by {len(gcps)} ground control points, not by a "
                f"geotransform; warp it first: "
                f"gdalwarp -t_srs {gcp_crs or 'EPSG:4326'} {self.path} {warped}"
            )
        return frame_from_affine(self.dataset.transform)

    def read(
        self,
        window: Window,
        *,
        out_hw: tuple[int, int] | None = None,
        resampling: Literal["average", "nearest"] = "average",
    ) -> Pixels:
        """The chosen bands of one window.

        Args:
            window: (row, col) inside the raster.
            out_hw: Size to read at, from an overview where there is one; native where None.
            resampling: How samples are combined where `out_hw` is smaller than the window.

        Raises:
            InputError: The pixels cannot be read (a damaged file, a lost connection).
        """
        shape = out_hw or (window.shape[0], window.shape[1])
        nearest = resampling == "nearest" or self.is_palette
        options = {
            "window": RasterioWindow(*window.start[::-1], *window.shape[::-1]),
            "resampling": Resampling.nearest if nearest else Resampling.average,
        }
        out_shape = (len(self.bands), *shape)
        try:
            values = self.dataset.read(list(self.bands), out_shape=out_shape, **options)
            valid = self._known_valid(values, is_native=shape == window.shape)
            if valid is None:
                # averaging a mask would leave values between 0 and 255
                options["resampling"] = Resampling.nearest
                masks = self.dataset.read_masks(list(self.bands), out_shape=out_shape, **options)
                valid = masks.any(axis=0)
        except (RasterioError, OSError) as error:
            raise InputError(
                f"cannot read rows {window.start[0]}-{window.stop[0] - 1}, "
                f"columns {window.start[1]}-{window.stop[1] - 1} of {self.path}: "
                f"{error.__cause__ or error}"
            ) from error
        return self._pixels(values, valid)

    def read_data(self, window: Window) -> Pixels | None:
        """`read` at the raster's own resolution, None where no pixel of the window is valid."""
        pixels = self.read(window)
        return pixels if pixels.valid.any() else None

    def _known_valid(
        self, values: npt.NDArray[Any], *, is_native: bool
    ) -> npt.NDArray[np.bool_] | None:
        """(h, w) what GDAL's masks would say, where that takes no second read; else None."""
        flags = [self.dataset.mask_flag_enums[band - 1] for band in self.bands]
        if all(MaskFlags.all_valid in flag for flag in flags):
            return np.broadcast_to(np.True_, values.shape[1:])
        # GDAL compares floats with a tolerance of its own, and resampled values are not samples
        if not is_native or values.dtype.kind not in "iu":
            return None
        # a nodata value may lie outside one band's type; bands of several types are GDAL's to judge
        if len({self.dataset.dtypes[band - 1] for band in self.bands}) > 1:
            return None
        valid = np.zeros(values.shape[1:], dtype=np.bool_)
        limits = np.iinfo(values.dtype)
        for flag, band, samples in zip(flags, self.bands, values, strict=True):
            nodata = self.dataset.nodatavals[band - 1]
            if flag != [MaskFlags.nodata] or nodata is None:
                return None
            # beyond 2^53 the float that rasterio gives is not the file's integer
            is_exact = float(nodata).is_integer() and abs(nodata) <= EXACT_INTEGERS
            if not is_exact or not limits.min <= nodata <= limits.max:
                return None
            valid |= samples != int(nodata)
        return valid

    def _pixels(self, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> Pixels:
        if self.is_palette:
            colours = self._palette[values[0]]
            values, valid = np.moveaxis(colours[..., :3], -1, 0), valid & (colours[..., 3] > 0)
        if values.dtype.kind == "f":
            valid = valid & np.isfinite(values).any(axis=0)
        if self.mask_kind in {"mask", "alpha"}:
            values = np.where(valid, values, values.dtype.type(0))
        return Pixels(values, valid)

    @cached_property
    def _palette(self) -> npt.NDArray[np.uint8]:
        """(entries, 4) red, green, blue, alpha; values without an entry are black."""
        table = self.dataset.colormap(self.bands[0])
        palette = np.zeros((max(256, max(table) + 1), 4), dtype=np.uint8)
        palette[:, 3] = 255
        for value, colour in table.items():
            palette[value] = colour
        return palette


@contextmanager
def open_raster(
    path: str | os.PathLike[str], *, bands: Sequence[int] | None = None
) -> Iterator[RasterSource]:
    """Open a raster for windowed reading; only its header is read.

    Args:
        path: A file, or anything else that GDAL opens (`/vsicurl/...`, `https://...`).
        bands: One band (grey) or three (red, green, blue), 1-based; chosen by colour
            interpretation where not given.

    Raises:
        InputError: There is no such file, it is not a raster, a band does not exist, or the
            samples are complex.
    """
    name = os.fspath(path)
    if not NOT_A_PATH.match(name):
        check_input(name)
    with rasterio.Env(**_gdal_options(name)), _open(name) as dataset:
        # asked here once: after a failed read rasterio answers this with the read's error
        colours = dataset.colorinterp
        _check_dataset(dataset, colours, name)
        chosen = default_bands(colours) if bands is None else tuple(bands)
        _check_bands(chosen, dataset, name)
        is_palette = len(chosen) == 1 and colours[chosen[0] - 1] == ColorInterp.palette
        yield RasterSource(name, dataset, chosen, is_palette)


def _gdal_options(name: str) -> dict[str, str]:
    if not REMOTE.match(name):
        return {}
    return {key: value for key, value in REMOTE_OPTIONS.items() if key not in os.environ}


def _open(name: str) -> Any:
    try:
        # an image without a geotransform is nothing to warn of: it has pixel coordinates
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return open_dataset(name)
    except (RasterioError, OSError) as error:
        raise InputError(f"not a raster that GDAL can read: {name}") from error


def default_bands(interpretation: Sequence[ColorInterp]) -> tuple[int, ...]:
    """Red, green, blue by colour interpretation, else the first three, else the first band.

    >>> default_bands([ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.alpha])
    (3, 2, 1)
    >>> default_bands([ColorInterp.gray, ColorInterp.alpha])
    (1,)
    """
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    if all(colour in interpretation for colour in colours):
        return tuple(list(interpretation).index(colour) + 1 for colour in colours)
    image = [n + 1 for n, kind in enumerate(interpretation) if kind != ColorInterp.alpha]
    return tuple(image[:3]) if len(image) >= len(colours) else tuple(image[:1])


def _check_dataset(dataset: Any, colours: Sequence[ColorInterp], name: str) -> None:
    if dataset.count == 0:
        parts = ", ".join(dataset.subdatasets) or "none"
        raise InputError(f"{name} has no bands of its own; open one of its subdatasets: {parts}")
    if not default_bands(colours):
        raise InputError(f"{name} has an alpha band only, no image")


def _check_bands(bands: tuple[int, ...], dataset: Any, name: str) -> None:
    if len(bands) not in {1, 3}:
        raise InputError(
            f"choose one band (grey) or three (red, green, blue), got {_listed(bands)}"
        )
    if missing := [band for band in bands if not 1 <= band <= dataset.count]:
        raise InputError(f"no band {missing[0]} in {name}: it has bands 1 to {dataset.count}")
    for band in bands:
        if "complex" in (dtype := dataset.dtypes[band - 1]):
            raise InputError(
                f"band {band} of {name} has complex samples ({dtype}): write amplitude or "
                f"intensity to a real raster first"
            )


def _listed(bands: Sequence[int]) -> str:
    return ",".join(str(band) for band in bands) or "none"


def _pyproj_crs(crs: Any) -> pyproj.CRS:
    # by code where there is one: the WKT of an older GDAL can lose the datum's details
    if (authority := crs.to_authority()) is not None:
        try:
            return pyproj.CRS.from_authority(*authority)
        except pyproj.exceptions.CRSError:  # known to GDAL's database only
            return pyproj.CRS.from_wkt(crs.to_wkt())
    return pyproj.CRS.from_wkt(crs.to_wkt())
