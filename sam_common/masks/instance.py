"""Instance: one object as it was found in one window of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sam_common.masks.decoded import MaskRegion


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A mask with the two estimates of its quality that the network gives."""

    region: MaskRegion
    """Mask in indices (row, col) of the whole image, not of the window."""
    score: float
    """IoU with the object as predicted by the network, 0 to 1."""
    stability: float
    """IoU between the masks at two thresholds around 0, see `Masks.full_stability`."""

    def shift(self, offset: tuple[int, ...]) -> Instance:
        """The object in an image whose origin lies `offset` (rows, cols) further up and left."""
        rows, cols = offset
        return Instance(self.region.shift((rows, cols)), self.score, self.stability)
