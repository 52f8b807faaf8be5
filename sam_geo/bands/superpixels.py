"""Superpixels: small pieces of a block whose pixels look alike (SLIC, package `scikit-image`).

SLIC (Achanta et al. 2012, https://doi.org/10.1109/TPAMI.2012.120) compares colours by distance, so
bands of any number and unit become three axes first: robust limits of each band, then principal
components, both taken from one survey of the whole raster and the same in all blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import slic

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
"""Principal components that SLIC compares: more hold noise."""
COMPACTNESS = 0.1
"""Weight of the distance in space against that in colour, which is about 1 from dark to bright."""
BLUR_PX = 0.5
"""Standard deviation of the blur before SLIC."""


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """How the bands of a raster become the axes in which superpixels are compared."""

    low: FloatArray
    """(B,) value of each band that becomes 0."""
    high: FloatArray
    """(B,) value of each band that becomes 1."""
    axes: FloatArray
    """(B, A) weight of each scaled band in each axis."""

    def apply(self, values: FloatArray) -> FloatArray:
        """Axes (h, w, A) of values (B, h, w); a pixel without a value is the middle of its band."""
        width = np.where(self.high > self.low, self.high - self.low, np.float32(1))
        scaled = (values - self.low[:, None, None]) / width[:, None, None]
        scaled = np.nan_to_num(np.clip(scaled, -BEYOND, 1 + BEYOND), nan=0.5).astype(np.float32)
        found = np.moveaxis(np.tensordot(self.axes, scaled, (0, 0)), 0, -1)
        return np.ascontiguousarray(found, dtype=np.float32)


def survey(stack: RasterStack) -> Palette:
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
    plain = Palette(low, high, np.eye(bands, dtype=np.float32))
    if bands <= AXES:
        return plain
    scaled = plain.apply(pixels[:, None])[0].astype(np.float64)
    centred = scaled - scaled.mean(axis=0) if len(scaled) else scaled
    _, vectors = np.linalg.eigh(centred.T @ centred)
    # the sign of a component means nothing: distances are the same
    axes = vectors[:, : -AXES - 1 : -1]
    spread = np.abs(centred @ axes).max(initial=0)
    return Palette(low, high, (axes / (spread or 1) / 2).astype(np.float32))


def _limits(values: FloatArray) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, PERCENTILES)
    return (low, high) if high > low else (values.min(), values.max())


def superpixels(
    axes: FloatArray, valid: npt.NDArray[np.bool_], pixels: int
) -> npt.NDArray[np.int64]:
    """Superpixels of a block: pixels near each other that look alike, some of them strewn.

    Args:
        axes: (h, w, A) what is compared, see `Palette.apply`.
        valid: (h, w) pixels that belong to one.
        pixels: Mean number of pixels of a superpixel; 1 makes each pixel one.

    Returns:
        (h, w) numbers from 0 without gaps, row by row of their first pixel; -1 where not valid.
    """
    if pixels == 1:
        labels = np.arange(valid.size, dtype=np.int64).reshape(valid.shape)
    else:
        # SLIC's own blur mirrors at the edges, and its axes are floats already
        blurred = ndimage.gaussian_filter(axes, (BLUR_PX, BLUR_PX, 0))
        labels = slic(
            blurred,
            n_segments=max(1, round(valid.size / pixels)),
            compactness=COMPACTNESS,
            start_label=0,
            channel_axis=-1,
            # in noise, what is forced to hang together hangs together all over the block
            enforce_connectivity=False,
        )
    found = np.full(valid.shape, -1, dtype=np.int64)
    kept, first, numbers = np.unique(labels[valid], return_index=True, return_inverse=True)
    rank = np.empty(len(kept), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(kept))
    found[valid] = rank[numbers]
    return found
