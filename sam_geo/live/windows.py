"""Windows that are encoded while a person clicks on a raster.

They are those of a job on the same prompts (`sam_geo.prompted.windows.window_for`): each follows
from the prompts of one object alone, on a grid, so that neighbouring clicks are decoded from one
embedding and the same log gives the same masks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_geo.prompted.decode import is_on_data
from sam_geo.prompted.windows import window_for
from sam_geo.raster.pixels import Pixels
from sam_geo.raster.source import open_raster

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.segmenter.predictor import Embedding, Segmenter
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.read_window import ReadWindow
    from sam_geo.raster.stretch import Stretch

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


def live_window(prompt: GeoPrompt, size_hw: tuple[int, int], *, side: int) -> ReadWindow:
    """The window of an object by its prompts: the one that a job would take.

    Args:
        prompt: All prompts of the object.
        size_hw: Of the raster.
        side: Of the model's input.

    Raises:
        PromptError: It would be too large for an answer at once.
    """
    read = window_for(prompt, size_hw, side=side)
    if math.prod(read.window.shape) > MOST_PIXELS:
        raise PromptError(
            f"an object with its context has at most {MOST_PIXELS} pixels here, these prompts "
            f"need {read.window.shape}: run them as a job"
        )
    return read
