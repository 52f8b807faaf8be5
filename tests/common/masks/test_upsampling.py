from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from sam_common.masks import upsampling as module
from sam_common.masks.upsampling import upsampling

SIZES = [
    ((256, 256), (256, 256), 256),
    ((90, 160), (144, 256), 256),
    ((600, 700), (878, 1024), 1024),
    ((1, 300), (3, 1024), 1024),
    ((5, 2), (1024, 410), 1024),
]


def smooth(seed=0):
    """Logits with a few blobs of either sign."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.normal(size=(1, 1, 9, 9)).astype(np.float32)) * 4
    return functional.interpolate(coarse, (256, 256), mode="bicubic")[0, 0].numpy()


def published(logits, image_hw, input_hw, model):
    """`Sam.postprocess_masks`."""
    grid = torch.from_numpy(logits).double()[None, None]
    options = {"mode": "bilinear", "align_corners": False}
    if model != 256:
        grid = functional.interpolate(grid, (model, model), **options)
    inner = grid[..., : input_hw[0], : input_hw[1]]
    return functional.interpolate(inner, image_hw, **options)[0, 0].numpy()


@pytest.mark.parametrize(("image", "inner", "model"), SIZES)
def test_all_pixels_are_the_published_ones(image, inner, model):
    logits = smooth()
    full = upsampling(image, inner, model).full(logits)
    np.testing.assert_allclose(full, published(logits, image, inner, model), atol=1e-4)


@pytest.mark.parametrize(("image", "inner", "model"), SIZES)
@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.7])
def test_tiles_give_the_mask_of_all_pixels(image, inner, model, threshold):
    steps, logits = upsampling(image, inner, model), smooth(1)
    pixels = published(logits, image, inner, model)
    found = steps.between(logits, -1.0, 1.0)
    mask = np.zeros(image, dtype=np.bool_)
    if (part := found.mask(threshold)) is not None:
        (row, col), inside = part
        mask[row : row + inside.shape[0], col : col + inside.shape[1]] = inside
    clear = np.abs(pixels - threshold) > 1e-4
    np.testing.assert_array_equal(mask[clear], (pixels > threshold)[clear])
    assert found.count(threshold) == mask.sum()


def test_only_tiles_along_the_edge_are_interpolated():
    logits = np.full((256, 256), -5.0, dtype=np.float32)
    logits[64:192, 64:192] = 5.0
    steps = upsampling((2048, 2048), (1024, 1024), 1024)
    found = steps.between(logits, 0.0, 0.0)
    side = steps.rows.side
    edge = 4 * 1024 / side
    assert 0.5 * edge < len(found.values) < 3 * edge
    # the corners are rounded
    assert 1024**2 - 40 < found.count(0.0) <= 1024**2


def test_a_few_tiles_at_a_time_give_the_same(monkeypatch):
    steps, logits = upsampling((600, 700), (878, 1024), 1024), smooth(2)
    expected = steps.between(logits, -1.0, 1.0)
    monkeypatch.setattr(module, "AT_ONCE", 3)
    found = steps.between(logits, -1.0, 1.0)
    assert len(found.values) > 3
    np.testing.assert_array_equal(found.values, expected.values)


def test_an_empty_mask_has_no_pixels_and_no_stability():
    nothing = np.full((256, 256), -9.0, dtype=np.float32)
    found = upsampling((90, 160), (144, 256), 256).between(nothing, -1.0, 1.0)
    assert found.mask(0.0) is None
    assert found.count(-1.0) == 0
    assert found.stability(1.0) == 0.0


def test_stability_is_the_ratio_of_the_areas():
    logits = smooth(3)
    pixels = published(logits, (90, 160), (144, 256), 256)
    found = upsampling((90, 160), (144, 256), 256).between(logits, -0.5, 0.5)
    assert found.stability(0.5) == pytest.approx((pixels > 0.5).sum() / (pixels > -0.5).sum(), 1e-3)


def test_torch_gives_what_numpy_gives():
    logits = smooth(4)
    sizes = ((600, 700), (878, 1024), 1024)
    ours = upsampling(*sizes).between(logits, 0.0, 0.0)
    theirs = upsampling(*sizes, "cpu").between(torch.from_numpy(logits), 0.0, 0.0)
    assert isinstance(theirs.values, torch.Tensor)
    (start, mask), (same, also) = ours.mask(0.0), theirs.mask(0.0)
    assert start == same
    assert (mask != also).mean() < 1e-5


def test_the_tiles_of_an_axis_cover_it():
    axis = upsampling((90, 1000), (92, 1024), 1024).cols
    assert axis.counts.sum() == axis.size == 1000
    # the weights of a pixel add up to one, and there are none beyond the last
    sums = axis.weights.sum(axis=2).ravel()
    np.testing.assert_allclose(sums[:1000], 1, atol=1e-5)
    assert np.isnan(sums[1000:]).all()


def test_sizes_are_prepared_once():
    assert upsampling((90, 160), (144, 256), 256) is upsampling((90, 160), (144, 256), 256)
