"""Instance: one object as one window saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sam_common.masks.decoded import MaskRegion


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A mask and how far the network trusts it."""

    region: MaskRegion
    """(row, col) in the whole image, not in the window."""
    score: float
    """IoU as predicted by the network."""
    stability: float
    """IoU between the masks at two thresholds around the chosen one, see `Masks.stability`."""

    def shift(self, offset: tuple[int, ...]) -> Instance:
        """The same object in an image whose origin lies `offset` (rows, cols) further away."""
        rows, cols = offset
        return Instance(self.region.shift((rows, cols)), self.score, self.stability)
