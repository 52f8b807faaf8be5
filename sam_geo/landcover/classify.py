"""Classify: the blocks of a raster by a model, in any order.

```
block -> features -> probabilities -> smoothed along the edges of the image -> part
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.tiled_job.parts import Part
from sam_common.window import Window
from sam_geo.bands.blocks import blocks, read_block
from sam_geo.landcover.decision import most_probable, object_sums
from sam_geo.landcover.smoothing import RADIUS, smoothed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_geo.bands.blocks import Block
    from sam_geo.bands.stack import RasterStack
    from sam_geo.landcover.model import LandcoverModel
    from sam_geo.landcover.objects import Objects

    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]

AT_A_TIME = 32_768
"""Rows that a classifier is given at a time: it may copy them."""


def feature_table(
    model_features: Iterator[FloatArray], pixels: npt.NDArray[np.bool_] | tuple[IntArray, IntArray]
) -> FloatArray:
    """(N, F) features of chosen pixels of a block, from its layers (h, w)."""
    return np.stack([layer[pixels] for layer in model_features], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """The work on the blocks of a raster."""

    stack: RasterStack
    model: LandcoverModel
    objects: Objects | None = None
    """Objects that are to be of one class; superpixels only where None."""
    windows: Sequence[Window] = field(init=False)
    """The blocks (row, col), row by row."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", tuple(blocks(self.stack.size_hw)))

    def read(self, n: int) -> tuple[Block, IntArray | None]:
        """Read block `n` with what its features depend on, and its objects."""
        wide = wider(self.windows[n], self.stack.size_hw)
        block = read_block(self.stack, wide, self.model.features.halo)
        has_objects = self.objects is not None and block.valid.any()
        return block, self.objects.read(self.windows[n]) if self.objects and has_objects else None

    def classify(self, n: int, found: tuple[Block, IntArray | None]) -> Part:
        """Classify block `n`.

        Returns:
            A part with `classes` (h, w) from 1, 0 for nodata, and `per_cent` (h, w), their
            probability; with objects, what `object_sums` gives. Its notes have the number of valid
            `pixels` and `outside`, how many of them lie out of the range of training in each
            feature. A part without arrays where no pixel is valid.
        """
        block, objects = found
        window, model = self.windows[n], self.model
        inner = window.shift((-block.window.start[0], -block.window.start[1])).slices
        valid = block.valid[inner]
        if not valid.any():
            return Part()
        guide = model.guide.apply(block.values)[block.inner]
        table = feature_table(model.features.layers(block, guide), block.valid)
        chances = np.zeros((*block.valid.shape, len(model.classes)), dtype=np.float32)
        chances[block.valid] = self._chances(table)
        chances = smoothed(chances, guide, block.valid)[inner][valid]
        classes, per_cent = (np.zeros(window.shape, dtype=np.uint8) for _ in range(2))
        classes[valid], per_cent[valid] = most_probable(chances)
        arrays: dict[str, npt.NDArray[np.generic]] = {"classes": classes, "per_cent": per_cent}
        if objects is not None:
            arrays |= object_sums(objects[valid], chances)
        low, high = model.ranges.T
        inside = np.zeros(block.valid.shape, dtype=np.bool_)
        inside[inner] = valid
        own = table[inside[block.valid]]
        outside = ((own < low) | (own > high)).sum(axis=0)
        return Part(notes={"pixels": len(own), "outside": outside.tolist()}, arrays=arrays)

    def _chances(self, table: FloatArray) -> FloatArray:
        parts = [
            self.model.classifier.predict_proba(table[start : start + AT_A_TIME])
            for start in range(0, len(table), AT_A_TIME)
        ]
        return np.concatenate(parts).astype(np.float32)


def wider(window: Window, size_hw: tuple[int, int]) -> Window:
    """A block with the pixels around it whose probabilities are needed for smoothing."""
    (top, left), (bottom, right) = window.start, window.stop
    start = max(0, top - RADIUS), max(0, left - RADIUS)
    return Window(start, (min(size_hw[0], bottom + RADIUS), min(size_hw[1], right + RADIUS)))
