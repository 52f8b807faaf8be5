"""Regions: pixels in groups, such as superpixels or objects, and figures of layers over each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]
    Figure = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Regions of an image, or of a list of pixels, numbered once for the figures of all layers."""

    labels: IntArray
    """(...) number of the region of each pixel, -1 for none."""
    count: int
    """Number of regions."""

    @classmethod
    def of(cls, labels: IntArray) -> Regions:
        """Regions of labels (...) that are numbered from 0 without gaps, -1 for none."""
        return cls(labels, int(labels.max(initial=-1)) + 1)

    def with_objects(self, objects: IntArray | None) -> Regions:
        """Objects (...), -1 for none, as regions; the own ones where there is no object."""
        if objects is None:
            return self
        joined = np.where(objects >= 0, objects + self.count, self.labels)
        kept = self.labels >= 0
        numbers, owner = np.unique(joined[kept], return_inverse=True)
        labels = np.full(self.labels.shape, -1, dtype=np.int64)
        labels[kept] = owner
        return Regions(labels, len(numbers))

    def mean(self, layer: FloatArray) -> Figure:
        """(R,) mean of a layer over each region; NaN where no pixel of it has a value."""
        has_value = np.isfinite(layer) & (self.labels >= 0)
        owner = self.labels[has_value]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(
                np.bincount(owner, layer[has_value], self.count)
                / np.bincount(owner, minlength=self.count)
            )

    def figures(self, layer: FloatArray, percentiles: Sequence[int]) -> Iterator[Figure]:
        """(R,) standard deviation, then percentiles, of a layer over each region."""
        has_value = np.isfinite(layer) & (self.labels >= 0)
        owner, value = self.labels[has_value], layer[has_value].astype(np.float64)
        pixels = np.bincount(owner, minlength=self.count)
        order = np.lexsort((value, owner))
        value, owner = value[order], owner[order]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(owner, value, self.count) / pixels
            squares = np.bincount(owner, (value - mean[owner]) ** 2, self.count)
            yield np.sqrt(squares / pixels)
        start = np.cumsum(pixels) - pixels
        for share in percentiles:
            place = start + np.maximum(pixels - 1, 0) * (share / 100)
            below = np.floor(place).astype(np.int64)
            above = np.minimum(below + 1, start + np.maximum(pixels - 1, 0))
            found = np.full(self.count, np.nan)
            some = pixels > 0
            part = place[some] - below[some]
            found[some] = value[below[some]] * (1 - part) + value[above[some]] * part
            yield found

    def shapes(self) -> Iterator[Figure]:
        """(R,) pixels of each region of an image, and how many times it is longer than wide."""
        rows, cols = np.nonzero(self.labels >= 0)
        owner = self.labels[rows, cols]
        pixels = np.bincount(owner, minlength=self.count)
        yield pixels.astype(np.float64)
        y, x = (
            part - (np.bincount(owner, part, self.count) / np.maximum(pixels, 1))[owner]
            for part in (rows, cols)
        )
        # second moments of unit squares: a square of any size has the elongation 1
        yy, xx, xy = (
            np.bincount(owner, part, self.count) / np.maximum(pixels, 1)
            for part in (y * y + 1 / 12, x * x + 1 / 12, x * y)
        )
        half, apart = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
        yield np.sqrt((half + apart) / np.maximum(half - apart, 1e-12))

    def painted(self, figure: Figure) -> FloatArray:
        """(...) the figure of the region of each pixel, NaN for none."""
        found = np.append(figure, np.nan)[self.labels]
        return np.asarray(found, dtype=np.float32)
