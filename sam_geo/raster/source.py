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
import shlex
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import GeometryError, InputError
from sam_common.support.addresses import exists, is_file_name, public_name
from sam_common.support.files import check_input
from sam_geo.address.members import in_archive, page_of
from sam_geo.raster.access import ACCESS_ERRORS, OPEN_ERRORS, RasterFile, reason_of
from sam_geo.raster.bands import check_bands, check_dataset, default_bands
from sam_geo.raster.fingerprint import identify
from sam_geo.raster.frame import frame_from_affine
from sam_geo.raster.header import Header, parse_crs, read_header, to_pyproj
from sam_geo.raster.mosaic import Mosaic
from sam_geo.raster.pixels import Pixels
from sam_geo.raster.sample import sample_bands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    import pyproj

    from sam_common.frame import Frame
    from sam_common.window import Window

EXACT_INTEGERS = 2**53
"""Up to here every integer is a float64."""

MaskKind: TypeAlias = Literal["none", "nodata", "mask", "alpha"]


@dataclass(frozen=True, eq=False)
class RasterSource:
    """An open raster and the bands that a job looks at; make one with `open_raster`.

    Threads may share it: they take turns.
    """

    path: str
    """What it is called in messages and records: an address has no secrets there."""
    file: RasterFile
    """Where the pixels are read."""
    header: Header
    """Metadata; of what was asked for with `crs` in its place."""
    bands: tuple[int, ...]
    """One or three band numbers, 1-based, in the order red, green, blue."""
    is_palette: bool
    """Whether the values are entries of a colour table."""
    name: str = field(repr=False)
    """What GDAL opened, which may hold secrets."""
    mosaic: Mosaic | None = field(default=None, repr=False)
    """Of a VRT, the rasters that it is made of."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.header.height), int(self.header.width)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top; of a turned raster the box around it."""
        a, b, c, d, e, f = list(self.header.transform)[:6]
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
        return np.result_type(*(self.header.dtypes[band - 1] for band in self.bands))

    @property
    def has_overviews(self) -> bool:
        """Whether coarse reads are cheap."""
        return bool(self.header.overviews[self.bands[0] - 1])

    @property
    def bits(self) -> int | None:
        """Bits per sample where the file says that it uses fewer than its dtype has."""
        return None if self.is_palette else self.header.bits[self.bands[0] - 1]

    @property
    def nodatas(self) -> tuple[float | None, ...]:
        """The nodata value of each band that `read` gives, where a value can be one."""
        if self.is_palette:
            return (None, None, None)
        if self.mask_kind != "nodata":
            return (None,) * len(self.bands)
        return tuple(self.header.nodatavals[band - 1] for band in self.bands)

    @cached_property
    def mask_kind(self) -> MaskKind:
        """What tells valid pixels from others."""
        flags = {flag for band in self.bands for flag in self.header.mask_flags[band - 1]}
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
        """The coordinate reference system, None where there is none.

        Raises:
            InputError: The file's own is not understood.
        """
        return None if self.header.crs is None else to_pyproj(self.header.crs, self.path)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """What GDAL lists as its files, those beside it included; none where it cannot say."""
        try:
            return self.file.use(lambda dataset: tuple(dataset.files))
        except (InputError, *OPEN_ERRORS):
            return ()

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What identifies the pixels, see `sam_geo.raster.fingerprint.identify`; looked up once."""
        return identify(self.name, self.header.driver, self.files)

    @property
    def sample(self) -> list[npt.NDArray[Any]]:
        """Values of each band that stand for all of it, as `sample_bands` gives them; kept.

        Raises:
            InputError: They cannot be read.
        """
        found = self._sampled
        if isinstance(found, InputError):
            raise found
        return found

    @cached_property
    def _sampled(self) -> list[npt.NDArray[Any]] | InputError:
        try:
            return sample_bands(self)
        except InputError as error:  # kept too: it may have taken a server's whole patience
            return error

    @cached_property
    def frame(self) -> Frame:
        """Index (row, col) to world (x, y); pixel corners where the file has no geotransform.

        Raises:
            GeometryError: The raster is placed by ground control points, by rational polynomials
                or by arrays of coordinates, or its geotransform is singular.
        """
        header = self.header
        if header.transform.is_identity:
            crs = header.gcps_crs or header.crs or "EPSG:4326"
            if header.gcps:
                points = f"{header.gcps} ground control points"
                raise GeometryError(self._warp_first(points, f"-t_srs {crs}"))
            if header.has_rpcs:
                raise GeometryError(self._warp_first("rational polynomials (RPC)", "-rpc"))
            if header.has_geolocation:
                raise GeometryError(self._warp_first("arrays of coordinates", "-geoloc"))
        return frame_from_affine(header.transform)

    def _warp_first(self, placed_by: str, option: str) -> str:
        warped = shlex.quote(Path(self.path).with_suffix(".warped.tif").name)
        return (
            f"{self.path} is placed by {placed_by}, not by a geotransform; warp it first: "
            f"gdalwarp {option} {shlex.quote(self.path)} {warped}"
        )

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

        def values_of(dataset: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
            if self.mosaic is not None:
                self.mosaic.check(window, dataset)
            return self._values(dataset, shape, options)

        try:
            values, valid = self.file.use(values_of)
        except ACCESS_ERRORS as error:
            # without the cause: GDAL repeats an address with its secrets
            raise InputError(
                f"cannot read rows {window.start[0]}-{window.stop[0] - 1}, "
                f"columns {window.start[1]}-{window.stop[1] - 1} of {self.path}: "
                f"{reason_of(error, self.name)}"
            ) from None
        return self._pixels(values, valid)

    def read_data(self, window: Window) -> Pixels | None:
        """`read` at the raster's own resolution, None where no pixel of the window is valid."""
        pixels = self.read(window)
        return pixels if pixels.valid.any() else None

    def _values(
        self, dataset: Any, shape: tuple[int, int], options: dict[str, Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        out_shape = (len(self.bands), *shape)
        values = dataset.read(list(self.bands), out_shape=out_shape, **options)
        wanted = options["window"]
        valid = self._known_valid(values, is_native=shape == (wanted.height, wanted.width))
        if valid is None:
            # averaging a mask would leave values between 0 and 255
            nearest = options | {"resampling": Resampling.nearest}
            masks = dataset.read_masks(list(self.bands), out_shape=out_shape, **nearest)
            valid = masks.any(axis=0)
        return values, valid

    def _known_valid(
        self, values: npt.NDArray[Any], *, is_native: bool
    ) -> npt.NDArray[np.bool_] | None:
        """(h, w) what GDAL's masks would say, where that takes no second read; else None."""
        flags = [self.header.mask_flags[band - 1] for band in self.bands]
        if all(MaskFlags.all_valid in flag for flag in flags):
            return np.broadcast_to(np.True_, values.shape[1:])
        # GDAL compares floats with a tolerance of its own, and resampled values are not samples
        if not is_native or values.dtype.kind not in "iu":
            return None
        # a nodata value may lie outside one band's type; bands of several types are GDAL's to judge
        if len({self.header.dtypes[band - 1] for band in self.bands}) > 1:
            return None
        valid = np.zeros(values.shape[1:], dtype=np.bool_)
        limits = np.iinfo(values.dtype)
        for flag, band, samples in zip(flags, self.bands, values, strict=True):
            nodata = self.header.nodatavals[band - 1]
            if flag != (MaskFlags.nodata,) or nodata is None:
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
        table = self.header.palettes[self.bands[0]]
        palette = np.zeros((max(256, max(table) + 1), 4), dtype=np.uint8)
        palette[:, 3] = 255
        for value, colour in table.items():
            palette[value] = colour
        return palette


@contextmanager
def open_raster(
    path: str | os.PathLike[str],
    *,
    bands: Sequence[int] | None = None,
    page: int | None = None,
    crs: str | None = None,
) -> Iterator[RasterSource]:
    """Open a raster for windowed reading; only its header is read.

    Args:
        path: A file, or anything else that GDAL opens (`/vsicurl/...`, `https://...`); a zip file
            that holds one raster is that raster.
        bands: One band (grey) or three (red, green, blue), 1-based; chosen by colour
            interpretation where not given.
        page: Of a file that holds several rasters, such as the pages of a TIFF, from 1.
        crs: Its coordinate reference system, over what the file says; anything that pyproj knows.

    Raises:
        InputError: There is no such file, it is not a raster, a page or band does not exist, the
            samples are complex, or `crs` is unknown or given for a file without a geotransform.
    """
    name = os.fsdecode(path)
    given = None if crs is None else parse_crs(crs, option="--image-crs")
    if is_file_name(name):
        if not exists(name):
            raise InputError(f"no such file: {public_name(name)}")
        check_input(name)
        name = in_archive(name)
    shown = public_name(path)
    file = RasterFile(name)
    try:
        header = _header_of(file, name)
        if page is not None and (paged := page_of(name, page, header.subdatasets)) != name:
            name, file = paged, RasterFile(paged)
            header = _header_of(file, name)
            shown = f"{shown} (page {page})"
        check_dataset(header, shown)
        if given is not None:
            header = _placed(header, given, shown)
        chosen = default_bands(header.colours) if bands is None else tuple(bands)
        check_bands(chosen, header, shown)
        is_palette = len(chosen) == 1 and header.colours[chosen[0] - 1] == ColorInterp.palette
        mosaic = _mosaic_of(file, header, name)
        yield RasterSource(shown, file, header, chosen, is_palette, name, mosaic)
    finally:
        file.close()


def _header_of(file: RasterFile, name: str) -> Header:
    try:
        return file.use(read_header)
    except OPEN_ERRORS as error:
        raise InputError(
            f"cannot read the header of {public_name(name)}: {reason_of(error, name)}"
        ) from None


def _mosaic_of(file: RasterFile, header: Header, name: str) -> Mosaic | None:
    if header.driver != "VRT":
        return None
    try:
        return file.use(Mosaic.of)
    except OPEN_ERRORS as error:
        raise InputError(f"cannot read {public_name(name)}: {reason_of(error, name)}") from None


def _placed(header: Header, crs: pyproj.CRS, name: str) -> Header:
    if header.transform.is_identity:
        raise InputError(
            f"{name} has no geotransform, so --image-crs does not place it: its coordinates are "
            f"pixels"
        )
    return replace(header, crs=CRS.from_wkt(crs.to_wkt()))
