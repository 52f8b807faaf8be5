r"""Refinement: the outline of an object that was read coarse is decoded again at full resolution.

```
+-----+-----+-----+-----+    cells over the object's box
|     | /---+---\ |     |    outside and inside cells are as the coarse mask says
|     |/ in | in \|     |    cells on the outline: a window around each is read at full
+-----+-----+-----+-----+    resolution and decoded with the coarse mask as its prompt
```
Memory is bounded by one window; the object comes in pieces, one a cell, and is never drawn whole.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.prompts import Prompts
from sam_common.window import Window
from sam_geo.prompts.mask_prompt import mask_logits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_geo.raster.read_window import ReadWindow

CELL_SHARE, HALO_SHARE = 2, 4
"""A cell has 1/2 of the side of the network's input, and 1/4 of it as context on each side."""
AGREEMENT = 0.8
"""Least IoU of a decoded window with the coarse mask: below that, the network has found something
else, and the coarse mask stays."""


@dataclass(frozen=True, slots=True, eq=False)
class Refinement:
    """Decodes the outlines of large objects of one raster again at full resolution."""

    segmenter: Segmenter
    raster_hw: tuple[int, int]
    embed: Callable[[Window], Embedding | None]
    """Reads a window at full resolution and embeds it; None where it has no valid pixel."""

    def pieces(self, region: MaskRegion, read: ReadWindow) -> Iterator[MaskRegion]:
        """An object at full resolution as disjoint regions.

        Args:
            region: The mask of the object in the image that was read.
            read: Where that image lies in the raster.

        Yields:
            Regions in raster indices, row by row.
        """
        coarse = CoarseMask(region, read)
        side = max(1, self.segmenter.model_size // CELL_SHARE)
        margin = math.ceil(2 * max(read.scale_xy))
        # the object may reach a coarse pixel further than its coarse mask
        for whole, cell in _cells(coarse.reach.expand(margin), side, self.raster_hw):
            around = coarse.native(cell.expand(margin))
            if around.all():
                # a view of one value: most cells of a very large object are full
                yield MaskRegion(cell, np.broadcast_to(np.True_, cell.shape))
            elif around.any():
                mask = self._decode(coarse, whole, cell)
                if (piece := MaskRegion.tight(cell.start, mask)) is not None:
                    yield piece

    def _decode(self, coarse: CoarseMask, whole: Window, cell: Window) -> npt.NDArray[np.bool_]:
        """The mask of a cell, decoded with the coarse mask around it as the prompt.

        Args:
            coarse: The coarse mask.
            whole: The cell of the grid.
            cell: The part of it that the object may reach.
        """
        halo = max(1, self.segmenter.model_size // HALO_SHARE)
        # around the whole cell, not the part that one outline needs: objects share its embedding
        window = whole.expand(halo).intersect(Window.full(self.raster_hw)) or cell
        inner = cell.within(window).slices
        expected = coarse.native(window)
        fallback = expected[inner]
        if not expected.any() or (embedding := self.embed(window)) is None:
            return fallback
        rows, cols = np.flatnonzero(expected.any(axis=1)), np.flatnonzero(expected.any(axis=0))
        # half a coarse pixel more: that far the object may reach beyond its coarse mask
        low, high = np.array([cols[0], rows[0]]), np.array([cols[-1], rows[-1]])
        more = np.array(coarse.scale_xy) / 2
        limit = np.array(window.shape[::-1]) - 0.5
        box = np.hstack([np.maximum(low - more, -0.5), np.minimum(high + more, limit)])[None]
        logits = None
        if self.segmenter.capabilities.masks:
            logits = mask_logits(expected, embedding.input_size_hw, self.segmenter.model_size)[None]
        prompts = Prompts(boxes_xyxy=box, mask_logits=logits)
        found = self.segmenter.decode(embedding, prompts).full(0)
        shared, both = (found & expected).sum(), (found | expected).sum()
        return found[inner] if shared >= AGREEMENT * both else fallback


class CoarseMask:
    """A mask of an image that was read coarse, sampled at the raster's full resolution.

    Args:
        region: The mask in the image that was read.
        read: Where that image lies in the raster.
    """

    def __init__(self, region: MaskRegion, read: ReadWindow) -> None:
        self._region = region
        self._origin = read.window.start
        self.scale_xy = read.scale_xy
        """Raster pixels per pixel of the coarse image."""
        self._scale = read.scale_xy[::-1]
        self.reach = Window(
            tuple(
                math.floor(o + s * k)
                for o, s, k in zip(self._origin, region.window.start, self._scale, strict=True)
            ),
            tuple(
                math.ceil(o + s * k)
                for o, s, k in zip(self._origin, region.window.stop, self._scale, strict=True)
            ),
        )
        """(row, col) in the raster: everything outside is background."""

    def native(self, window: Window) -> npt.NDArray[np.bool_]:
        """The mask on the pixels of a window in raster indices, which may reach beyond the raster.

        Returns:
            Boolean array of the window's shape: for each pixel the value of the coarse pixel in
            which its centre lies.
        """
        index, inside = [], []
        for axis in (0, 1):
            native = np.arange(window.start[axis], window.stop[axis]) - self._origin[axis]
            # the coarse pixel in which the centre of each pixel lies
            image = np.floor((native + 0.5) / self._scale[axis]).astype(np.int64)
            image -= self._region.window.start[axis]
            inside.append((image >= 0) & (image < self._region.mask.shape[axis]))
            index.append(image.clip(0, self._region.mask.shape[axis] - 1))
        mask = self._region.mask[np.ix_(*index)]
        return np.asarray(mask & inside[0][:, None] & inside[1][None, :])


def _cells(reach: Window, side: int, raster_hw: tuple[int, int]) -> Iterator[tuple[Window, Window]]:
    """The cells of one grid over the whole raster that touch a window, each with the part inside.

    Yields:
        A cell, cut at the raster's edge, and its intersection with `reach`; row by row.
    """
    rows, cols = (
        range(max(0, start) // side * side, stop, side)
        for start, stop in zip(reach.start, reach.stop, strict=True)
    )
    for row, col in itertools.product(rows, cols):
        whole = Window((row, col), (row + side, col + side)).intersect(Window.full(raster_hw))
        if whole is not None and (kept := whole.intersect(reach)) is not None:
            yield whole, kept
