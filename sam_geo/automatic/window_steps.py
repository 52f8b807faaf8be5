"""Window steps: what an automatic job does with a window of a raster, in this or another process.

```
Grid      a window of the grid          points, proposed boxes or superpixels
Ends      the same window again         objects that end at the edge of its neighbours
Moved     a window moved over a seam    objects that are cut straight
```
Each question holds all that the work on its window has to know, so that it can be sent alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.automatic.mask_generator import generate_masks
from sam_common.stitching.continuation import continuations
from sam_common.stitching.mend import segment_again
from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from sam_common.masks.instance import Instance
    from sam_common.segmenter.predictor import Embedding
    from sam_common.stitching.mend import View
    from sam_common.window import Window
    from sam_geo.automatic.options import AutoOptions
    from sam_geo.prompted.embedding import EmbeddingSource
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A window of the grid in which everything is looked for."""

    window: Window
    """(row, col) in the raster."""
    boxes: npt.NDArray[np.float64] | None = None
    """(M, 4) boxes in indices of the window that are tried; None for points or superpixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """A window of the grid in which the rest of objects is looked for."""

    window: Window
    """(row, col) in the raster."""
    known: Sequence[Instance]
    """Masks of the window so far, in raster indices."""
    asked: Sequence[tuple[Window, Instance]]
    """Objects that end at the edge of another window, with that window."""


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """A window moved over a seam, in which cut objects are looked for."""

    window: Window
    """(row, col) in the raster."""
    views: Sequence[View]
    """What other windows saw of these objects."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowSteps:
    """Reads and segments the windows of an automatic job."""

    source: RasterSource
    embeddings: EmbeddingSource
    options: AutoOptions
    embedded: Tally = field(default_factory=Tally)
    """Number of windows that were `encoded`, `stored` (embedded by an earlier job) or `nodata`."""

    def read(self, question: Grid | Ends | Moved) -> Pixels | None:
        """The pixels of a window; None where none is valid."""
        return self.source.read_data(question.window)

    def embed(self, window: Window, pixels: Pixels) -> tuple[npt.NDArray[np.uint8], Embedding]:
        """The stretched image of a window and its embedding, which is counted."""
        image, embedding, was_stored = self.embeddings.embed(window, pixels)
        self.embedded.add("stored" if was_stored else "encoded")
        return image, embedding

    def find(self, question: Grid, pixels: Pixels | None) -> Part:
        """Everything in a window of the grid, in raster indices."""
        if pixels is None:
            self.embedded.add("nodata")
            return Part(notes={"status": "nodata"})
        image, embedding = self.embed(question.window, pixels)
        boxes = question.boxes
        if boxes is None and self.options.superpixels:
            # imported where it is asked for: it brings scikit-image
            from sam_geo.automatic.superpixels import superpixel_boxes  # noqa: PLC0415

            boxes = superpixel_boxes(image, pixels.valid)
        found = generate_masks(
            self.embeddings.segmenter,
            image,
            options=self.options.everything,
            valid=pixels.valid,
            embedding=embedding,
            boxes_xyxy=boxes,
        )
        return Part([instance.shift(question.window.start) for instance in found])

    def follow(self, question: Ends, pixels: Pixels | None) -> Part:
        """The rest of objects that end at the edge of a neighbouring window."""
        if pixels is None:
            return Part()
        _, embedding = self.embed(question.window, pixels)
        found = continuations(
            self.embeddings.segmenter,
            embedding,
            question.window,
            question.known,
            question.asked,
            options=self.options.everything,
        )
        return Part(found)

    def find_again(self, question: Moved, pixels: Pixels | None) -> Part:
        """What a moved window sees of cut objects.

        Returns:
            A part whose notes have `answers`: for each object the number of its mask in the part,
            None where it was not found.
        """
        if pixels is None:
            return Part(notes={"answers": [None] * len(question.views)})
        _, embedding = self.embed(question.window, pixels)
        found = segment_again(
            self.embeddings.segmenter,
            embedding,
            question.window,
            question.views,
            options=self.options.everything,
        )
        kept = [instance for instance in found if instance is not None]
        numbers = iter(range(len(kept)))
        notes = [None if instance is None else next(numbers) for instance in found]
        return Part(kept, {"answers": notes})
