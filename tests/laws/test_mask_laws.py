from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from sam_common.masks.decoded import Masks
from sam_common.network.architecture import GRID
from sam_common.window import Window

HALF_ULP = 2.0**-24
"""The relative error of one rounding in float32."""
# logits of 9 at most: each axis has a rounded weight, a product and sums of four terms, for the
# chain's two steps
ROUNDED = 9.0 * 2 * 9 * HALF_ULP

# a law on an image is one check of thousands of pixels: a few dozen images are enough
few = settings(max_examples=25)

sides = st.sampled_from([1, 2, 3, 17, 64, 100, 255, 256, 257, 300, 1024, 1300])
thresholds = st.sampled_from([-3.0, -1.0, -0.25, 0.0, 0.5, 2.0])


def shape_of(size_hw, model_size):
    """Size before padding, by the published rounding."""
    scale = model_size / max(size_hw)
    return tuple(max(1, int(side * scale + 0.5)) for side in size_hw)


@st.composite
def masks(draw):
    """Smooth blobs, noise, a single bright sample, or a plain, on images of any size."""
    size = draw(st.tuples(sides, sides))
    model_size = draw(st.sampled_from([256, 1024]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = torch.from_numpy(random.normal(size=(1, 1, GRID, GRID)).astype(np.float32))
    kind = draw(st.sampled_from(["sample", "noise", "blobs", "plain"]))
    if kind == "blobs":
        grid = functional.interpolate(noise[..., :12, :12], (GRID, GRID), mode="bicubic")
    elif kind == "noise":
        grid = noise
    elif kind == "sample":
        inner = shape_of(size, model_size)
        row, col = (draw(st.integers(0, -(-side * GRID // model_size) - 1)) for side in inner)
        grid = torch.full((1, 1, GRID, GRID), -0.5)
        grid[..., row, col] = 9.0
    else:
        grid = torch.full((1, 1, GRID, GRID), draw(st.sampled_from([-1.0, 0.0, 1.0])))
    logits = grid.repeat(2, 1, 1, 1)
    # numpy's, or torch's as on a GPU
    given_logits = logits if draw(st.booleans()) else logits.numpy()
    scores = np.zeros((2, 1), dtype=np.float32)
    return Masks(given_logits, scores, size, shape_of(size, model_size), model_size)


def published(batch, dtype=torch.float64):
    """Sam.postprocess_masks, and LiteMedSAM's script for a model of 256: crop, then resize."""
    logits = torch.as_tensor(batch.logits[:1]).to(dtype)
    if batch.model_size != GRID:
        side = batch.model_size
        logits = functional.interpolate(logits, (side, side), mode="bilinear", align_corners=False)
    rows, cols = batch.input_size_hw
    cropped = logits[..., :rows, :cols]
    image = functional.interpolate(
        cropped, batch.image_size_hw, mode="bilinear", align_corners=False
    )
    return image[0, 0].numpy()


def unlike(a, b, logits, threshold):
    """Pixels at which two masks differ although the logit is not at the threshold."""
    return ((a != b) & (np.abs(logits - threshold) > ROUNDED)).sum()


@few
@given(masks())
def test_full_logits_are_the_published_chain(batch):
    full = batch.full_logits(0)
    np.testing.assert_allclose(full, published(batch), rtol=0, atol=ROUNDED)
    np.testing.assert_allclose(
        full, published(batch, torch.float32), rtol=0, atol=ROUNDED + misplaced(batch)
    )


def misplaced(batch):
    """How far the published chain may be off in float32, where it works out where a sample lies.

    The place of a pixel among N samples is `(pixel + 0.5) * (N / pixels) - 0.5`: the ratio, the
    product and the difference are rounded, each by half a unit in the last place of a number up to
    N, so by N * 2**-24. On the grid of logits N is 256 and neighbours differ by their range at
    most; on the model's input N is 1024, where each step is a quarter of that. There are two axes.
    (From 256 to 1024 the ratio is 1/4, and nothing is rounded.)
    """
    return 2 * 3 * GRID * HALF_ULP * float(np.ptp(np.asarray(batch.logits)))


@few
@given(masks(), thresholds)
def test_full_is_the_published_mask(batch, threshold):
    logits = published(batch)
    full = batch.full(0, threshold=threshold)
    assert full.shape == batch.image_size_hw
    assert full.dtype == np.bool_
    assert unlike(full, logits > threshold, logits, threshold) == 0


@few
@given(masks(), thresholds)
def test_full_is_the_region_with_background_around(batch, threshold):
    full = batch.full(0, threshold=threshold)
    region = batch.region(0, threshold=threshold)
    assert (region is None) == (not full.any())
    if region is not None:
        padded = np.zeros(batch.image_size_hw, dtype=np.bool_)
        padded[region.window.slices] = region.mask
        np.testing.assert_array_equal(padded, full)


@few
@given(masks(), thresholds)
def test_the_window_of_a_region_is_tight(batch, threshold):
    region = batch.region(0, threshold=threshold)
    if region is None:
        return
    assert Window.full(batch.image_size_hw).contains(region.window)
    assert region.mask.shape == region.window.shape
    edges = (region.mask[0], region.mask[-1], region.mask[:, 0], region.mask[:, -1])
    assert all(edge.any() for edge in edges)
    (top, left), (bottom, right) = region.window.start, region.window.stop
    assert region.box_xyxy == (left, top, right - 1, bottom - 1)
    assert region.area_px == np.count_nonzero(batch.full(0, threshold=threshold))


@few
@given(masks(), st.sampled_from([0.0, 0.25, 1.0, 3.0]))
def test_stability_is_that_of_the_published_generator(batch, offset):
    logits = published(batch)
    inner, outer = (logits > offset).sum(), (logits > -offset).sum()
    near = (np.abs(np.abs(logits) - offset) < ROUNDED).sum()
    stability = batch.full_stability(0, offset=offset)
    if outer:
        assert abs(stability * outer - inner) <= 2 * near + 1e-6
    else:
        assert stability == 0


@few
@given(masks(), st.sampled_from([0.0, 0.25, 1.0, 3.0]))
def test_a_mask_and_its_stability_are_the_same_together(batch, offset):
    region, stability = batch.region_and_stability(0, offset=offset)
    assert stability == batch.full_stability(0, offset=offset)
    alone = batch.region(0)
    assert (region is None) == (alone is None)
    if region is not None:
        assert region.window == alone.window
        np.testing.assert_array_equal(region.mask, alone.mask)


@few
@given(masks(), thresholds, thresholds)
def test_a_higher_threshold_gives_a_smaller_mask(batch, one, other):
    low, high = sorted([one, other])
    assert not (batch.full(0, threshold=high) & ~batch.full(0, threshold=low)).any()


@few
@given(masks(), st.tuples(st.integers(-999, 999), st.integers(-999, 999)))
def test_shift_translates(batch, offset):
    region = batch.region(0)
    if region is None:
        return
    moved = region.shift(offset)
    x0, y0, x1, y1 = region.box_xyxy
    row, col = offset
    assert moved.box_xyxy == (x0 + col, y0 + row, x1 + col, y1 + row)
    assert moved.area_px == region.area_px
    assert moved.shift((-row, -col)).window == region.window


@few
@given(masks())
def test_transposed_logits_give_the_transposed_mask(batch):
    flipped = Masks(
        batch.logits.swapaxes(2, 3),
        batch.scores,
        batch.image_size_hw[::-1],
        batch.input_size_hw[::-1],
        batch.model_size,
    )
    logits = batch.full_logits(0)
    assert unlike(flipped.full(0).T, batch.full(0), logits, 0.0) == 0
