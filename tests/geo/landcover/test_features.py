"""Features of pixels, against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_geo.landcover.features import Features
from sam_geo.landcover.indices import find_indices


def written_out(layer, side):
    """Mean and deviation in squares, pixel by pixel."""
    half = side // 2
    mean, deviation = np.full(layer.shape, np.nan), np.full(layer.shape, np.nan)
    for row, col in np.ndindex(layer.shape):
        part = layer[max(0, row - half) : row + half + 1, max(0, col - half) : col + half + 1]
        part = part[np.isfinite(part)].astype(np.float64)
        if part.size:
            mean[row, col], deviation[row, col] = part.mean(), part.std()
    return mean, deviation


@pytest.fixture
def values():
    rng = np.random.default_rng(6)
    found = rng.uniform(50, 4000, (2, 17, 23)).astype(np.float32)
    found[0, 3:12, 5:14] = np.nan
    found[:, 15, 20] = np.nan
    return found


def test_names_and_order(values):
    features = Features(("red", "nir"), find_indices(["NDVI"], ("red", "nir")), (3, 5))
    assert features.names == (
        *("red", "nir", "NDVI"),
        *("red mean 3 px", "red deviation 3 px", "nir mean 3 px", "nir deviation 3 px"),
        *("NDVI mean 3 px", "NDVI deviation 3 px"),
        *("red mean 5 px", "red deviation 5 px", "nir mean 5 px", "nir deviation 5 px"),
        *("NDVI mean 5 px", "NDVI deviation 5 px"),
    )
    found = features.compute(values)
    assert found.shape == (len(features.names), 17, 23)
    assert found.dtype == np.float32
    assert np.array_equal(found[:2], values, equal_nan=True)


@pytest.mark.parametrize("side", [3, 11])
def test_means_and_deviations_count_pixels_with_a_value_only(values, side):
    found = Features(("a", "b"), (), (side,)).compute(values)
    for band in (0, 1):
        mean, deviation = written_out(values[band], side)
        # NaN where a square has no value at all
        assert found[2 + 2 * band] == pytest.approx(mean, rel=1e-5, nan_ok=True)
        assert found[3 + 2 * band] == pytest.approx(deviation, rel=1e-4, abs=1e-3, nan_ok=True)
    assert np.isnan(found[2]).any() == (side == 3)


def test_an_even_surface_has_no_deviation():
    flat = np.full((1, 9, 9), 3999.7, dtype=np.float32)
    found = Features(("a",), (), (5,)).compute(flat)
    assert found[1] == pytest.approx(np.full((9, 9), 3999.7))
    assert found[2] == pytest.approx(np.zeros((9, 9)), abs=1e-3)


@settings(max_examples=25)
@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([(3,), (5, 11)]))
def test_a_window_with_its_halo_has_the_features_of_the_whole(top, left, sides):
    whole = np.random.default_rng(8).integers(0, 255, (2, 60, 64)).astype(np.float32)
    features = Features(("a", "b"), (), sides)
    halo = features.halo
    expected = features.compute(whole)[:, top : top + 20, left : left + 20]
    rows = max(0, top - halo), min(60, top + 20 + halo)
    cols = max(0, left - halo), min(64, left + 20 + halo)
    part = features.compute(whole[:, rows[0] : rows[1], cols[0] : cols[1]])
    inside = part[:, top - rows[0] :, left - cols[0] :][:, :20, :20]
    assert np.array_equal(inside, expected)
