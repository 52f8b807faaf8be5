"""Features of pixels: values, indices, and the mean and spread of both in squares around them.

A pixel alone says little: a roof and a road have one colour. What lies around it tells them apart,
and averages out the noise of a sensor. Only pixels that have a value count in a square, so the edge
of a raster and its holes leave no mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_geo.landcover.indices import SpectralIndex

    FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """The features that a classifier is given, and how they are computed."""

    band_names: tuple[str, ...]
    """Bands of the stack; the value of each is a feature."""
    indices: tuple[SpectralIndex, ...] = ()
    """Spectral indices; the value of each is a feature."""
    sides: tuple[int, ...] = ()
    """Odd sides in pixels of squares around a pixel; mean and standard deviation of each band and
    index in each square are features."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all features, in the order in which `compute` gives them."""
        layers = (*self.band_names, *(index.name for index in self.indices))
        around = (
            f"{name} {figure} {side} px"
            for side in self.sides
            for name in layers
            for figure in ("mean", "deviation")
        )
        return (*layers, *around)

    @property
    def halo(self) -> int:
        """Pixels around a window that its features depend on."""
        return max((side // 2 for side in self.sides), default=0)

    def compute(self, values: FloatArray) -> FloatArray:
        """The features of all pixels of a window.

        Args:
            values: (B, h, w) bands of the stack, NaN where there is no value.

        Returns:
            (F, h, w) features in the order of `names`, NaN where there is none: of a pixel without
            a value, and of a square without any. Those within `halo` of an edge of the window are
            right only where that is the edge of the raster.
        """
        layers = [*values, *(index.compute(values) for index in self.indices)]
        found = [*layers]
        for side in self.sides:
            for layer in layers:
                found += _in_squares(layer, side)
        return np.stack(found).astype(np.float32)


def _in_squares(layer: FloatArray, side: int) -> Iterator[FloatArray]:
    """Mean and standard deviation (h, w) of a layer in squares around each pixel."""
    has_value = np.isfinite(layer)
    wide = np.where(has_value, layer, 0).astype(np.float64)
    count = _sum(has_value.astype(np.float64), side)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _sum(wide, side) / count
        # of float64, so that the difference of squares is exact enough for any sensor's values
        variance = np.maximum(_sum(wide * wide, side) / count - mean * mean, 0)
    empty = count < 0.5  # noqa: PLR2004  # sums of ones, to rounding
    for figure in (mean, np.sqrt(variance)):
        figure[empty] = np.nan
        yield figure.astype(np.float32)


def _sum(layer: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    return np.asarray(
        cv2.boxFilter(layer, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    )
