"""Upsampling: from the 256 x 256 logits of a mask to the pixels of an image, along its edge only.

```
256 x 256 logits --bilinear--> model input --crop the padding--> --bilinear--> image
```
Both steps (as in the published `Sam.postprocess_masks`) are linear and separable, so each axis gets
one small matrix, and a block of pixels is `rows @ logits @ columns.T`. A pixel is a weighted mean
of the few logits under it. A tile of pixels lies inside of a mask where all logits under it exceed
the threshold, and outside where none does; only the other tiles, along the edge of the object, are
interpolated. `tests/laws/test_mask_laws.py` compares the masks with the published steps.

The logits are a numpy array, or a torch tensor on a GPU, which only finished masks leave.
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
"""Logits along the side of a tile, about; with fewer there are more tiles, with more wider ones."""
SIDE_PX = (16, 64)
"""Shortest and longest side of a tile in pixels."""
AT_ONCE = 1024
"""Tiles that are interpolated at once, which bounds memory at 16 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One axis of an image, cut into tiles."""

    size: int
    """Pixels along the axis."""
    side: int
    """Pixels in a tile; the last tile may have fewer."""
    weights: Any
    """(tiles, side, K) float32 weights of the K logits under a tile; NaN beyond the last pixel."""
    across: Any
    """(tiles, K, side) float32, `weights` transposed: products in this order are twice as fast."""
    samples: Any
    """(tiles, K) int64 indices of the logits under each tile."""
    counts: Any
    """(tiles,) int64 number of pixels in each tile."""

    def touched(self, above: Any) -> tuple[int, int]:
        """The first tile above any of the marked logits, and one past the last such tile."""
        xp = array_namespace(above)
        (found,) = xp.nonzero(xp.any(above[self.samples], axis=1))
        return _span(found) if len(found) else (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Upsampled:
    """Pixels of one mask, known well enough to threshold them anywhere between two thresholds."""

    rows: Axis
    cols: Axis
    origin: tuple[int, int]
    """Number of the first tile along each axis; R x C tiles from there on are kept."""
    lowest: Any
    """(R, C) the smallest logit under each tile."""
    highest: Any
    """(R, C) the largest logit under each tile."""
    places: tuple[Any, Any]
    """Row and column, within R x C, of each of the M tiles that were interpolated."""
    values: Any
    """(M, side, side) interpolated logits of the pixels of these tiles; NaN beyond the image."""

    def count(self, threshold: float) -> int:
        """Number of pixels above a threshold."""
        row, col = self.origin
        height, width = self.lowest.shape
        sizes = (
            self.rows.counts[row : row + height, None] * self.cols.counts[None, col : col + width]
        )
        inside = self.lowest > threshold
        inside[self.places] = False
        return int(sizes[inside].sum()) + int((self.values > threshold).sum())

    def stability(self, offset: float) -> float:
        """IoU between the masks at +offset and -offset; 0 where even the larger mask is empty."""
        outer = self.count(-offset)
        return self.count(offset) / outer if outer else 0.0

    def mask(self, threshold: float) -> tuple[tuple[int, int], npt.NDArray[np.bool_]] | None:
        """The first pixel (row, col) of the mask at a threshold, and the mask; None if empty."""
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
    """The interpolation from logits to the pixels of one size of image."""

    rows: Axis
    cols: Axis
    matrices: tuple[Any, Any]
    """(H, 256) and (W, 256) float32 weights of all pixels, for rows and columns."""

    def full(self, logits: Any) -> Any:
        """Interpolate all pixels of one mask, (256, 256) to (H, W)."""
        rows, cols = self.matrices
        return rows @ logits @ cols.T

    def between(self, logits: Any, low: float, high: float) -> Upsampled:
        """Interpolate what masks at thresholds from `low` to `high` need of one mask's logits."""
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
    """The interpolation from logits to the pixels of images of one size; results are cached.

    LiteMedSAM's logits have as many rows and columns as its input: the first step is the identity.

    Args:
        image_size_hw: Rows and columns of the image.
        input_size_hw: Rows and columns of the image after its resize and before its padding.
        model_size: Side of the network's square input in pixels.
        on: Device of the logits, as `device_arrays.device_of` returned it.
    """
    rows, cols = (
        _matrix(image, inner, model_size)
        for image, inner in zip(image_size_hw, input_size_hw, strict=True)
    )
    matrices = (to_device(rows, on), to_device(cols, on))
    return Upsampling(_axis(rows, on), _axis(cols, on), matrices)


def _matrix(image: int, inner: int, model: int) -> npt.NDArray[np.float32]:
    """The weights of both steps together along one axis, (image, 256)."""
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
    # `low` and `high` are the same sample at the far end, so weights are added
    np.add.at(matrix, (rows, low), 1 - fraction)
    np.add.at(matrix, (rows, high), fraction)
    return matrix


def _axis(matrix: npt.NDArray[np.float32], on: str | None) -> Axis:
    """Cut an axis into tiles, by its (pixels, 256) weights."""
    size = len(matrix)
    weighted = matrix != 0
    used = int(weighted.any(axis=0).sum())
    side = min(max(round(SAMPLES * size / used), SIDE_PX[0]), SIDE_PX[1])
    starts = range(0, size, side)
    spans = [_span(np.flatnonzero(weighted[n : n + side].any(axis=0))) for n in starts]
    width = max(stop - first for first, stop in spans)
    # every tile has the same number of logits; near the end more logits before it are taken
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
    """The first of ascending numbers, and one past the last."""
    return int(numbers[0]), int(numbers[-1]) + 1
