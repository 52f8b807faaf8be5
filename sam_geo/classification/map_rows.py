"""Map rows: the map of a raster from its classified blocks, row of blocks by row of blocks.

```
parts -> class of each object -> small pieces to their neighbours -> map
```
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_geo.bands.blocks import SIDE
from sam_geo.classification.decision import ObjectClasses
from sam_geo.classification.speckle import reach, without_speckle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from sam_common.tiled_job.parts import PartStore
    from sam_common.window import Window
    from sam_geo.classification.block_classes import Classification

    ByteArray = npt.NDArray[np.uint8]


def decide(
    work: Classification,
    parts: PartStore,
    write: Callable[[Window, ByteArray, ByteArray], None],
    *,
    least: int,
    advance: Callable[[int], None],
) -> None:
    """Make the map from the parts: objects first, then small pieces.

    Three rows of blocks are in memory at a time.

    Args:
        work: The blocks and their objects.
        parts: What `Classification.classify` found; blocks that failed are nodata.
        write: Takes a window of the map, its classes (h, w) and their probabilities in per cent.
        least: Pixels of the smallest piece that may stay; 1 keeps all.
        advance: Called with the number of blocks that were written.
    """
    known = ObjectClasses()
    if work.objects is not None:
        for n in range(len(work.windows)):
            if (part := parts.read(n)) is not None:
                known.add(part)
    columns = -(-work.stack.size_hw[1] // SIDE)
    rows = [range(n, n + columns) for n in range(0, len(work.windows), columns)]
    strips = (_strip(work, parts, known, numbers) for numbers in rows)
    around = deque([next(strips)], maxlen=3)
    for numbers in rows:
        # the strip above, that of the row, and the one below
        if (below := next(strips, None)) is not None:
            around.append(below)
        joined = _joined(around)
        for n in numbers:
            window = work.windows[n]
            write(window, *joined.cleaned(window, least))
            advance(1)


@dataclass(frozen=True, slots=True, eq=False)
class _Strip:
    """Whole rows of the map."""

    top: int
    classes: ByteArray
    per_cent: ByteArray

    def cleaned(self, window: Window, least: int) -> tuple[ByteArray, ByteArray]:
        """Classes and probabilities of a window without small pieces."""
        halo = reach(least)
        inside = window.shift((-self.top, 0))
        height, width = self.classes.shape
        top, left = (max(0, start - halo) for start in inside.start)
        around = np.s_[
            top : min(height, inside.stop[0] + halo), left : min(width, inside.stop[1] + halo)
        ]
        found = without_speckle(self.classes[around], self.per_cent[around], least)
        place = inside.shift((-top, -left)).slices
        return found[0][place], found[1][place]


def _joined(strips: Iterable[_Strip]) -> _Strip:
    """Strips that follow each other as one."""
    every = list(strips)
    return _Strip(
        every[0].top,
        np.concatenate([strip.classes for strip in every]),
        np.concatenate([strip.per_cent for strip in every]),
    )


def _strip(work: Classification, parts: PartStore, known: ObjectClasses, numbers: range) -> _Strip:
    """One row of blocks, with the classes of their objects."""
    top = work.windows[numbers[0]].start[0]
    bottom, width = work.windows[numbers[0]].stop[0], work.stack.size_hw[1]
    strip = _Strip(top, *(np.zeros((bottom - top, width), dtype=np.uint8) for _ in range(2)))
    for n in numbers:
        part = parts.read(n)
        if part is None or not part.arrays:
            continue
        classes, per_cent = part.arrays["classes"], part.arrays["per_cent"]
        if work.objects is not None:
            objects = work.objects.read(work.windows[n])
            classes, per_cent = known.apply(objects, classes, per_cent)
        place = work.windows[n].shift((-top, 0)).slices
        strip.classes[place], strip.per_cent[place] = classes, per_cent
    return strip
