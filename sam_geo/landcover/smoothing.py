"""Smoothing: the probabilities of a pixel averaged with those of pixels near it that look like it.

A joint bilateral filter (Petschnigg et al. 2004, https://doi.org/10.1145/1015706.1015777) with the
image as its guide. It removes the noise of single pixels as superpixels do, and unlike these it
cannot join what differs: on public samples superpixels made most maps worse, this filter none.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

RADIUS = 4
"""Rows and columns from a pixel to those that it is averaged with."""
DISTANCE_PX = 2.0
"""Standard deviation of the weight in space."""
DIFFERENCE = 0.4
"""Standard deviation of the weight in colour, in standard deviations of the guide."""


def smoothed(chances: FloatArray, guide: FloatArray, valid: npt.NDArray[np.bool_]) -> FloatArray:
    """Average probabilities over pixels that are near and alike.

    Args:
        chances: (h, w, K) probabilities of the classes.
        guide: (h, w, A) what says which pixels are alike, with a standard deviation of 1 over the
            whole raster.
        valid: (h, w) pixels that have probabilities; others count for nothing.

    Returns:
        (h, w, K) probabilities. A pixel depends on those up to `RADIUS` rows and columns away.
    """
    height, width, kinds = chances.shape
    scaled = np.moveaxis(guide, -1, 0) / np.float32(DIFFERENCE)
    weighed = np.where(valid, np.moveaxis(chances, -1, 0), np.float32(0))
    weighed = np.concatenate([weighed, valid[None].astype(np.float32)])
    total = weighed.copy()
    steps = range(-RADIUS, RADIUS + 1)
    for down, right in itertools.product(steps, steps):
        # each pair of pixels once, for both of its pixels
        if (down, right) <= (0, 0):
            continue
        here, there = _overlap(height, width, down, right)
        near = np.float32((down * down + right * right) / (2 * DISTANCE_PX**2))
        apart = scaled[(..., *here)] - scaled[(..., *there)]
        weight = np.exp(-near - np.einsum("ahw,ahw->hw", apart, apart) / np.float32(2))
        total[(..., *here)] += weight * weighed[(..., *there)]
        total[(..., *there)] += weight * weighed[(..., *here)]
    sums = np.maximum(total[kinds], np.float32(1e-12))
    return np.moveaxis(np.where(valid, total[:kinds] / sums, np.float32(0)), 0, -1)


def _overlap(
    height: int, width: int, down: int, right: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Pixels that have a neighbour at a step, and these neighbours."""
    rows, cols = max(0, height - down), max(0, width - abs(right))
    left, other = max(0, -right), max(0, right)
    here = slice(0, rows), slice(left, left + cols)
    there = slice(down, down + rows), slice(other, other + cols)
    return here, there
