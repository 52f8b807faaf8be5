"""RasterSource: a raster file or address, read one window at a time and never as a whole.

The bands are those of `--bands`, else red, green, blue by colour interpretation, else the first
three, else one grey band. Alpha is never an image band. Palette rasters become their colours.
Which pixels are valid stands in `sam_geo.raster.pixels`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import InputError
from sam_common.support.addresses import exists, is_file_name, public_name
from sam_common.support.files import check_input
from sam_geo.address.members import in_archive, page_of
from sam_geo.raster.access import ACCESS_ERRORS, OPEN_ERRORS, RasterFile, reason_of
from sam_geo.raster.fingerprint import identify, signature
from sam_geo.raster.frame import frame_of_raster, raster_bounds
from sam_geo.raster.header import Header, check_bands, check_has_image, default_bands, read_header
from sam_geo.raster.mosaic import Mosaic
from sam_geo.raster.pixels import (
    MaskKind,
    Pixels,
    mask_kind,
    masked_pixels,
    palette_array,
    valid_by_header,
)
from sam_geo.raster.reference_system import image_crs, pyproj_crs
from sam_geo.raster.sample import sample_bands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt
    import pyproj

    from sam_common.frame import Frame
    from sam_common.window import Window

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class RasterSource:
    """An open raster and the bands that a job reads; made by `open_raster`.

    Several threads may read from one source: they take turns.
    """

    path: str
    """Name of the raster in messages and records; an address without its secrets."""
    file: RasterFile
    """The dataset of GDAL that the pixels are read from."""
    header: Header
    """Metadata of the file; its CRS is the given one where `open_raster` got one."""
    bands: tuple[int, ...]
    """One or three band numbers, 1-based, in the order red, green, blue."""
    is_palette: bool
    """Whether the samples are entries of a colour table."""
    name: str = field(repr=False)
    """Name that GDAL opened, which may hold secrets."""
    mosaic: Mosaic | None = field(default=None, repr=False)
    """The source rasters of a VRT; None for any other format."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how another process opens the same raster; no pixel is pickled."""
        name = os.path.abspath(self.name) if is_file_name(self.name) else self.name  # noqa: PTH100
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        return _opened_elsewhere, ({**known, "name": name}, self.identity)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Number of rows and columns of the raster."""
        return int(self.header.height), int(self.header.width)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in the raster's CRS; the box around a rotated raster."""
        return raster_bounds(self.header.transform, self.size_hw)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values that `read` gives: uint8 for a palette raster."""
        if self.is_palette:
            return np.dtype("uint8")
        return np.result_type(*(self.header.dtypes[band - 1] for band in self.bands))

    @property
    def has_overviews(self) -> bool:
        """Whether the file has overviews, so that coarse reads are cheap."""
        return bool(self.header.overviews[self.bands[0] - 1])

    @property
    def bits(self) -> int | None:
        """Bits per sample where the file says that it uses fewer than its dtype has."""
        return None if self.is_palette else self.header.bits[self.bands[0] - 1]

    @property
    def nodatas(self) -> tuple[float | None, ...]:
        """The nodata value of each band that `read` gives; None where no value can be nodata."""
        if self.is_palette:
            return (None, None, None)
        if self.mask_kind != "nodata":
            return (None,) * len(self.bands)
        return tuple(self.header.nodatavals[band - 1] for band in self.bands)

    @cached_property
    def mask_kind(self) -> MaskKind:
        """What tells valid pixels of the chosen bands from others."""
        return mask_kind(self.bands, self.header)

    @cached_property
    def is_all_valid(self) -> bool:
        """Whether no pixel can be invalid, so that no mask has to be read."""
        return self.mask_kind == "none" and not self.is_palette and self.dtype.kind in "iu"

    @cached_property
    def crs(self) -> pyproj.CRS | None:
        """The coordinate reference system, None where the raster has none.

        Raises:
            InputError: pyproj does not understand the system of the file.
        """
        return None if self.header.crs is None else pyproj_crs(self.header.crs, self.path)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Files that GDAL lists for the raster, side files included; none where it cannot say."""
        try:
            return self.file.use(lambda dataset: tuple(dataset.files))
        except (InputError, *OPEN_ERRORS):
            return ()

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Facts that identify the pixels, as `sam_geo.raster.fingerprint.identify` gives them.

        They are looked up once.
        """
        return identify(self.name, self.header.driver, self.files)

    @property
    def sample(self) -> list[npt.NDArray[Any]]:
        """A sample of the values of each chosen band, as `sample_bands` gives it.

        It is read once; a failure is kept too.

        Raises:
            InputError: The sample cannot be read.
        """
        found = self._sampled
        if isinstance(found, InputError):
            raise found
        return found

    @cached_property
    def _sampled(self) -> list[npt.NDArray[Any]] | InputError:
        """The sample of each chosen band, or the error of reading it."""
        try:
            return sample_bands(self)
        except InputError as error:  # a second try could take all time limits of a server again
            return error

    @cached_property
    def frame(self) -> Frame:
        """The frame from index (row, col) to world (x, y).

        Without a geotransform the world's coordinates are pixel corners (col, row).

        Raises:
            GeometryError: The raster is placed by ground control points, by rational polynomials
                or by arrays of coordinates, or its geotransform is singular.
        """
        return frame_of_raster(self.header, self.path)

    def read(
        self,
        window: Window,
        *,
        out_hw: tuple[int, int] | None = None,
        resampling: Literal["average", "nearest"] = "average",
    ) -> Pixels:
        """Read the chosen bands of one window.

        Args:
            window: (row, col) inside the raster.
            out_hw: Rows and columns to read at, from an overview where there is one; the
                raster's own resolution where None.
            resampling: How samples are combined where `out_hw` is smaller than the window.

        Returns:
            (B, h, w) values and (h, w) valid pixels; B is 3 for a palette raster.

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

        values, valid = self.use(window, values_of)
        is_masked = self.mask_kind in {"mask", "alpha"}
        return masked_pixels(values, valid, palette=self._palette, is_masked=is_masked)

    def use(self, window: Window, work: Callable[[Any], T]) -> T:
        """What `work` makes of the open dataset; an error names the window that was read.

        Args:
            window: (row, col) of the grid that is read on.
            work: Called with the dataset of rasterio; again with a new one where that fails.

        Raises:
            InputError: The pixels cannot be read (a damaged file, a lost connection).
        """
        try:
            return self.file.use(work)
        except ACCESS_ERRORS as error:
            # without the cause: GDAL repeats an address with its secrets
            raise InputError(
                f"cannot read rows {window.start[0]}-{window.stop[0] - 1}, "
                f"columns {window.start[1]}-{window.stop[1] - 1} of {self.path}: "
                f"{reason_of(error, self.name)}"
            ) from None

    def read_data(self, window: Window) -> Pixels | None:
        """Read a window at the raster's own resolution; None where no pixel of it is valid."""
        pixels = self.read(window)
        return pixels if pixels.valid.any() else None

    def _values(
        self, dataset: Any, shape: tuple[int, int], options: dict[str, Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Read (B, h, w) samples of the chosen bands and (h, w) their valid pixels."""
        out_shape = (len(self.bands), *shape)
        values = dataset.read(list(self.bands), out_shape=out_shape, **options)
        window = options["window"]
        is_native = shape == (window.height, window.width)
        valid = valid_by_header(values, self.bands, self.header, is_native=is_native)
        if valid is None:
            # averaging a mask would leave values between 0 and 255
            nearest = options | {"resampling": Resampling.nearest}
            masks = dataset.read_masks(list(self.bands), out_shape=out_shape, **nearest)
            valid = masks.any(axis=0)
        return values, valid

    @cached_property
    def _palette(self) -> npt.NDArray[np.uint8] | None:
        """Colours of a palette raster by sample; None for any other raster."""
        return palette_array(self.header.palettes[self.bands[0]]) if self.is_palette else None


def _opened_elsewhere(known: dict[str, Any], identity: dict[str, Any]) -> RasterSource:
    """The raster that another process pickled, as this process sees it.

    Raises:
        InputError: There is no such raster here, or it has other pixels.
    """
    source = RasterSource(**known)
    if is_file_name(source.name) and not exists(source.name):
        raise InputError(f"no such file here: {source.path}")
    _ = source.file.use(lambda dataset: dataset.count)
    if "unknown" not in identity and signature(source.identity) != signature(identity):
        raise InputError(f"{source.path} is another raster here than where the job began")
    return source


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
        path: A file, or anything else that GDAL opens (`/vsicurl/...`, `https://...`). A zip file
            that holds one raster is opened as that raster.
        bands: One band number (grey) or three (red, green, blue), from 1; chosen by colour
            interpretation where None.
        page: Number from 1 of the raster in a file of several, such as the pages of a TIFF.
        crs: Coordinate reference system in place of the file's own; anything that pyproj knows.

    Yields:
        The open raster, which is closed at the end of the block.

    Raises:
        InputError: There is no such file, it is not a raster, a page or band does not exist, the
            samples are complex, or `crs` is unknown or given for a file without a geotransform.
    """
    name = os.fsdecode(path)
    given = None if crs is None else image_crs(crs)
    if is_file_name(name):
        if not exists(name):
            raise InputError(f"no such file: {public_name(name)}")
        check_input(name)
        name = in_archive(name)
    shown = public_name(path)
    file = RasterFile(name)
    try:
        header = _read(file, name, "the header of ", read_header)
        if page is not None and (paged := page_of(name, page, header.subdatasets)) != name:
            name, file = paged, RasterFile(paged)
            header = _read(file, name, "the header of ", read_header)
            shown = f"{shown} (page {page})"
        check_has_image(header, shown)
        if given is not None:
            header = _placed(header, given, shown)
        chosen = default_bands(header.colours) if bands is None else tuple(bands)
        check_bands(chosen, header, shown)
        is_palette = len(chosen) == 1 and header.colours[chosen[0] - 1] == ColorInterp.palette
        mosaic = _read(file, name, "", Mosaic.of) if header.driver == "VRT" else None
        yield RasterSource(shown, file, header, chosen, is_palette, name, mosaic)
    finally:
        file.close()


def _read(file: RasterFile, name: str, part: str, work: Callable[[Any], T]) -> T:
    """Read a part of a dataset that is no pixels; its errors become an `InputError`."""
    try:
        return file.use(work)
    except OPEN_ERRORS as error:
        raise InputError(
            f"cannot read {part}{public_name(name)}: {reason_of(error, name)}"
        ) from None


def _placed(header: Header, crs: pyproj.CRS, name: str) -> Header:
    """Put a given CRS in the place of the header's own."""
    if header.transform.is_identity:
        raise InputError(
            f"{name} has no geotransform, so --image-crs does not place it: its coordinates are "
            f"pixels"
        )
    return replace(header, crs=CRS.from_wkt(crs.to_wkt()))
