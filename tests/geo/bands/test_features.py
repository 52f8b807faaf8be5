"""Features of pixels, against sums written out."""

from __future__ import annotations

from unittest import mock

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sam_common.window import Window
from sam_geo.bands import features as module
from sam_geo.bands.blocks import Beside, Block
from sam_geo.bands.features import Features
from sam_geo.bands.indices import find_indices


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


def computed(features, values, superpixels=None, inner=np.s_[:, :]):
    """(F, h, w) features of the inner part of some values."""
    valid = np.isfinite(values[0][inner])
    block = Block(Window((0, 0), valid.shape), values, inner, valid)
    with mock.patch.object(module, "superpixels", return_value=superpixels):
        return np.stack(list(features.layers(block, np.zeros((*valid.shape, 1)))))


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
    found = computed(features, values)
    assert found.shape == (len(features.names), 17, 23)
    assert found.dtype == np.float32
    assert np.array_equal(found[:2], values, equal_nan=True)


@pytest.mark.parametrize("side", [3, 11])
def test_means_and_deviations_count_pixels_with_a_value_only(values, side):
    found = computed(Features(("a", "b"), (), (side,)), values)
    for band in (0, 1):
        mean, deviation = written_out(values[band], side)
        # NaN where a square has no value at all
        assert found[2 + 2 * band] == pytest.approx(mean, rel=1e-5, nan_ok=True)
        assert found[3 + 2 * band] == pytest.approx(deviation, rel=1e-4, abs=1e-3, nan_ok=True)
    assert np.isnan(found[2]).any() == (side == 3)


def test_an_even_surface_has_no_deviation():
    flat = np.full((1, 9, 9), 3999.7, dtype=np.float32)
    found = computed(Features(("a",), (), (5,)), flat)
    assert found[1] == pytest.approx(np.full((9, 9), 3999.7))
    assert found[2] == pytest.approx(np.zeros((9, 9)), abs=1e-3)


@settings(max_examples=25)
@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([(3,), (5, 11)]))
def test_a_window_with_its_halo_has_the_features_of_the_whole(top, left, sides):
    whole = np.random.default_rng(8).integers(0, 255, (2, 60, 64)).astype(np.float32)
    features = Features(("a", "b"), (), sides)
    halo = features.halo
    expected = computed(features, whole)[:, top : top + 20, left : left + 20]
    rows = max(0, top - halo), min(60, top + 20 + halo)
    cols = max(0, left - halo), min(64, left + 20 + halo)
    inner = np.s_[top - rows[0] :, left - cols[0] :]
    part = computed(features, whole[:, rows[0] : rows[1], cols[0] : cols[1]], inner=inner)
    assert np.array_equal(part[:, :20, :20], expected)


def test_figures_over_superpixels(values):
    rng = np.random.default_rng(1)
    superpixels = rng.integers(-1, 6, values.shape[1:])
    features = Features(("a", "b"), over_superpixels=True)
    found = dict(zip(features.names, computed(features, values, superpixels), strict=True))
    for band, name in enumerate("ab"):
        for number in range(6):
            inside = superpixels == number
            part = values[band][inside & np.isfinite(values[band])].astype(np.float64)
            figures = {"deviation": part.std()} | {
                f"percentile {share}": np.percentile(part, share) for share in (10, 50, 90)
            }
            for figure, expected in figures.items():
                layer = found[f"{name} {figure} in superpixel"]
                assert layer[inside] == pytest.approx(np.full(inside.sum(), expected), rel=1e-5)
        assert np.isnan(found[f"{name} deviation in superpixel"][superpixels == -1]).all()


def test_a_superpixel_without_a_value_has_no_figure(values):
    superpixels = np.zeros(values.shape[1:], dtype=np.int64)
    superpixels[5:8, 6:9] = 1
    features = Features(("a", "b"), over_superpixels=True)
    found = dict(zip(features.names, computed(features, values, superpixels), strict=True))
    assert np.isnan(found["a percentile 50 in superpixel"][6, 7])
    assert np.isfinite(found["b percentile 50 in superpixel"][6, 7])


