"""Masks of smooth random objects, and spacings of grids, for tests of metrics."""

from __future__ import annotations

import numpy as np

SPACINGS = [(1.0, 1.0, 1.0), (3.0, 0.7, 0.9), (0.5, 5.0, 1.0)]


def blob(seed, shape=(18, 22, 20), spread=2.5):
    """A smooth random object: a few balls that overlap."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.indices(shape), axis=-1)
    mask = np.zeros(shape, bool)
    for _ in range(3):
        centre = np.array(shape) / 2 + rng.normal(0, spread, 3)
        mask |= np.linalg.norm(grid - centre, axis=-1) < rng.uniform(2.5, 5)
    return mask
