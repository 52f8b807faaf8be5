"""Probabilities smoothed along edges, against sums written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sam_geo.bands.blocks import MARGIN
from sam_geo.classification.smoothing import DIFFERENCE, KERNEL, RADIUS, smoothed


def written_out(chances, guide, valid):
    """The filter, pixel by pixel."""
    height, width, _ = chances.shape
    before = np.where(valid[..., None], chances, 0).astype(float)
    for apart in (1, 2, 4):
        found = np.zeros(chances.shape)
        for row, col in np.argwhere(valid):
            total, weights = 0.0, 0.0
            for (m, one), (n, other) in itertools.product(enumerate(KERNEL), repeat=2):
                y, x = row + (m - 2) * apart, col + (n - 2) * apart
                if not (0 <= y < height and 0 <= x < width and valid[y, x]):
                    continue
                change = ((guide[y, x] - guide[row, col]) ** 2).sum()
                weight = one * other * np.exp(-change / (2 * DIFFERENCE**2))
                total = total + weight * before[y, x]
                weights += weight
            found[row, col] = total / weights
        before = found
    return before


@pytest.mark.parametrize("size", [(13, 11), (1, 9), (6, 1), (3, 3)])
def test_the_filter_is_that_of_the_formula(size):
    rng = np.random.default_rng(sum(size))
    chances = rng.dirichlet([1, 1, 1], size).astype(np.float32)
    guide = rng.normal(0, 0.5, (*size, 2)).astype(np.float32)
    valid = rng.random(size) < 0.8
    valid[0, 0] = True
    found = smoothed(chances, guide, valid)
    assert found == pytest.approx(written_out(chances, guide, valid), abs=1e-5)


def test_probabilities_stay_probabilities():
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([1, 1, 1, 1], (40, 40)).astype(np.float32)
    found = smoothed(
        chances, rng.normal(0, 1, (40, 40, 3)).astype(np.float32), np.ones((40, 40), bool)
    )
    assert found.sum(axis=-1) == pytest.approx(np.ones((40, 40)), abs=1e-5)
    assert found.min() >= 0


def test_nothing_crosses_an_edge():
    guide = np.zeros((20, 20, 1), dtype=np.float32)
    guide[:, 10:] = 5
    chances = np.zeros((20, 20, 2), dtype=np.float32)
    chances[:, :10, 0] = chances[:, 10:, 1] = 1
    found = smoothed(chances, guide, np.ones((20, 20), dtype=bool))
    assert found == pytest.approx(chances, abs=1e-6)


def test_a_stray_pixel_is_overruled():
    chances = np.zeros((15, 15, 2), dtype=np.float32)
    chances[..., 0] = 1
    chances[7, 7] = 0, 1
    found = smoothed(chances, np.zeros((15, 15, 1), np.float32), np.ones((15, 15), dtype=bool))
    assert found[7, 7, 0] > 0.9


def test_a_pixel_depends_on_its_surroundings_only():
    rng = np.random.default_rng(5)
    chances = rng.dirichlet([1, 1], (70, 70)).astype(np.float32)
    guide = rng.normal(0, 1, (70, 70, 2)).astype(np.float32)
    valid = rng.random((70, 70)) < 0.9
    whole = smoothed(chances, guide, valid)
    part = np.s_[20 - RADIUS : 30 + RADIUS, 25 - RADIUS : 32 + RADIUS]
    inner = smoothed(chances[part], guide[part], valid[part])
    assert np.array_equal(inner[RADIUS:-RADIUS, RADIUS:-RADIUS], whole[20:30, 25:32])
    less = np.s_[21 - RADIUS : 30 + RADIUS, 25 - RADIUS : 32 + RADIUS]
    other = smoothed(chances[less], guide[less], valid[less])
    assert not np.array_equal(other[RADIUS - 1 : -RADIUS, RADIUS:-RADIUS], whole[20:30, 25:32])


def test_a_block_is_read_with_what_smoothing_depends_on():
    assert RADIUS <= MARGIN
