"""Classify: the blocks of a raster by a model, in any order.

```
block -> superpixels -> features -> probabilities -> their mean over each superpixel -> part
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.tiled_job.parts import Part
from sam_geo.bands.blocks import blocks, read_block
from sam_geo.bands.superpixels import superpixels
from sam_geo.landcover.decision import most_probable, object_sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
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
        window = self.windows[n]
        block = read_block(self.stack, window, self.model.features.halo)
        has_objects = self.objects is not None and block.valid.any()
        return block, self.objects.read(window) if self.objects and has_objects else None

    def classify(self, found: tuple[Block, IntArray | None]) -> Part:
        """Classify a block.

        Returns:
            A part with `classes` (h, w) from 1, 0 for nodata, and `per_cent` (h, w), their
            probability; with objects, what `object_sums` gives. Its notes have the number of valid
            `pixels` and `outside`, how many of them lie out of the range of training in each
            feature. A part without arrays where no pixel is valid.
        """
        block, objects = found
        if not block.valid.any():
            return Part()
        model = self.model
        axes = model.palette.apply(block.values)[block.inner]
        labels = superpixels(axes, block.valid, model.superpixel_px)
        table = feature_table(model.features.layers(block, labels), block.valid)
        chances = self._chances(table)
        owner = labels[block.valid]
        pooled = superpixel_means(chances, owner)
        classes, per_cent = (np.zeros(block.valid.shape, dtype=np.uint8) for _ in range(2))
        best, sure = most_probable(pooled)
        classes[block.valid], per_cent[block.valid] = best[owner], sure[owner]
        arrays: dict[str, npt.NDArray[np.generic]] = {"classes": classes, "per_cent": per_cent}
        if objects is not None:
            arrays |= object_sums(objects[block.valid], pooled[owner].astype(np.float32))
        low, high = model.ranges.T
        outside = ((table < low) | (table > high)).sum(axis=0)
        return Part(notes={"pixels": len(table), "outside": outside.tolist()}, arrays=arrays)

    def _chances(self, table: FloatArray) -> npt.NDArray[np.float64]:
        parts = [
            self.model.classifier.predict_proba(table[start : start + AT_A_TIME])
            for start in range(0, len(table), AT_A_TIME)
        ]
        return np.concatenate(parts).astype(np.float64)


def superpixel_means(chances: npt.NDArray[np.float64], owner: IntArray) -> npt.NDArray[np.float64]:
    """(S, K) means of the probabilities (N, K) of the pixels of each superpixel."""
    count = np.bincount(owner)
    return np.stack([np.bincount(owner, column) for column in chances.T], axis=1) / count[:, None]
