"""Windows that are encoded while a person clicks on a raster.

For each object one window is read that holds its prompts with context. Windows lie on a grid, so
that neighbouring clicks, and neighbouring objects, are decoded from one embedding:

```
side 1024, windows start every 512    |------ a ------|
                                              |------ b ------|
                                                  x               a click at x is decoded in b
```
Where a window lies follows from the prompts alone, so that the same log gives the same masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_geo.decode import is_on_data
from sam_geo.source import Pixels, open_raster
from sam_geo.windows import ReadWindow, needed_window, plan_windows

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.segmenter import Embedding, Segmenter
    from sam_geo.prompts import GeoPrompt
    from sam_geo.stretch import Stretch

GRID_SHARES = (2, 4, 8)
"""A window starts at multiples of this part of its side: the coarsest grid on which it fits."""
MOST_PIXELS = 1 << 26
"""Of the window of one object: a mask of 64 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What the pool holds of a window."""

    embedding: Embedding | None
    """None where no pixel is valid."""
    valid: np.ndarray[Any, Any] | None
    """Valid pixels, eight in a byte; None where all are."""

    @property
    def size_bytes(self) -> int:
        """Of both."""
        features = 0 if self.embedding is None else self.embedding.features.nbytes
        return features + (0 if self.valid is None else self.valid.nbytes) + 256

    def is_on_data(self, prompt: GeoPrompt, read: ReadWindow) -> bool:
        """Whether a prompt lies on valid pixels of the window that was read."""
        if self.valid is None:
            return True
        count = read.size_hw[0] * read.size_hw[1]
        valid = np.unpackbits(self.valid, count=count).reshape(read.size_hw).astype(np.bool_)
        return is_on_data(prompt, read, Pixels(np.empty(0), valid))


def encode(
    path: Path,
    bands: tuple[int, ...],
    stretch: Stretch,
    segmenter: Segmenter,
    read: ReadWindow,
) -> Encoded:
    """Read a window and embed it."""
    with open_raster(path, bands=bands) as source:
        pixels = source.read(read.window, out_hw=read.size_hw)
    if not pixels.valid.any():
        return Encoded(None, None)
    embedding = segmenter.embed(stretch.apply(pixels))
    return Encoded(embedding, None if pixels.valid.all() else np.packbits(pixels.valid))


def window_for(prompt: GeoPrompt, size_hw: tuple[int, int], *, side: int) -> ReadWindow:
    """The window of an object by its prompts.

    Args:
        prompt: All prompts of the object.
        size_hw: Of the raster.
        side: Of the model's input.

    Raises:
        PromptError: It would be too large for an answer at once.
    """
    need = needed_window(prompt, size_hw, side=side)
    for share in GRID_SHARES:
        if (window := _on_grid(need, size_hw, side, max(1, side // share))) is not None:
            return ReadWindow(window, (window.shape[0], window.shape[1]), (0,))
    (read,) = plan_windows([prompt], size_hw, side=side)
    if read.window.shape[0] * read.window.shape[1] > MOST_PIXELS:
        raise PromptError(
            f"an object with its context has at most {MOST_PIXELS} pixels here, these prompts "
            f"need {read.window.shape}: run them as a job"
        )
    return read


def _on_grid(need: Window, size_hw: tuple[int, int], side: int, step: int) -> Window | None:
    """The window on a grid that holds what is needed nearest to its middle; None if none does."""
    start, stop = [], []
    for low, high, size in zip(need.start, need.stop, size_hw, strict=True):
        # the last one ends at the raster's edge
        last = max(0, size - side)
        starts = {*range(low // step * step, max(-1, high - side - 1), -step), last}
        fitting = [at for at in starts if at <= min(low, last) and high <= at + side]
        if not fitting:
            return None
        _, best = min((abs(2 * at + side - low - high), at) for at in fitting)
        start.append(best)
        stop.append(min(size, best + side))
    return Window(tuple(start), tuple(stop))
