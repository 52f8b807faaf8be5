"""Masks: the output of the mask decoder, kept as low-resolution logits, and regions of an image.

Logits of the size of the image, one for each object, would soon fill the memory. Here a mask is
made inside the box of its object only, and pixels are interpolated along its edge only; the result
is exact, see `sam_common.masks.upsampling`.
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
    """A binary mask in a window of an image; outside of the window everything is background."""

    window: Window
    """Place of the mask in the image, (row, col)."""
    mask: npt.NDArray[np.bool_]
    """Object pixels, an array of `window.shape`."""

    @classmethod
    def tight(cls, start: tuple[int, ...], mask: npt.NDArray[np.bool_]) -> MaskRegion | None:
        """A mask cut to the box of its object.

        Args:
            start: Pixel (row, col) of the image at which the array begins.
            mask: (H, W) object pixels.

        Returns:
            The region, or None where the mask is empty.
        """
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
    """The union of masks of one image, in the window around all of them.

    Args:
        regions: One mask or more; a single mask is returned as it is.
    """
    if len(regions) == 1:
        return regions[0]
    box = regions[0].window
    for region in regions[1:]:
        box = box.union(region.window)
    mask = np.zeros(box.shape, dtype=np.bool_)
    for region in regions:
        mask[region.window.within(box).slices] |= region.mask
    return MaskRegion(box, mask)


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """Masks of N prompts with C candidates each, as the decoder returned them."""

    logits: Array
    """(N, C, 256, 256) float32 in the network's padded square; C is 1 or 3.

    A torch tensor where the engine runs on a GPU, else a numpy array.
    """
    scores: npt.NDArray[np.float32]
    """(N, C) float32, IoU of each mask with the object as predicted by the network."""
    image_size_hw: tuple[int, int]
    """Rows and columns of the image to which the masks belong."""
    input_size_hw: tuple[int, int]
    """Rows and columns of the embedded image after its resize and before its padding."""
    model_size: int
    """Side of the network's square input in pixels: 1024 or 256."""

    def __len__(self) -> int:
        return int(self.logits.shape[0])

    def best(self) -> Masks:
        """The candidate of each prompt with the highest predicted IoU, as masks with C = 1."""
        rows = np.arange(len(self))
        pick = self.scores.argmax(axis=1)
        logits, scores = self.logits[rows, pick][:, None], self.scores[rows, pick][:, None]
        return replace(self, logits=logits, scores=scores)

    def __getitem__(self, rows: slice) -> Masks:
        return replace(self, logits=self.logits[rows], scores=self.scores[rows])

    def onto(self, size_hw: tuple[int, int]) -> Masks:
        """The same masks for a finer or coarser image of the same scene.

        Args:
            size_hw: Rows and columns of that image, to which the logits are interpolated directly.
        """
        return replace(self, image_size_hw=size_hw)

    def region(self, n: int, c: int = 0, *, threshold: float = 0.0) -> MaskRegion | None:
        """The mask of candidate `c` of prompt `n`.

        Args:
            n: Number of the prompt.
            c: Number of the candidate.
            threshold: Logit above which a pixel belongs to the object.

        Returns:
            The mask in the box of its object, or None where it is empty.
        """
        found = self._upsampling.between(self.logits[n, c], threshold, threshold).mask(threshold)
        return None if found is None else MaskRegion.tight(*found)

    def region_and_stability(
        self, n: int, c: int = 0, *, offset: float = 1.0
    ) -> tuple[MaskRegion | None, float]:
        """The results of `region` and `full_stability` for little more than the cost of one."""
        found = self._upsampling.between(self.logits[n, c], -offset, offset)
        mask = found.mask(0.0)
        return None if mask is None else MaskRegion.tight(*mask), found.stability(offset)

    def full(self, n: int, c: int = 0, *, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
        """The mask of candidate `c` of prompt `n` as a boolean image, (H, W); see `region`."""
        mask = np.zeros(self.image_size_hw, dtype=np.bool_)
        if (region := self.region(n, c, threshold=threshold)) is not None:
            mask[region.window.slices] = region.mask
        return mask

    def full_logits(self, n: int, c: int = 0) -> npt.NDArray[np.float32]:
        """Upsampled logits of candidate `c` of prompt `n` for display and tests, (H, W) float32."""
        return to_host(self._upsampling.full(self.logits[n, c]))

    def prompt_logits(self, n: int, c: int = 0) -> npt.NDArray[np.float32]:
        """Logits of candidate `c` of prompt `n` for use as a mask prompt, (256, 256) float32."""
        return to_host(self.logits[n, c])

    def stability(self, *, offset: float = 1.0) -> npt.NDArray[np.float32]:
        """IoU between the masks at thresholds +offset and -offset, (N, C), at low resolution.

        Computed as the published `calculate_stability_score`, but from the low-resolution logits
        without their padding: close to `full_stability`, and much faster. 0 where even the larger
        mask is empty.
        """
        rows, cols = (-(-side * GRID // self.model_size) for side in self.input_size_hw)
        part = self.logits[..., :rows, :cols]
        xp = array_namespace(part)
        inner, outer = (to_host(xp.sum(part > limit, axis=(-1, -2))) for limit in (offset, -offset))
        ratio = inner / np.maximum(outer, 1)
        return ratio.astype(np.float32)

    def full_stability(self, n: int, c: int = 0, *, offset: float = 1.0) -> float:
        """IoU between the masks of a candidate at thresholds +offset and -offset, in image pixels.

        This is the stability of the published generator; 0 where even the larger mask is empty.
        """
        return self._upsampling.between(self.logits[n, c], -offset, offset).stability(offset)

    @property
    def _upsampling(self) -> Upsampling:
        on = device_of(self.logits)
        return upsampling(self.image_size_hw, self.input_size_hw, self.model_size, on)