def test_size_and_shape_of_superpixels():
    superpixels = np.full((20, 30), -1)
    superpixels[2:8, 2:8] = 0
    superpixels[10, 3:15] = 1
    superpixels[15, 20] = 2
    features = Features(("a",), over_superpixels=True)
    values = np.ones((1, 20, 30), dtype=np.float32)
    found = dict(zip(features.names, computed(features, values, superpixels), strict=True))
    size, shape = found["superpixel pixels"], found["superpixel elongation"]
    assert (size[5, 5], size[10, 9], size[15, 20]) == (36, 12, 1)
    assert shape[5, 5] == pytest.approx(1)
    assert shape[10, 9] == pytest.approx(12)
    assert shape[15, 20] == pytest.approx(1)


def test_openings_and_closings(values):
    features = Features(("a", "b"), with_openings=True)
    assert features.names == ("a", "b", "a opened", "b opened", "a closed", "b closed")
    assert features.halo == 4
    found = computed(features, values)
    round_window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)) > 0
    for band in (0, 1):
        layer = values[band].astype(float)
        low = ndimage.generic_filter(
            layer,
            lambda part: min(part[np.isfinite(part)], default=np.nan),
            footprint=round_window,
            mode="constant",
            cval=np.nan,
        )
        opened = ndimage.generic_filter(
            low,
            lambda part: max(part[np.isfinite(part)], default=np.nan),
            footprint=round_window,
            mode="constant",
            cval=np.nan,
        )
        opened[np.isnan(layer)] = np.nan
        assert found[2 + band] == pytest.approx(opened, nan_ok=True)


def test_spots_go_and_edges_stay():
    layer = np.zeros((1, 20, 20), dtype=np.float32)
    layer[0, :, 10:] = 5
    layer[0, 4, 4], layer[0, 12, 15] = 9, -9
    found = computed(Features(("a",), with_openings=True), layer)
    opened, closed = found[1:]
    assert opened[4, 4] == 0
    assert closed[12, 15] == 5
    assert (opened[0], closed[19]) == (pytest.approx(layer[0, 0]), pytest.approx(layer[0, 19]))


def pooled(values, objects):
    """(2, h, w) features of an embedding over objects, on superpixels that are columns."""
    valid = np.isfinite(values[0])
    seen = np.stack([values[0] * 2, np.arange(valid.size, dtype="f4").reshape(valid.shape)])
    block = Block(Window((0, 0), valid.shape), values, np.s_[:, :], valid, Beside(seen, objects))
    labels = np.where(valid, np.arange(valid.shape[1])[None], -1)
    features = Features(("red", "nir"), embedding_axes=2)
    assert features.names[2:] == ("embedding 1 over object", "embedding 2 over object")
    with mock.patch.object(module, "superpixels", return_value=labels):
        layers = list(features.layers(block, np.zeros((*valid.shape, 1))))
    assert len(layers) == len(features.names)
    return seen, valid, layers[2:]


def test_an_embedding_is_its_mean_over_the_object(values):
    objects = np.full(values.shape[1:], -1)
    objects[2:9, 1:7] = 40_000_000_000
    objects[12:, 10:12] = 3
    seen, valid, layers = pooled(values, objects)
    for layer, found in zip(seen, layers, strict=True):
        for number in (3, 40_000_000_000):
            inside = (objects == number) & valid
            assert found[inside] == pytest.approx(layer[inside].mean(), rel=1e-6)
        # where no object is, the superpixel without what objects take of it
        rest = valid & (objects < 0) & (np.arange(valid.shape[1]) == 4)[None]
        assert found[rest] == pytest.approx(layer[rest].mean(), rel=1e-6)
        assert np.isnan(found[~valid]).all()


def test_without_objects_superpixels_are_pooled_over(values):
    seen, valid, layers = pooled(values, None)
    column = valid & (np.arange(valid.shape[1]) == 7)[None]
    for layer, found in zip(seen, layers, strict=True):
        assert found[column] == pytest.approx(layer[column].mean(), rel=1e-6)


def test_a_block_without_data_has_no_embedding():
    features = Features(("red",), embedding_axes=3)
    found = computed(features, np.full((1, 4, 5), np.nan, "f4"), np.full((4, 5), -1))
    assert found.shape == (4, 4, 5)
    assert np.isnan(found).all()
