"""Guide: which pixels of a raster look alike, whatever its bands and their units.

Each band is scaled by robust limits, then principal components are taken; both come from one survey
of the whole raster and are the same in all blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.window import Window

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_geo.bands.stack import RasterStack

    FloatArray = npt.NDArray[np.float32]

SURVEYED = 8
"""Windows of a survey along each axis of the raster."""
SURVEY_SIDE = 64
"""Pixels on a side of a window of a survey."""
PERCENTILES = (2.0, 98.0)
"""Percentiles of a band that its axis is scaled by: the default cumulative cut of QGIS."""
BEYOND = 0.5
"""How far values beyond these percentiles may reach, in units of the distance between them."""
AXES = 3
"""Principal components of a guide: more hold noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """How the bands of a raster become a few axes, in which pixels are compared."""

    low: FloatArray
    """(B,) value of each band that becomes 0."""
    high: FloatArray
    """(B,) value of each band that becomes 1."""
    axes: FloatArray
    """(B, A) weight of each scaled band in each axis; places along them have a standard deviation
    of 1 over the raster, as the root of the mean square over the axes."""

    def apply(self, values: FloatArray) -> FloatArray:
        """Axes (h, w, A) of values (B, h, w); a pixel without a value is the middle of its band."""
        width = np.where(self.high > self.low, self.high - self.low, np.float32(1))
        scaled = (values - self.low[:, None, None]) / width[:, None, None]
        scaled = np.nan_to_num(np.clip(scaled, -BEYOND, 1 + BEYOND), nan=0.5).astype(np.float32)
        found = np.moveaxis(np.tensordot(self.axes, scaled, (0, 0)), 0, -1)
        return np.ascontiguousarray(found, dtype=np.float32)


def survey(stack: RasterStack) -> Guide:
    """Choose the axes of a raster from windows on a regular grid over it.

    Raises:
        InputError: A raster cannot be read there.
    """
    height, width = stack.size_hw
    bands = len(stack.band_names)
    found = [np.empty((bands, 0), dtype=np.float32)]
    rows, cols = (
        sorted({round(n * max(0, length - SURVEY_SIDE) / (SURVEYED - 1)) for n in range(SURVEYED)})
        for length in (height, width)
    )
    for top in rows:
        for left in cols:
            stop = min(top + SURVEY_SIDE, height), min(left + SURVEY_SIDE, width)
            values, valid = stack.read(Window((top, left), stop))
            found.append(values[:, valid])
    pixels = np.concatenate(found, axis=1)
    limits = np.array([_limits(band[np.isfinite(band)]) for band in pixels], dtype=np.float32)
    low, high = limits.T
    axes = np.eye(bands)
    scaled = Guide(low, high, axes.astype(np.float32)).apply(pixels[:, None])[0]
    centred = (
        scaled - scaled.mean(axis=0, dtype=np.float64) if len(scaled) else np.zeros((1, bands))
    )
    if bands > AXES:
        _, vectors = np.linalg.eigh(centred.T @ centred)
        # the sign of a component means nothing: distances are the same
        axes = vectors[:, : -AXES - 1 : -1]
    spread = np.sqrt(np.mean((centred @ axes) ** 2))
    return Guide(low, high, (axes / (spread or 1)).astype(np.float32))


def _limits(values: FloatArray) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, PERCENTILES)
    return (low, high) if high > low else (values.min(), values.max())
