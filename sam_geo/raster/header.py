"""Header: the metadata of a raster, read once when it is opened, and the choice of its bands.

After a failed read rasterio answers questions about a dataset with the error of that read, and a
dataset that was opened anew is another one: so nothing is asked twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rasterio.enums import ColorInterp

from sam_common.errors import InputError
from sam_common.support.addresses import scrubbed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from affine import Affine
    from rasterio.enums import MaskFlags


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """Metadata of a dataset as rasterio gives it; sequences go by band, from band 1."""

    driver: str
    """GDAL's short name of the format, such as `GTiff`."""
    height: int
    """Number of rows."""
    width: int
    """Number of columns."""
    count: int
    """Number of bands."""
    dtypes: Sequence[str]
    """Type of the samples of each band, by numpy's name."""
    transform: Affine
    """Geotransform from pixel corners (col, row) to world (x, y); the identity where the file has
    none."""
    crs: Any
    """Coordinate reference system as a rasterio CRS, None where the file has none."""
    nodata: float | None
    """Nodata value of the first band."""
    nodatavals: Sequence[float | None]
    """Nodata value of each band."""
    mask_flags: Sequence[Sequence[MaskFlags]]
    """How GDAL makes the mask of each band: from nodata, alpha, a mask band, or not at all."""
    colours: Sequence[ColorInterp]
    descriptions: Sequence[str | None]
    """Names of the bands, None where the file gives none."""
    """Colour interpretation of each band."""
    scales: Sequence[float]
    """Factor of each band from samples to values: value = sample * scale + offset."""
    offsets: Sequence[float]
    """Offset of each band in the unit of its values."""
    block_shapes: Sequence[tuple[int, int]]
    """Rows and columns of a block of each band."""
    overviews: Sequence[Sequence[int]]
    """Decimation factors of the overviews of each band."""
    bits: Sequence[int | None]
    """Bits per sample where the file says that it uses fewer than its dtype has."""
    palettes: Mapping[int, Mapping[int, tuple[int, int, int, int]]]
    """Colour tables by band number: sample to (red, green, blue, alpha)."""
    gcps: int
    """Number of ground control points."""
    gcps_crs: Any
    """Reference system of the ground control points as a rasterio CRS."""
    has_rpcs: bool
    """Whether the raster is placed by rational polynomial coefficients."""
    has_geolocation: bool
    """Whether the raster is placed by arrays of coordinates."""
    subdatasets: Sequence[str]
    """Names of the pages of a TIFF file or the variables of a netCDF file."""


def read_header(dataset: Any) -> Header:
    """Read the header of an open rasterio dataset; no pixel is read."""
    numbers = range(1, dataset.count + 1)
    colours = tuple(dataset.colorinterp)
    tags = [dataset.tags(number, ns="IMAGE_STRUCTURE") for number in numbers]
    gcps, gcps_crs = dataset.gcps
    return Header(
        driver=dataset.driver,
        height=dataset.height,
        width=dataset.width,
        count=dataset.count,
        dtypes=tuple(dataset.dtypes),
        transform=dataset.transform,
        crs=dataset.crs,
        nodata=dataset.nodata if dataset.count else None,
        nodatavals=tuple(dataset.nodatavals),
        mask_flags=tuple(tuple(flags) for flags in dataset.mask_flag_enums),
        colours=colours,
        descriptions=tuple(dataset.descriptions),
        scales=tuple(dataset.scales),
        offsets=tuple(dataset.offsets),
        block_shapes=tuple(dataset.block_shapes),
        overviews=tuple(tuple(dataset.overviews(number)) for number in numbers),
        bits=tuple(int(tag["NBITS"]) if "NBITS" in tag else None for tag in tags),
        palettes={
            number: dataset.colormap(number)
            for number, colour in zip(numbers, colours, strict=True)
            if colour == ColorInterp.palette
        },
        gcps=len(gcps),
        gcps_crs=gcps_crs,
        has_rpcs=dataset.rpcs is not None,
        has_geolocation=bool(dataset.tags(ns="GEOLOCATION")),
        subdatasets=tuple(dataset.subdatasets),
    )


def default_bands(colours: Sequence[ColorInterp]) -> tuple[int, ...]:
    """Choose red, green, blue by colour interpretation, else the first three, else the first band.

    Args:
        colours: Colour interpretation of each band; alpha is never chosen.

    Returns:
        Three band numbers or one, from 1; none where all bands are alpha.

    >>> default_bands([ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.alpha])
    (3, 2, 1)
    >>> default_bands([ColorInterp.gray, ColorInterp.alpha])
    (1,)
    """
    rgb = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    if all(colour in colours for colour in rgb):
        return tuple(list(colours).index(colour) + 1 for colour in rgb)
    image = [n + 1 for n, colour in enumerate(colours) if colour != ColorInterp.alpha]
    return tuple(image[:3]) if len(image) >= len(rgb) else tuple(image[:1])


def check_has_image(header: Header, name: str) -> None:
    """Raise `InputError` where a raster has no band, or alpha bands only; `name` it is called."""
    if header.count == 0:
        parts = ", ".join(scrubbed(each) for each in header.subdatasets) or "none"
        raise InputError(
            f"{name} has no bands of its own; open one of its subdatasets, by its name or by "
            f"--page: {parts}"
        )
    if not default_bands(header.colours):
        raise InputError(f"{name} has an alpha band only, no image")


def check_bands(bands: tuple[int, ...], header: Header, name: str) -> None:
    """Raise `InputError` unless the chosen band numbers are one or three bands of real samples."""
    if len(bands) not in {1, 3}:
        listed = ",".join(str(band) for band in bands) or "none"
        raise InputError(f"choose one band (grey) or three (red, green, blue), got {listed}")
    if missing := [band for band in bands if not 1 <= band <= header.count]:
        raise InputError(f"no band {missing[0]} in {name}: it has bands 1 to {header.count}")
    check_real(bands, header, name)


def check_real(bands: tuple[int, ...], header: Header, name: str) -> None:
    """Raise `InputError` where a band, numbered from 1, has complex samples."""
    for band in bands:
        if "complex" in (dtype := header.dtypes[band - 1]):
            raise InputError(
                f"band {band} of {name} has complex samples ({dtype}): write amplitude or "
                f"intensity to a real raster first"
            )
