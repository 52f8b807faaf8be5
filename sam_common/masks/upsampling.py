"""From the 256 x 256 grid of logits to the pixels of an image, where a mask has its edge.

```
256 x 256 logits --bilinear--> model input --crop the padding--> --bilinear--> image
```
Both steps are linear and separable, so each axis gets one small matrix, and a block of pixels is
`rows @ logits @ columns.T`. A pixel is a weighted mean of the few logits under it: a tile of pixels
whose logits all exceed a threshold is inside, one of whose logits none does is outside. Only the
tiles between, along the edge of the object, are ever interpolated.

The logits are numpy's, or torch's on a GPU: there they stay, and only finished masks leave it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace, device

from sam_common.network.architecture import GRID
from sam_common.support.device_arrays import to_device, to_host

if TYPE_CHECKING:
    import numpy.typing as npt

SAMPLES = 6
"""Logits along the side of a tile, about: fewer cost more tiles, more cost wider ones."""
SIDE_PX = (16, 64)
"""Shortest and longest side of a tile."""
AT_ONCE = 1024
"""Tiles that are interpolated at once: bounds memory at 16 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One axis of an image, cut into tiles."""

    size: int
    """Pixels."""
    side: int
    """Pixels in a tile; the last one may have fewer."""
    weights: Any
    """(tiles, side, K) float32 of the K logits that a tile rests on; NaN beyond the last pixel."""
    across: Any
    """(tiles, K, side) the same, transposed: matrices in this order multiply twice as fast."""
    samples: Any
    """(tiles, K) int64 numbers of these logits."""
    counts: Any
    """(tiles,) int64 pixels."""

    def touched(self, above: Any) -> tuple[int, int]:
        """The tiles, first and one past the last, that rest on any of the marked logits."""
        xp = array_namespace(above)
        (found,) = xp.nonzero(xp.any(above[self.samples], axis=1))
        return _span(found) if len(found) else (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Upsampled:
    """The pixels of one mask between two thresholds; beyond these, only on which side they lie."""

    rows: Axis
    cols: Axis
    origin: tuple[int, int]
    """The first tile along each axis of those that follow."""
    lowest: Any
    """(R, C) the smallest logit under each tile."""
    highest: Any
    """(R, C) the largest."""
    places: tuple[Any, Any]
    """Numbers, in R and C, of the M tiles that were interpolated."""
    values: Any
    """(M, side, side) their pixels; NaN beyond the image."""

    def count(self, threshold: float) -> int:
        """Pixels above a threshold."""
        row, col = self.origin
        height, width = self.lowest.shape
        sizes = (
            self.rows.counts[row : row + height, None] * self.cols.counts[None, col : col + width]
        )
        inside = self.lowest > threshold
        inside[self.places] = False
        return int(sizes[inside].sum()) + int((self.values > threshold).sum())

    def stability(self, offset: float) -> float:
        """IoU between the masks at +offset and -offset; 0 where even the larger one is empty."""
        outer = self.count(-offset)
        return self.count(offset) / outer if outer else 0.0

    def mask(self, threshold: float) -> tuple[tuple[int, int], npt.NDArray[np.bool_]] | None:
        """The mask at a threshold and the pixel (row, col) where it begins; None where empty."""
        reached = to_host(self.highest > threshold)
        if not reached.any():
            return None
        (top, bottom), (left, right) = (
            _span(np.flatnonzero(reached.any(axis=axis))) for axis in (1, 0)
        )
        sides = (self.rows.side, self.cols.side)
        tiles = np.empty((bottom - top, sides[0], right - left, sides[1]), dtype=np.bool_)
        inside = to_host(self.lowest[top:bottom, left:right] > threshold)
        tiles[:] = inside[:, None, :, None]
        row, col = (to_host(place) for place in self.places)
        here = (row >= top) & (row < bottom) & (col >= left) & (col < right)
        above = to_host(self.values > threshold)
        tiles[row[here] - top, :, col[here] - left, :] = above[here]
        start = ((self.origin[0] + top) * sides[0], (self.origin[1] + left) * sides[1])
        whole = tiles.reshape((bottom - top) * sides[0], (right - left) * sides[1])
        return start, whole[: self.rows.size - start[0], : self.cols.size - start[1]]


@dataclass(frozen=True, slots=True, eq=False)
class Upsampling:
    """How the logits of one image lie under its pixels."""

    rows: Axis
    cols: Axis
    matrices: tuple[Any, Any]
    """(H, 256) and (W, 256) float32 weights of all pixels."""

    def full(self, logits: Any) -> Any:
        """All pixels of one mask, (256, 256) to (H, W)."""
        rows, cols = self.matrices
        return rows @ logits @ cols.T

    def between(self, logits: Any, low: float, high: float) -> Upsampled:
        """What is needed to know a mask at any threshold from `low` to `high`."""
        xp = array_namespace(logits)
        above = logits > low
        top, bottom = self.rows.touched(xp.any(above, axis=1))
        left, right = self.cols.touched(xp.any(above, axis=0))
        rows, cols = self.rows.samples[top:bottom], self.cols.samples[left:right]
        bands = logits[rows]  # (R, K, 256)
        lowest = xp.min(xp.min(bands, axis=1)[:, cols], axis=2)
        highest = xp.max(xp.max(bands, axis=1)[:, cols], axis=2)
        row, col = xp.nonzero((lowest <= high) & (highest > low))
        shape = (len(row), self.rows.side, self.cols.side)
        values = xp.empty(shape, dtype=logits.dtype, device=device(logits))
        for first in range(0, len(row), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            r, c = row[part], col[part]
            under = logits[rows[r][:, :, None], cols[c][:, None, :]]
            along_cols = self.cols.across[c + left]
            values[part] = self.rows.weights[r + top] @ under @ along_cols
        return Upsampled(self.rows, self.cols, (top, left), lowest, highest, (row, col), values)


@functools.lru_cache(maxsize=32)
def upsampling(
    image_size_hw: tuple[int, int],
    input_size_hw: tuple[int, int],
    model_size: int,
    on: str | None = None,
) -> Upsampling:
    """How logits become pixels, as published in `Sam.postprocess_masks`.

    LiteMedSAM's logits already have the model's side; the first step is then the identity.

    Args:
        image_size_hw: Size of the embedded image.
        input_size_hw: Its size after the resize and before the padding.
        model_size: Side of the model's square.
        on: Device of the logits, as `device_arrays.device_of` says.
    """
    rows, cols = (
        _matrix(image, inner, model_size)
        for image, inner in zip(image_size_hw, input_size_hw, strict=True)
    )
    matrices = (to_device(rows, on), to_device(cols, on))
    return Upsampling(_axis(rows, on), _axis(cols, on), matrices)


def _matrix(image: int, inner: int, model: int) -> npt.NDArray[np.float32]:
    """Weights (image, 256) of both steps along one axis."""
    first = _bilinear(model, GRID) if model != GRID else np.eye(GRID)
    return (_bilinear(image, inner) @ first[:inner]).astype(np.float32)


def _bilinear(out: int, size: int) -> npt.NDArray[np.float64]:
    """Bilinear interpolation (align_corners=False) from `size` to `out` samples as a matrix."""
    source = np.maximum((np.arange(out) + 0.5) * size / out - 0.5, 0)
    low = np.minimum(source.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    fraction = source - low
    matrix = np.zeros((out, size))
    rows = np.arange(out)
    # at the far end both are the same sample
    np.add.at(matrix, (rows, low), 1 - fraction)
    np.add.at(matrix, (rows, high), fraction)
    return matrix


def _axis(matrix: npt.NDArray[np.float32], on: str | None) -> Axis:
    size = len(matrix)
    weighted = matrix != 0
    used = int(weighted.any(axis=0).sum())
    side = min(max(round(SAMPLES * size / used), SIDE_PX[0]), SIDE_PX[1])
    starts = range(0, size, side)
    spans = [_span(np.flatnonzero(weighted[n : n + side].any(axis=0))) for n in starts]
    width = max(stop - first for first, stop in spans)
    # as many logits for each tile: those at the end reach back
    firsts = np.array([min(first, GRID - width) for first, _ in spans])
    samples = firsts[:, None] + np.arange(width)
    weights = np.full((len(spans), side, width), np.nan, dtype=np.float32)
    counts = []
    for n, start in enumerate(starts):
        part = matrix[start : start + side]
        weights[n, : len(part)] = part[:, samples[n]]
        counts.append(len(part))
    across = np.ascontiguousarray(weights.swapaxes(1, 2))
    parts = (to_device(part, on) for part in (weights, across, samples, np.array(counts)))
    return Axis(size, side, *parts)


def _span(numbers: Any) -> tuple[int, int]:
    return int(numbers[0]), int(numbers[-1]) + 1
