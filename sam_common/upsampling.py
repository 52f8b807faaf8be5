"""From the 256 x 256 grid of logits to the pixels of an image, where a mask has its edge.

```
256 x 256 logits --bilinear--> model input --crop the padding--> --bilinear--> image
```
Both steps are linear and separable, so each axis gets one small matrix, and a block of pixels is
`rows @ logits @ columns.T`. A pixel is a weighted mean of the few logits under it: a tile of pixels
whose logits all exceed a threshold is inside, one of whose logits none does is outside. Only the
tiles between, along the edge of the object, are ever interpolated.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    import numpy.typing as npt

GRID = 256
"""Side of the low-resolution grid of every SAM mask decoder."""
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
    weights: torch.Tensor
    """(tiles, side, K) of the K logits that a tile rests on; NaN beyond the last pixel."""
    samples: torch.Tensor
    """(tiles, K) numbers of these logits."""
    counts: torch.Tensor
    """(tiles,) pixels."""

    def touched(self, above: torch.Tensor) -> tuple[int, int]:
        """The tiles, first and one past the last, that rest on any of the marked logits."""
        found = torch.nonzero(above[self.samples].any(dim=1)).ravel()
        return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Upsampled:
    """The pixels of one mask between two thresholds; beyond these, only on which side they lie."""

    rows: Axis
    cols: Axis
    origin: tuple[int, int]
    """The first tile along each axis of those that follow."""
    lowest: torch.Tensor
    """(R, C) the smallest logit under each tile."""
    highest: torch.Tensor
    """(R, C) the largest."""
    places: tuple[torch.Tensor, torch.Tensor]
    """Numbers, in R and C, of the M tiles that were interpolated."""
    values: torch.Tensor
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
        reached = self.highest > threshold
        if not reached.numel() or not reached.any():
            return None
        (top, bottom), (left, right) = (
            _span(reached.any(dim=axis).numpy().nonzero()[0]) for axis in (1, 0)
        )
        sides = (self.rows.side, self.cols.side)
        tiles = np.empty((bottom - top, sides[0], right - left, sides[1]), dtype=np.bool_)
        tiles[:] = (self.lowest[top:bottom, left:right] > threshold).numpy()[:, None, :, None]
        row, col = (place.numpy() for place in self.places)
        here = (row >= top) & (row < bottom) & (col >= left) & (col < right)
        above = (self.values > threshold).numpy()
        tiles[row[here] - top, :, col[here] - left, :] = above[here]
        start = ((self.origin[0] + top) * sides[0], (self.origin[1] + left) * sides[1])
        whole = tiles.reshape((bottom - top) * sides[0], (right - left) * sides[1])
        return start, whole[: self.rows.size - start[0], : self.cols.size - start[1]]


@dataclass(frozen=True, slots=True, eq=False)
class Upsampling:
    """How the logits of one image lie under its pixels."""

    rows: Axis
    cols: Axis
    matrices: tuple[torch.Tensor, torch.Tensor]
    """(H, 256) and (W, 256) weights of all pixels."""

    def full(self, logits: torch.Tensor) -> torch.Tensor:
        """All pixels of one mask, (256, 256) to (H, W)."""
        rows, cols = self.matrices
        return rows @ logits @ cols.T

    def between(self, logits: torch.Tensor, low: float, high: float) -> Upsampled:
        """What is needed to know a mask at any threshold from `low` to `high`."""
        above = logits > low
        top, bottom = self.rows.touched(above.any(dim=1))
        left, right = self.cols.touched(above.any(dim=0))
        rows, cols = self.rows.samples[top:bottom], self.cols.samples[left:right]
        bands = logits[rows]  # (R, K, 256)
        lowest = bands.amin(dim=1)[:, cols].amin(dim=2)
        highest = bands.amax(dim=1)[:, cols].amax(dim=2)
        row, col = torch.nonzero((lowest <= high) & (highest > low), as_tuple=True)
        values = torch.empty((len(row), self.rows.side, self.cols.side))
        for first in range(0, len(row), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            r, c = row[part], col[part]
            under = logits[rows[r][:, :, None], cols[c][:, None, :]]
            left_side = self.rows.weights[r + top] @ under
            torch.bmm(left_side, self.cols.weights[c + left].transpose(1, 2), out=values[part])
        return Upsampled(self.rows, self.cols, (top, left), lowest, highest, (row, col), values)


@functools.lru_cache(maxsize=32)
def upsampling(
    image_size_hw: tuple[int, int], input_size_hw: tuple[int, int], model_size: int
) -> Upsampling:
    """How logits become pixels, as published in `Sam.postprocess_masks`.

    LiteMedSAM's logits already have the model's side; the first step is then the identity.

    Args:
        image_size_hw: Size of the embedded image.
        input_size_hw: Its size after the resize and before the padding.
        model_size: Side of the model's square.
    """
    rows, cols = (
        _matrix(image, inner, model_size)
        for image, inner in zip(image_size_hw, input_size_hw, strict=True)
    )
    return Upsampling(_axis(rows), _axis(cols), (rows, cols))


def _matrix(image: int, inner: int, model: int) -> torch.Tensor:
    """Weights (image, 256) of both steps along one axis."""
    first = _bilinear(model, GRID) if model != GRID else torch.eye(GRID, dtype=torch.float64)
    return (_bilinear(image, inner) @ first[:inner]).to(torch.float32)


def _bilinear(out: int, size: int) -> torch.Tensor:
    """Bilinear interpolation (align_corners=False) from `size` to `out` samples as a matrix."""
    source = ((torch.arange(out, dtype=torch.float64) + 0.5) * size / out - 0.5).clamp(min=0)
    low = source.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    fraction = source - low
    matrix = torch.zeros((out, size), dtype=torch.float64)
    rows = torch.arange(out)
    matrix.index_put_((rows, low), 1 - fraction, accumulate=True)
    matrix.index_put_((rows, high), fraction, accumulate=True)
    return matrix


def _axis(matrix: torch.Tensor) -> Axis:
    size = len(matrix)
    weighted = matrix != 0
    used = int(weighted.any(dim=0).sum())
    side = min(max(round(SAMPLES * size / used), SIDE_PX[0]), SIDE_PX[1])
    starts = range(0, size, side)
    spans = [_span(weighted[n : n + side].any(dim=0).numpy().nonzero()[0]) for n in starts]
    width = max(stop - first for first, stop in spans)
    # as many logits for each tile: those at the end reach back
    firsts = torch.tensor([min(first, GRID - width) for first, _ in spans])
    samples = firsts[:, None] + torch.arange(width)
    weights = torch.full((len(spans), side, width), float("nan"))
    counts = []
    for n, start in enumerate(starts):
        part = matrix[start : start + side]
        weights[n, : len(part)] = part[:, samples[n]]
        counts.append(len(part))
    return Axis(size, side, weights, samples, torch.tensor(counts))


def _span(numbers: npt.NDArray[np.intp]) -> tuple[int, int]:
    return int(numbers[0]), int(numbers[-1]) + 1
