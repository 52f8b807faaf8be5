"""Windows of a live raster: which part is read and encoded for the prompts of an object.

A live session takes the window that a job takes for the same prompts
(`sam_geo.prompted.windows.window_for`). It follows from the prompts of one object alone and lies on
a grid, so neighbouring clicks are decoded from one embedding, and a replayed log gives the same
masks.
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
"""Most pixels of the window of one object: its mask then takes 64 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A window as the pool of embeddings keeps it: its embedding and its valid pixels."""

    embedding: Embedding | None
    """None where no pixel is valid."""
    valid: np.ndarray[Any, Any] | None
    """One bit for each pixel, row by row: whether it is valid; None where all are."""

    @property
    def size_bytes(self) -> int:
        """Memory of the embedding and of the valid pixels in bytes."""
        features = 0 if self.embedding is None else self.embedding.features.nbytes
        return features + (0 if self.valid is None else self.valid.nbytes) + 256

    def is_on_data(self, prompt: GeoPrompt, read: ReadWindow) -> bool:
        """Whether a prompt lies on valid pixels, as `sam_geo.prompted.decode.is_on_data` says.

        Args:
            prompt: The prompt in raster indices.
            read: The window that was encoded.
        """
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
    """Open a raster, read a window of it and embed what was read.

    Args:
        path: The raster.
        bands: 1-based numbers of one or three bands.
        stretch: Raster values to bytes.
        segmenter: The segmenter whose encoder runs; it does not where no pixel is valid.
        read: The window and the size at which it is read.
    """
    with open_raster(path, bands=bands) as source:
        pixels = source.read(read.window, out_hw=read.size_hw)
    if not pixels.valid.any():
        return Encoded(None, None)
    embedding = segmenter.embed(stretch.apply(pixels))
    return Encoded(embedding, None if pixels.valid.all() else np.packbits(pixels.valid))


def live_window(prompt: GeoPrompt, size_hw: tuple[int, int], *, side: int) -> ReadWindow:
    """The window of an object: the one that a job would take for the same prompts.

    Args:
        prompt: All prompts of the object, in raster indices.
        size_hw: Rows and columns of the raster.
        side: Side of the network's input in pixels.

    Raises:
        PromptError: The window is too large to be answered while a client waits.
    """
    read = window_for(prompt, size_hw, side=side)
    if math.prod(read.window.shape) > MOST_PIXELS:
        raise PromptError(
            f"an object with its context has at most {MOST_PIXELS} pixels here, these prompts "
            f"need {read.window.shape}: run them as a job"
        )
    return read
