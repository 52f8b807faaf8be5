"""Header: what a raster says of itself, read once when it is opened.

After a failed read rasterio answers questions about a dataset with that read's error, and a
dataset that was opened anew is another one: so nothing is asked twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyproj
from rasterio.enums import ColorInterp

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from affine import Affine
    from rasterio.enums import MaskFlags


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """Metadata of a dataset as rasterio gives it; sequences go by band, from band 1."""

    driver: str
    height: int
    width: int
    count: int
    dtypes: Sequence[str]
    transform: Affine
    crs: Any
    """A rasterio CRS, None where there is none."""
    nodata: float | None
    nodatavals: Sequence[float | None]
    mask_flags: Sequence[Sequence[MaskFlags]]
    colours: Sequence[ColorInterp]
    scales: Sequence[float]
    offsets: Sequence[float]
    block_shapes: Sequence[tuple[int, int]]
    overviews: Sequence[Sequence[int]]
    """Their factors."""
    bits: Sequence[int | None]
    """Bits per sample where the file says that it uses fewer than its dtype has."""
    palettes: Mapping[int, Mapping[int, tuple[int, int, int, int]]]
    """Colour tables by band."""
    gcps: int
    """Ground control points."""
    gcps_crs: Any
    has_rpcs: bool
    """Whether it is placed by rational polynomial coefficients."""
    has_geolocation: bool
    """Whether it is placed by arrays of coordinates."""
    subdatasets: Sequence[str]
    """Pages of a TIFF file, variables of a netCDF file."""


def read_header(dataset: Any) -> Header:
    """The header of an open rasterio dataset; no pixel is read."""
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


def parse_crs(text: str, *, option: str) -> pyproj.CRS:
    """A horizontal reference system as a user names it.

    Raises:
        InputError: There is no such system, or it places nothing on a plane.
    """
    try:
        crs = pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            f"no such coordinate reference system: {option} {text!r} (for example EPSG:4326)"
        ) from error
    if crs.is_geocentric or crs.is_vertical:
        raise InputError(f"{option} {text!r} ({crs.name}) has no x and y on the ground")
    return crs


def to_pyproj(crs: Any, name: str) -> pyproj.CRS:
    """A rasterio CRS as pyproj knows it.

    Raises:
        InputError: It does not.
    """
    # by code where there is one: the WKT of an older GDAL can lose the datum's details
    try:
        if (authority := crs.to_authority()) is not None:
            try:
                return pyproj.CRS.from_authority(*authority)
            except pyproj.exceptions.CRSError:  # known to GDAL's database only
                pass
        return pyproj.CRS.from_wkt(crs.to_wkt())
    except (pyproj.exceptions.CRSError, ValueError) as error:
        raise InputError(
            f"the coordinate reference system of {name} is not understood: name it with "
            f"--image-crs, for example --image-crs EPSG:32633"
        ) from error
