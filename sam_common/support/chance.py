"""Random numbers that follow from a place and a seed alone: no order of work changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""The step of SplitMix64: 2^64 over the golden ratio."""


def uniform(index: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    """Random numbers of places, each as likely in any part of (0, 1).

    The generator is SplitMix64 (Steele, Lea and Flood 2014,
    https://doi.org/10.1145/2660193.2660195) at the position of the place, started where the seed,
    mixed by the same function, says.

    Args:
        index: (N,) places, from 0, such as pixels counted row by row.
        seed: Not negative; another one gives other numbers.

    Returns:
        (N,) numbers, neither 0 nor 1.
    """
    with np.errstate(over="ignore"):
        start = _mixed(np.array([seed], dtype=np.uint64) * GOLDEN)
        bits = _mixed(start + (index.astype(np.uint64) + np.uint64(1)) * GOLDEN)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def _mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The output function of SplitMix64."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
