"""Stretch: raster values to the 8 bits that the networks were trained on.

A stretch is chosen once per job, from a sample of the whole raster. So the same value becomes the
same byte in every window, and no seam comes from the stretch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError

if TYPE_CHECKING:
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource

PERCENTILES = (2.0, 98.0)
"""Percentiles of a band that become 0 and 255: the default cumulative cut of QGIS."""
BYTE_BITS = 8
"""Bits of a byte; a raster of fewer bits per sample is stretched to all of them."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A linear map from raster values to bytes for each band, the same in all windows of a job."""

    limits: tuple[tuple[float, float], ...] | None
    """(lo, hi) that become 0 and 255, for each band; None leaves uint8 values as they are."""

    def apply(self, pixels: Pixels) -> npt.NDArray[np.uint8]:
        """Make the 8-bit image that a network gets.

        Args:
            pixels: (B, h, w) values and (h, w) valid pixels.

        Returns:
            (h, w) for one band, (h, w, 3) for three. With limits, pixels that are not valid and
            samples that are not finite are 0. Without limits the values are bytes already and
            stay as they are, also where they are not valid: a nodata value that is an ordinary
            colour must not punch holes into the image.
        """
        if self.limits is None:
            bands = [band.astype(np.uint8, copy=False) for band in pixels.values]
        else:
            bands = [
                np.where(pixels.valid, to_uint8(band, lo, hi), np.uint8(0))
                for band, (lo, hi) in zip(pixels.values, self.limits, strict=True)
            ]
        return bands[0] if len(bands) == 1 else np.stack(bands, axis=-1)


def to_uint8(array: npt.ArrayLike, lo: float, hi: float) -> npt.NDArray[np.uint8]:
    """Map `lo` to 0 and `hi` to 255, linearly, rounded to nearest, clipped outside.

    Args:
        array: Values of any real dtype and shape; booleans count as 0 and 1.
        lo: Value that becomes 0.
        hi: Value that becomes 255. Where `hi == lo` there is no contrast to show and everything
            becomes 0.

    Returns:
        uint8 array of the same shape. NaN and infinities become 0.

    Raises:
        InputError: The values are complex, or the limits are not finite or out of order.

    >>> to_uint8([-1.0, 0.0, 1.0, 2.0, 9.0, float("nan"), float("inf")], 0, 2).tolist()
    [0, 0, 128, 255, 255, 0, 0]
    """
    values = np.asarray(array)
    if np.iscomplexobj(values):
        raise InputError(f"complex values have no grey level, got dtype {values.dtype}")
    if not (np.isfinite(lo) and np.isfinite(hi) and lo <= hi):
        raise InputError(f"limits must be finite with lo <= hi, got {lo} and {hi}")
    # halves, so that the width of the largest floats does not overflow; no width, no contrast
    half_width = hi / 2 - lo / 2
    if half_width == 0:
        return np.zeros(values.shape, dtype=np.uint8)
    # float64 holds every int32 and float32 exactly, so equal values stay equal
    scaled = values.astype(np.float64)
    finite = np.isfinite(scaled)
    scaled = np.where(finite, scaled, lo)
    scaled = np.clip(scaled, lo, hi)
    scaled = (scaled / 2 - lo / 2) / half_width * 255 + 0.5
    return np.where(finite, scaled, 0).astype(np.uint8)


def choose_stretch(source: RasterSource, *, given: str | None = None) -> Stretch:
    """Choose the stretch of a job on a raster.

    uint8 stays as it is, unless it holds fewer bits (a boolean raster). Other types get, per
    band, the 2nd and 98th percentile of a sample (`sam_geo.raster.sample`) as limits; the minimum
    and maximum of the sample where these two are equal; and (0, 0), which makes an image of zeros,
    where the raster has no valid pixel.

    Args:
        source: The raster.
        given: The value of `--stretch` in place of that rule: `none` for bytes as they are, or
            `min,max`, the values that become 0 and 255 in units of value * scale + offset.

    Raises:
        InputError: The sample cannot be read, or the given text is no stretch for this raster.
    """
    if given is not None:
        return _given_stretch(source, given)
    if source.dtype == np.uint8:
        return _byte_stretch(source)
    return Stretch(tuple(_limits(values) for values in source.sample))


def _given_stretch(source: RasterSource, text: str) -> Stretch:
    """Parse the value of `--stretch` into limits of the raster's samples."""
    if text.strip().lower() == "none":
        if source.dtype != np.uint8:
            raise InputError(
                f"--stretch none is for bytes, {source.path} has {source.dtype}: give min,max"
            )
        return Stretch(None)
    try:
        lo, hi = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--stretch is min,max or none, such as 0,3000, got {text!r}") from error
    if not (np.isfinite([lo, hi]).all() and lo < hi):
        raise InputError(f"--stretch needs finite numbers with min < max, got {text!r}")
    limits = []
    for band in source.bands:
        scale, offset = source.header.scales[band - 1], source.header.offsets[band - 1]
        if not np.isfinite([scale, offset]).all() or scale == 0:
            raise InputError(
                f"band {band} of {source.path} has the scale {scale} and the offset {offset}, "
                f"which make no values: mend them by gdal_edit, or leave --stretch out"
            )
        ends = sorted(((lo - offset) / scale, (hi - offset) / scale))
        limits.append((ends[0], ends[1]))
    return Stretch(tuple(limits))


def _byte_stretch(source: RasterSource) -> Stretch:
    """Choose the stretch of a uint8 raster: none, or one from fewer bits to all of them."""
    if source.is_palette:
        return Stretch(None)
    if source.bits is not None and source.bits < BYTE_BITS:
        return Stretch(((0.0, 2.0**source.bits - 1),) * len(source.bands))
    try:
        brightest = max((int(v.max()) for v in source.sample if v.size), default=0)
    except InputError:
        # the sample only tells booleans from bytes; reads of the windows raise the error again
        return Stretch(None)
    return Stretch(((0.0, 1.0),) * len(source.bands) if brightest == 1 else None)


def _limits(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Give the percentiles of a sample that become 0 and 255."""
    if not values.size:
        return 0.0, 0.0
    lo, hi = np.percentile(values.astype(np.float64), PERCENTILES).tolist()
    if lo == hi:
        lo, hi = float(values.min()), float(values.max())
    return lo, hi
