"""Masks: what the decoder answers, kept as low-resolution logits.

A full-size logit image per object is what makes peers run out of memory. Here an object's mask is
made inside its own region only, and exactly: bilinear interpolation is a weighted mean, so a pixel
can only exceed the threshold where one of the logits under it does.

```
256 x 256 logits --bilinear--> model input --crop the padding--> --bilinear--> image
```
Both steps are linear and separable, so rows and columns each get one small matrix, and a region
is `rows @ logits @ columns.T` of just the rows and columns that it needs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from sam_common.window import Window

GRID = 256
"""Side of the low-resolution grid of every SAM mask decoder."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskRegion:
    """A binary mask and where it lies; outside the window everything is background."""

    window: Window
    """(row, col) in the image."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`."""

    @property
    def area_px(self) -> int:
        """Number of object pixels."""
        return int(self.mask.sum())

    @property
    def box_xyxy(self) -> tuple[int, int, int, int]:
        """Inclusive indices (x0, y0, x1, y1) of the outermost object pixels."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        cols = np.flatnonzero(self.mask.any(axis=0))
        y, x = self.window.start
        return int(cols[0]) + x, int(rows[0]) + y, int(cols[-1]) + x, int(rows[-1]) + y

    def shift(self, offset: tuple[int, int]) -> MaskRegion:
        """The same mask in an image whose origin lies `offset` (rows, cols) further up and left."""
        return MaskRegion(self.window.shift(offset), self.mask)


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """C candidate masks for each of N prompts."""

    logits: torch.Tensor
    """(N, C, 256, 256) float32 on the CPU, in the model's padded square; C is 1 or 3."""
    scores: torch.Tensor
    """(N, C) IoU as predicted by the network."""
    image_size_hw: tuple[int, int]
    """Size of the embedded image."""
    input_size_hw: tuple[int, int]
    """Its size after the resize and before the padding to the model's square."""
    model_size: int
    """Side of the model's square: 1024 or 256."""

    def __len__(self) -> int:
        return int(self.logits.shape[0])

    def best(self) -> Masks:
        """The candidate with the highest predicted IoU for each prompt, as (N, 1)."""
        rows = torch.arange(len(self))
        pick = self.scores.argmax(dim=1)
        logits, scores = self.logits[rows, pick][:, None], self.scores[rows, pick][:, None]
        return replace(self, logits=logits, scores=scores)

    def __getitem__(self, rows: slice) -> Masks:
        return replace(self, logits=self.logits[rows], scores=self.scores[rows])

    def onto(self, size_hw: tuple[int, int]) -> Masks:
        """The same masks for an image of another size that shows the same: a finer or coarser one.

        Nothing is resampled twice: the logits are interpolated to the new size.
        """
        return replace(self, image_size_hw=size_hw)

    def region(self, n: int, c: int = 0, *, threshold: float = 0.0) -> MaskRegion | None:
        """Candidate `c` of prompt `n` inside the box of its object; None if no pixel is in it."""
        logits = self.logits[n, c]
        window = self._reach(logits, threshold)
        if window is None:
            return None
        mask = self._upsample(logits, window) > threshold
        return _trim(MaskRegion(window, mask.numpy()))

    def full(self, n: int, c: int = 0, *, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
        """Candidate `c` of prompt `n` as a boolean (H, W) image."""
        mask = np.zeros(self.image_size_hw, dtype=np.bool_)
        if (region := self.region(n, c, threshold=threshold)) is not None:
            mask[region.window.slices] = region.mask
        return mask

    def full_logits(self, n: int, c: int = 0) -> npt.NDArray[np.float32]:
        """Upsampled logits of one candidate, (H, W) float32: for display and for tests."""
        upsampled = self._upsample(self.logits[n, c], Window.full(self.image_size_hw))
        return np.asarray(upsampled.numpy(), dtype=np.float32)

    def stability(self, *, offset: float = 1.0) -> torch.Tensor:
        """IoU between the masks at threshold +offset and -offset, (N, C).

        The published `calculate_stability_score`, but on the low-resolution logits of the unpadded
        part: close to `full_stability`, and without a full-size mask. 0 where even the larger mask
        is empty.
        """
        rows, cols = (-(-side * GRID // self.model_size) for side in self.input_size_hw)
        part = self.logits[..., :rows, :cols]
        inner = (part > offset).sum(dim=(-1, -2))
        outer = (part > -offset).sum(dim=(-1, -2))
        return torch.where(outer > 0, inner / outer.clamp(min=1), torch.zeros(()))

    def full_stability(self, n: int, c: int = 0, *, offset: float = 1.0) -> float:
        """The same for one candidate on its full-size mask, as the published generator does."""
        logits = self.logits[n, c]
        if (window := self._reach(logits, -offset)) is None:
            return 0.0
        full = self._upsample(logits, window)
        outer = int((full > -offset).sum())
        return int((full > offset).sum()) / outer if outer else 0.0

    def _matrices(self) -> tuple[torch.Tensor, torch.Tensor]:
        rows, cols = (
            _axis_matrix(image, inner, self.model_size)
            for image, inner in zip(self.image_size_hw, self.input_size_hw, strict=True)
        )
        return rows, cols

    def _reach(self, logits: torch.Tensor, threshold: float) -> Window | None:
        """The image window outside of which no pixel can exceed the threshold."""
        above = logits > threshold
        spans = []
        for matrix, axis in zip(self._matrices(), (1, 0), strict=True):
            weight = matrix[:, above.any(dim=axis)].sum(dim=1)
            touched = torch.nonzero(weight > 0).ravel()
            if not len(touched):
                return None
            spans.append((int(touched[0]), int(touched[-1]) + 1))
        (top, bottom), (left, right) = spans
        return Window((top, left), (bottom, right))

    def _upsample(self, logits: torch.Tensor, window: Window) -> torch.Tensor:
        (top, left), (bottom, right) = window.start, window.stop
        row_matrix, col_matrix = self._matrices()
        rows, row_span = _used(row_matrix[top:bottom])
        cols, col_span = _used(col_matrix[left:right])
        return rows @ logits[row_span, col_span] @ cols.T


def _used(matrix: torch.Tensor) -> tuple[torch.Tensor, slice]:
    """The columns of an interpolation matrix that carry weight, and which they are."""
    columns = torch.nonzero(matrix.any(dim=0)).ravel()
    span = slice(int(columns[0]), int(columns[-1]) + 1)
    return matrix[:, span], span


def _trim(region: MaskRegion) -> MaskRegion | None:
    if not region.mask.any():
        return None
    x0, y0, x1, y1 = region.box_xyxy
    window = Window((y0, x0), (y1 + 1, x1 + 1))
    inner = window.shift([-s for s in region.window.start])
    return MaskRegion(window, np.ascontiguousarray(region.mask[inner.slices]))


@functools.lru_cache(maxsize=64)
def _axis_matrix(image: int, inner: int, model: int) -> torch.Tensor:
    """Weights (image, 256) of both bilinear steps along one axis.

    As published in `Sam.postprocess_masks`: 256 -> model side, crop to the unpadded part, then to
    the image side. LiteMedSAM's logits already have the model's side; the first step is then the
    identity.
    """
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
