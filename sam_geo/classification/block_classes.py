"""Classify: the blocks of a raster by a model, in any order.

```
block -> features -> probabilities -> smoothed along the edges of the image -> part
```
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.work import Work
from sam_geo.bands.blocks import blocks, read_block, with_margin
from sam_geo.classification.beside import beside_of
from sam_geo.classification.decision import most_probable, object_sums
from sam_geo.classification.smoothing import smoothed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_geo.bands.blocks import Block
    from sam_geo.bands.embedded_raster import EmbeddedRaster
    from sam_geo.bands.stack import RasterStack
    from sam_geo.classification.objects import Objects
    from sam_geo.learning.model import LandcoverModel

    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]
    Asked = tuple[int, EmbeddedRaster | None]


AT_A_TIME = 32_768
"""Rows that a classifier is given at a time: it may copy them."""


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """The work on the blocks of a raster."""

    stack: RasterStack
    model: LandcoverModel
    objects: Objects | None = None
    """Objects that are to be of one class each; each pixel has its own where None."""
    embedded: EmbeddedRaster | None = None
    """What the network of the model makes of the raster; None where the model has none."""
    windows: Sequence[Window] = field(init=False)
    """The blocks (row, col), row by row."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", tuple(blocks(self.stack.size_hw)))

    def work(self) -> Work[Asked, tuple[Block, IntArray | None]]:
        """The work on blocks in this or another process, to which the embedding goes with each."""
        steps = _Steps(replace(self, embedded=None))
        return Work(steps.read, steps.classify, self._asked)

    def _asked(self, n: int) -> Asked:
        """The number of a block, and what the network makes of it."""
        if self.embedded is None:
            return n, None
        return n, self.embedded.within(with_margin(self.windows[n], self.stack.size_hw))

    def read(self, n: int, embedded: EmbeddedRaster | None = None) -> tuple[Block, IntArray | None]:
        """Read block `n` with what its features depend on, and its objects.

        Args:
            n: Number of the block.
            embedded: What the network makes of the block; where None, of the raster.
        """
        seen = embedded or self.embedded
        beside = None if seen is None else beside_of(seen, self.objects)
        block = read_block(self.stack, self.windows[n], self.model.features.halo, beside)
        has_objects = self.objects is not None and block.valid.any()
        return block, self.objects.read(self.windows[n]) if self.objects and has_objects else None

    def classify(self, n: int, found: tuple[Block, IntArray | None]) -> Part:
        """Classify block `n`.

        Returns:
            A part with `classes` (h, w) from 1, 0 for nodata, and `per_cent` (h, w), their
            probability; with objects, what `object_sums` gives. Its notes have the number of valid
            `pixels`, and how many of them lie out of the range of training in each feature
            (`outside`) and in any of them (`outside_any`). A part without arrays where no pixel is
            valid.
        """
        block, objects = found
        window, model = self.windows[n], self.model
        inner = window.shift((-block.window.start[0], -block.window.start[1])).slices
        valid = block.valid[inner]
        if not valid.any():
            return Part()
        guide = model.guide.apply(block.own)
        table = model.features.table(block, guide, block.valid)
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
        outside = (own < low) | (own > high)
        notes = {
            "pixels": len(own),
            "outside": outside.sum(axis=0).tolist(),
            "outside_any": int(outside.any(axis=1).sum()),
        }
        return Part(notes=notes, arrays=arrays)

    def _chances(self, table: FloatArray) -> FloatArray:
        parts = [
            self.model.classifier.predict_proba(table[start : start + AT_A_TIME])
            for start in range(0, len(table), AT_A_TIME)
        ]
        return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Reads and classifies blocks that are told with their embedding."""

    of: Classification

    def read(self, asked: Asked) -> tuple[Block, IntArray | None]:
        """Read a block, see `Classification.read`."""
        return self.of.read(*asked)

    def classify(self, asked: Asked, found: tuple[Block, IntArray | None]) -> Part:
        """Classify a block, see `Classification.classify`."""
        return self.of.classify(asked[0], found)
