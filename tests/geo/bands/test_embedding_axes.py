"""Axes of an embedding: principal components that stay the same."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_geo.bands.embedding_axes import AXES, find_axes


def axes_of(*parts):
    return find_axes(parts, network="n", sha256="0" * 64)


@pytest.fixture
def cells():
    """(40, 500) channels that vary along two directions, and a little along all."""
    rng = np.random.default_rng(5)
    mixed = rng.normal(size=(40, 2)) @ (rng.normal(size=(2, 500)) * [[9], [4]])
    return (mixed + rng.normal(0, 0.01, (40, 500)) + 7).astype(np.float32)


def test_they_are_principal_components(cells):
    found = axes_of(cells)
    assert found.count == AXES
    wide = cells - cells.mean(axis=1, keepdims=True)
    _, spread, _ = np.linalg.svd(wide.astype(np.float64), full_matrices=False)
    placed = found.apply(cells[:, :, None])
    assert placed.shape == (AXES, 500, 1)
    assert placed[:2, :, 0].std(axis=1) == pytest.approx(spread[:2] / np.sqrt(500), rel=1e-4)
    assert abs(placed.mean()) < 1e-3


def test_parts_are_as_good_as_the_whole(cells):
    whole, parts = axes_of(cells), axes_of(cells[:, :123], cells[:, 123:])
    assert parts.mean == pytest.approx(whole.mean, rel=1e-5)
    assert parts.axes[:, :2] == pytest.approx(whole.axes[:, :2], abs=1e-5)


def test_the_sign_is_fixed(cells):
    found = axes_of(cells).axes
    greatest = np.abs(found).argmax(axis=0)
    assert (found[greatest, range(AXES)] > 0).all()


def test_few_channels_have_few_axes():
    assert axes_of(np.random.default_rng(0).normal(size=(3, 50)).astype("f4")).count == 3


def test_there_must_be_something():
    with pytest.raises(InputError, match="the network sees no data where the samples lie"):
        axes_of()
