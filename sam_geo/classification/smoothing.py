"""Smoothing: the probabilities of a pixel averaged with those of pixels near it that look like it.

Edge-avoiding a-trous wavelets (Dammertz et al. 2010, https://doi.org/10.2312/EGGH/HPG10/067-075)
with the image as their guide: a few passes of one small kernel, each with twice the distance
between its taps, so that a wide surrounding costs little. They remove the noise of single pixels as
superpixels do, and cannot join what differs: on public samples superpixels made most maps worse,
this filter none.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

LEVELS = 3
"""Passes; the taps of the last one are four pixels apart."""
KERNEL = (1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16)
"""Weights of the taps along each axis: a cubic B-spline."""
DIFFERENCE = 0.4
"""Standard deviation of the weight in the guide, in standard deviations of the guide itself."""
HALF = len(KERNEL) // 2
RADIUS = HALF * (2**LEVELS - 1)
"""Rows and columns from a pixel to those that it depends on."""


def smoothed(chances: FloatArray, guide: FloatArray, valid: npt.NDArray[np.bool_]) -> FloatArray:
    """Average probabilities over pixels that are near and alike.

    Args:
        chances: (h, w, K) probabilities of the classes.
        guide: (h, w, A) what says which pixels are alike, with a standard deviation of 1 over the
            whole raster.
        valid: (h, w) pixels that have probabilities; others count for nothing.

    Returns:
        (h, w, K) probabilities, 0 where not valid.
    """
    scaled = np.moveaxis(guide, -1, 0) / np.float32(DIFFERENCE * np.sqrt(2))
    found = np.where(valid, np.moveaxis(chances, -1, 0), np.float32(0))
    for level in range(LEVELS):
        found = _one_pass(found, scaled, valid.astype(np.float32), 2**level)
    return np.moveaxis(found, 0, -1)


def _one_pass(chances: FloatArray, guide: FloatArray, valid: FloatArray, apart: int) -> FloatArray:
    """Probabilities (K, h, w) after one pass whose taps are some pixels apart."""
    height, width = valid.shape
    total, weights = np.zeros_like(chances), np.zeros_like(valid)
    taps = list(enumerate(KERNEL, start=-HALF))
    for (down, one), (right, other) in itertools.product(taps, taps):
        rows, below = _overlap(height, down * apart)
        cols, beside = _overlap(width, right * apart)
        here, there = np.s_[..., rows, cols], np.s_[..., below, beside]
        change = guide[there] - guide[here]
        weight = np.exp(-np.einsum("ahw,ahw->hw", change, change)) * valid[there]
        weight *= np.float32(one * other)
        weights[here] += weight
        total[here] += weight * chances[there]
    return np.asarray(total / np.maximum(weights, np.float32(1e-12)) * valid, dtype=np.float32)


def _overlap(length: int, step: int) -> tuple[slice, slice]:
    """Places along an axis that have a neighbour at a step, and these neighbours."""
    count = max(0, length - abs(step))
    return slice(max(0, -step), max(0, -step) + count), slice(max(0, step), max(0, step) + count)
