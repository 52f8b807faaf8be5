"""Pixels: the values of a window of a raster, and which of its pixels are valid.

- A dataset mask or an alpha band decides where there is one, and the values under it count as 0.
- A nodata value hides a pixel only where every chosen band has its nodata value: files exist whose
  nodata value is an ordinary colour (255 in aerial images), and a pixel that is saturated in one
  band is still a pixel.
- A pixel without a finite sample is not valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from rasterio.enums import MaskFlags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from sam_geo.raster.header import Header

EXACT_INTEGERS = 2**53
"""Up to here every integer is a float64."""

MaskKind: TypeAlias = Literal["none", "nodata", "mask", "alpha"]
"""What tells the valid pixels of a raster from others."""


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """The chosen bands of one window, as a read gives them."""

    values: npt.NDArray[Any]
    """(B, h, w) in the raster's dtype, B is 1 or 3; uint8 colours for a palette raster."""
    valid: npt.NDArray[np.bool_]
    """(h, w) pixels that are part of the image."""


def mask_kind(bands: Sequence[int], header: Header) -> MaskKind:
    """Tell how valid pixels of the chosen bands are told from others, by GDAL's mask flags."""
    flags = {flag for band in bands for flag in header.mask_flags[band - 1]}
    if MaskFlags.nodata in flags:
        return "nodata"
    if MaskFlags.alpha in flags:
        return "alpha"
    return "mask" if MaskFlags.per_dataset in flags else "none"


def valid_by_header(
    values: npt.NDArray[Any], bands: Sequence[int], header: Header, *, is_native: bool
) -> npt.NDArray[np.bool_] | None:
    """Tell valid pixels as GDAL's masks would, where samples and header suffice for it.

    Args:
        values: (B, h, w) samples of the chosen bands.
        bands: Numbers of the chosen bands, from 1.
        header: The raster's metadata.
        is_native: Whether the samples were read without resampling.

    Returns:
        (h, w) valid pixels; None where GDAL's masks have to be read.
    """
    flags = [header.mask_flags[band - 1] for band in bands]
    if all(MaskFlags.all_valid in flag for flag in flags):
        return np.broadcast_to(np.True_, values.shape[1:])
    # GDAL compares floats with a tolerance of its own, and resampled values are not samples
    if not is_native or values.dtype.kind not in "iu":
        return None
    # a nodata value may lie outside one band's type; bands of several types are GDAL's to judge
    if len({header.dtypes[band - 1] for band in bands}) > 1:
        return None
    valid = np.zeros(values.shape[1:], dtype=np.bool_)
    limits = np.iinfo(values.dtype)
    for flag, band, samples in zip(flags, bands, values, strict=True):
        nodata = header.nodatavals[band - 1]
        if flag != (MaskFlags.nodata,) or nodata is None:
            return None
        # beyond 2^53 the float that rasterio gives is not the file's integer
        is_exact = float(nodata).is_integer() and abs(nodata) <= EXACT_INTEGERS
        if not is_exact or not limits.min <= nodata <= limits.max:
            return None
        valid |= samples != int(nodata)
    return valid


def palette_array(table: Mapping[int, tuple[int, int, int, int]]) -> npt.NDArray[np.uint8]:
    """(entries, 4) red, green, blue, alpha by sample; samples without an entry are opaque black."""
    palette = np.zeros((max(256, max(table) + 1), 4), dtype=np.uint8)
    palette[:, 3] = 255
    for value, colour in table.items():
        palette[value] = colour
    return palette


def masked_pixels(
    values: npt.NDArray[Any],
    valid: npt.NDArray[np.bool_],
    *,
    palette: npt.NDArray[np.uint8] | None,
    is_masked: bool,
) -> Pixels:
    """Make the pixels of a read out of its samples and masks.

    Args:
        values: (B, h, w) samples.
        valid: (h, w) pixels that are valid by the raster's masks.
        palette: Colours of the samples, as `palette_array` gives them; None without a palette.
        is_masked: Whether a mask or an alpha band tells valid pixels: what it hides becomes 0.
    """
    if palette is not None:
        colours = palette[values[0]]
        values, valid = np.moveaxis(colours[..., :3], -1, 0), valid & (colours[..., 3] > 0)
    if values.dtype.kind == "f":
        valid = valid & np.isfinite(values).any(axis=0)
    if is_masked:
        values = np.where(valid, values, values.dtype.type(0))
    return Pixels(values, valid)
