"""Superpixels of a block: laws, and pieces that can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from sam_geo.bands.superpixels import superpixels


def test_every_valid_pixel_is_in_one_and_numbers_have_no_gap():
    valid = np.ones((60, 80), dtype=bool)
    valid[20:30, 5:50] = False
    guide = np.random.default_rng(0).normal(0, 1, (60, 80, 3)).astype(np.float32)
    labels = superpixels(guide, valid, 25)
    assert np.array_equal(labels >= 0, valid)
    assert np.array_equal(np.unique(labels[valid]), np.arange(labels.max() + 1))
    first = [np.flatnonzero(labels.ravel() == n)[0] for n in range(labels.max() + 1)]
    assert first == sorted(first)
    assert 10 < valid.sum() / (labels.max() + 1) < 60


def test_they_end_at_edges():
    guide = np.zeros((60, 60, 1), dtype=np.float32)
    guide[:, 23:] = 1
    labels = superpixels(guide, np.ones((60, 60), dtype=bool), 30)
    assert not set(labels[:, :23].ravel()) & set(labels[:, 23:].ravel())


def test_one_pixel_each():
    valid = np.array([[True, False], [True, True]])
    found = superpixels(np.zeros((2, 2, 1), np.float32), valid, 1)
    assert found.tolist() == [[0, -1], [1, 2]]


def test_nothing_valid():
    found = superpixels(np.zeros((9, 9, 1), np.float32), np.zeros((9, 9), dtype=bool), 4)
    assert (found == -1).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
def test_small_blocks(shape):
    found = superpixels(np.zeros((*shape, 3), np.float32), np.ones(shape, dtype=bool), 25)
    assert found.min() == 0
