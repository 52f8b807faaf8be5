"""Features: values, spectral indices, and what lies around a pixel.

A pixel alone says little: a roof and a road have one colour. What lies around it tells them apart,
and averages out the noise of a sensor. Only pixels that have a value count in a square, so the edge
of a raster and its holes leave no mark.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sam_geo.bands.regions import Regions
from sam_geo.bands.superpixels import superpixels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from sam_geo.bands.blocks import Block
    from sam_geo.bands.indices import SpectralIndex

    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]

SUPERPIXEL_PX = 25
"""Mean pixels of a superpixel."""
ELLIPSE_PX = 5
"""Diameter in pixels of the round window of openings and closings."""
QUANTILES = (10, 50, 90)
"""Percentiles of a layer over a superpixel that are features."""


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
    with_openings: bool = False
    """Whether each band and index without bright and without dark spots that are smaller than a
    small round window is a feature: its morphological opening and closing."""
    over_superpixels: bool = False
    """Whether spread and percentiles of each band and index over the superpixel of a pixel are
    features, and the size and shape of the superpixel."""
    embedding_axes: int = 0
    """Axes of a network's embedding whose means over the object of a pixel are features: the object
    as far as it lies in the block, or the superpixel where there is no object."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all features, in the order in which `layers` gives them."""
        layers = (*self.band_names, *(index.name for index in self.indices))
        around: Iterable[str] = (
            f"{name} {figure} {side} px"
            for side in self.sides
            for name in layers
            for figure in ("mean", "deviation")
        )
        if self.with_openings:
            cleared = (f"{name} {what}" for what in ("opened", "closed") for name in layers)
            around = itertools.chain(around, cleared)
        seen = (f"embedding {n + 1} over object" for n in range(self.embedding_axes))
        if not self.over_superpixels:
            return (*layers, *around, *seen)
        figures = ("deviation", *(f"percentile {share}" for share in QUANTILES))
        within = (f"{name} {figure} in superpixel" for name in layers for figure in figures)
        shape = ("superpixel pixels", "superpixel elongation")
        return (*layers, *around, *within, *shape, *seen)

    @property
    def halo(self) -> int:
        """Pixels around a block that its features depend on."""
        openings = 2 * (ELLIPSE_PX // 2) if self.with_openings else 0
        return max(openings, *(side // 2 for side in (*self.sides, 1)))

    def layers(self, block: Block, guide: FloatArray) -> Iterator[FloatArray]:
        """The features of the pixels of a block, one after the other.

        Args:
            block: Bands of the stack, read with `halo`; with `beside` where the embedding counts.
            guide: (h, w, A) what superpixels are found in, see `Guide.apply`.

        Yields:
            (h, w) a feature, in the order of `names`; NaN where there is none: of a pixel without a
            value, and of a square without any.
        """
        wide = [*block.values, *(index.compute(block.values) for index in self.indices)]
        for layer in itertools.chain(wide, self._around(wide)):
            yield layer[block.inner]
        if not self.over_superpixels and not self.embedding_axes:
            return
        over = Regions.of(superpixels(guide, block.valid, SUPERPIXEL_PX))
        if self.over_superpixels:
            for layer in wide:
                yield from map(over.painted, over.figures(layer[block.inner], QUANTILES))
            yield from map(over.painted, over.shapes())
        if self.embedding_axes:
            if block.beside is None:  # no pixel has data
                yield from np.full((self.embedding_axes, *block.valid.shape), np.nan, np.float32)
                return
            objects = over.with_objects(block.beside.objects)
            yield from (objects.painted(objects.mean(axis)) for axis in block.beside.embedding)

    def table(
        self,
        block: Block,
        guide: FloatArray,
        pixels: npt.NDArray[np.bool_] | tuple[IntArray, IntArray],
    ) -> FloatArray:
        """(N, F) features of chosen pixels of a block: a mask (h, w), or their rows and columns."""
        return np.stack([layer[pixels] for layer in self.layers(block, guide)], axis=1)

    def _around(self, wide: Sequence[FloatArray]) -> Iterator[FloatArray]:
        """What lies around the pixels of layers, in squares and round windows."""
        for side, layer in itertools.product(self.sides, wide):
            yield from _in_squares(layer, side)
        if self.with_openings:
            yield from map(_opened, wide)
            yield from map(_closed, wide)


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


def _opened(layer: FloatArray) -> FloatArray:
    """A layer without bright spots: the greatest of the least values in round windows (h, w)."""
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (ELLIPSE_PX, ELLIPSE_PX))
    has_value = np.isfinite(layer)
    # what has no value is never the least, nor, where nothing around it has one, the greatest
    least = cv2.erode(np.where(has_value, layer, np.float32(np.inf)), window)
    least[np.isposinf(least)] = -np.inf
    found = cv2.dilate(least, window)
    return np.where(has_value, found, np.float32(np.nan)).astype(np.float32)


def _closed(layer: FloatArray) -> FloatArray:
    """A layer without dark spots: the least of the greatest values in round windows (h, w)."""
    return -_opened(-layer)
