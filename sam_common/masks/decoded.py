"""Masks: what the decoder answers, kept as low-resolution logits.

A full-size logit image per object is what makes peers run out of memory. Here an object's mask is
made inside its own region only, and pixels are interpolated along its edge only: exactly, as
`sam_common.masks.upsampling` says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from sam_common.masks.upsampling import Upsampling, upsampling
from sam_common.network.architecture import GRID
from sam_common.support.device_arrays import device_of, to_host
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.support.device_arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class MaskRegion:
    """A binary mask and where it lies; outside the window everything is background."""

    window: Window
    """(row, col) in the image."""
    mask: npt.NDArray[np.bool_]
    """Array of `window.shape`."""

    @classmethod
    def tight(cls, start: tuple[int, ...], mask: npt.NDArray[np.bool_]) -> MaskRegion | None:
        """A mask that begins at a pixel (row, col), cut to its object; None where it is empty."""
        rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return None
        inner = Window((rows[0], cols[0]), (rows[-1] + 1, cols[-1] + 1))
        return cls(inner.shift(start), np.ascontiguousarray(mask[inner.slices]))

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


def joined(regions: Sequence[MaskRegion]) -> MaskRegion:
    """Several masks of one image as one, on the box around them all; one stays as it is."""
    if len(regions) == 1:
        return regions[0]
    box = regions[0].window
    for region in regions[1:]:
        box = box.union(region.window)
    mask = np.zeros(box.shape, dtype=np.bool_)
    for region in regions:
        mask[region.window.shift([-s for s in box.start]).slices] |= region.mask
    return MaskRegion(box, mask)


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """C candidate masks for each of N prompts."""

    logits: Array
    """(N, C, 256, 256) float32 in the model's padded square; C is 1 or 3. Where an engine runs on a
    GPU they stay there, as a tensor of torch; else they are an array of numpy."""
    scores: npt.NDArray[np.float32]
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
        rows = np.arange(len(self))
        pick = self.scores.argmax(axis=1)
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
        found = self._upsampling.between(self.logits[n, c], threshold, threshold).mask(threshold)
        return None if found is None else MaskRegion.tight(*found)

    def region_and_stability(
        self, n: int, c: int = 0, *, offset: float = 1.0
    ) -> tuple[MaskRegion | None, float]:
        """As `region` and `full_stability`, which share most of their work."""
        found = self._upsampling.between(self.logits[n, c], -offset, offset)
        mask = found.mask(0.0)
        return None if mask is None else MaskRegion.tight(*mask), found.stability(offset)

    def full(self, n: int, c: int = 0, *, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
        """Candidate `c` of prompt `n` as a boolean (H, W) image."""
        mask = np.zeros(self.image_size_hw, dtype=np.bool_)
        if (region := self.region(n, c, threshold=threshold)) is not None:
            mask[region.window.slices] = region.mask
        return mask

    def full_logits(self, n: int, c: int = 0) -> npt.NDArray[np.float32]:
        """Upsampled logits of one candidate, (H, W) float32: for display and for tests."""
        return to_host(self._upsampling.full(self.logits[n, c]))

    def prompt_logits(self, n: int, c: int = 0) -> npt.NDArray[np.float32]:
        """One candidate as the mask of a further prompt takes it, (256, 256) float32."""
        return to_host(self.logits[n, c])

    def stability(self, *, offset: float = 1.0) -> npt.NDArray[np.float32]:
        """IoU between the masks at threshold +offset and -offset, (N, C).

        The published `calculate_stability_score`, but on the low-resolution logits of the unpadded
        part: close to `full_stability`, and without a full-size mask. 0 where even the larger mask
        is empty.
        """
        rows, cols = (-(-side * GRID // self.model_size) for side in self.input_size_hw)
        part = self.logits[..., :rows, :cols]
        xp = array_namespace(part)
        inner, outer = (to_host(xp.sum(part > limit, axis=(-1, -2))) for limit in (offset, -offset))
        ratio = inner / np.maximum(outer, 1)
        return ratio.astype(np.float32)

    def full_stability(self, n: int, c: int = 0, *, offset: float = 1.0) -> float:
        """The same for one candidate on its full-size mask, as the published generator does."""
        return self._upsampling.between(self.logits[n, c], -offset, offset).stability(offset)

    @property
    def _upsampling(self) -> Upsampling:
        on = device_of(self.logits)
        return upsampling(self.image_size_hw, self.input_size_hw, self.model_size, on)
