"""Sample pixels: the features of the pixels that samples lie on, and what each of them weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.support.chance import uniform
from sam_common.tiled_job.progress import silent
from sam_geo.bands.blocks import SIDE, blocks, read_block

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.bands.blocks import Beside
    from sam_geo.bands.features import Features
    from sam_geo.bands.guide import Guide
    from sam_geo.bands.stack import RasterStack
    from sam_geo.learning.samples import Samples

    Chances = npt.NDArray[np.float64]
    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]


MOST_LEARNED = 150
"""Pixels of one feature that a classifier learns: more of one field say the same again."""


@dataclass(frozen=True, slots=True, eq=False)
class SamplePixels:
    """Features of the pixels of samples."""

    table: FloatArray
    """(N, F) all features that are tried."""
    has_data: npt.NDArray[np.bool_]
    """(N,) whether the pixel has a value in the first raster."""

    def on_data(self) -> SamplePixels:
        """The pixels that have a value."""
        kept = self.has_data
        return SamplePixels(self.table[kept], kept[kept])


def read_features(
    stack: RasterStack,
    samples: Samples,
    features: Features,
    guide: Guide,
    progress: Progress = silent,
    beside: Callable[[Window], Beside] | None = None,
) -> SamplePixels:
    """Compute the features of the pixels of samples, block by block.

    Args:
        stack: The rasters.
        samples: Labelled pixels on them.
        features: What is computed.
        guide: How pixels are compared.
        progress: Called with a description and a total.
        beside: Gives what a network and objects say of a window, where features need it.

    Raises:
        InputError: A raster cannot be read there.
    """
    number = block_numbers(samples, stack.size_hw)
    table = np.empty((len(samples.cells), len(features.names)), dtype=np.float32)
    has_data = np.empty(len(samples.cells), dtype=np.bool_)
    windows = blocks(stack.size_hw)
    used = np.unique(number)
    with progress("features of the samples", len(used)) as advance:
        for n in used.tolist():
            block = read_block(stack, windows[n], features.halo, beside)
            at = np.flatnonzero(number == n)
            rows, cols = (samples.cells[at] - np.array(block.window.start)).T
            found = guide.apply(block.own)
            table[at] = features.table(block, found, (rows, cols))
            has_data[at] = block.valid[rows, cols]
            advance(1)
    return SamplePixels(table, has_data)


def block_numbers(samples: Samples, size_hw: tuple[int, int]) -> IntArray:
    """(N,) number of the block in which each pixel of the samples lies, as `blocks` has them."""
    columns = -(-size_hw[1] // SIDE)
    row, col = (samples.cells // SIDE).T
    return np.asarray(row * columns + col, dtype=np.int64)


def pixel_weights(samples: Samples) -> Chances:
    """(N,) weight of each pixel of samples: a feature counts as the root of its pixels.

    Pixels of one polygon are alike, so a hundred of them are not a hundred samples; nor is a field
    worth no more than a point.
    """
    pixels = np.bincount(samples.feature_of)
    weight = 1 / np.sqrt(pixels[samples.feature_of])
    return np.asarray(weight * (len(weight) / weight.sum()), dtype=np.float64)


def chosen_pixels(samples: Samples) -> npt.NDArray[np.bool_]:
    """(N,) pixels that a classifier learns: `MOST_LEARNED` of each feature, chosen by chance."""
    width = int(samples.cells[:, 1].max(initial=0)) + 1
    chance = uniform(samples.cells[:, 0] * width + samples.cells[:, 1], 1)
    order = np.lexsort((chance, samples.feature_of))
    owner = samples.feature_of[order]
    first = np.searchsorted(owner, owner)
    kept = np.empty(len(owner), dtype=np.bool_)
    kept[order] = np.arange(len(owner)) - first < MOST_LEARNED
    return kept
