from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sam_common.masks.decoded import MaskRegion, Masks
from sam_common.network.architecture import GRID
from sam_common.window import Window


def masks_of(logits, scores=None, size=(256, 256), model_size=256):
    """Masks of a square image as large as the model."""
    grid = np.asarray(logits, dtype=np.float32)
    given_scores = np.zeros(grid.shape[:2], np.float32) if scores is None else np.asarray(scores)
    return Masks(grid, given_scores, size, size, model_size)


def squares(*spans, inside=5.0, outside=-5.0):
    """One prompt for each (first, stop) span: a square of logits."""
    grid = np.full((len(spans), 1, GRID, GRID), outside, dtype=np.float32)
    for n, (first, stop) in enumerate(spans):
        grid[n, 0, first:stop, first:stop] = inside
    return masks_of(grid)


def test_a_model_as_large_as_the_image_gives_its_logits_back():
    grid = np.arange(GRID * GRID, dtype=np.float32).reshape(1, 1, GRID, GRID)
    np.testing.assert_array_equal(masks_of(grid).full_logits(0), grid[0, 0])


def test_a_square_by_hand():
    region = squares((10, 13)).region(0)
    assert region.window == Window((10, 10), (13, 13))
    assert region.mask.all()
    assert region.area_px == 9
    assert region.box_xyxy == (10, 10, 12, 12)


def test_upsampling_by_hand():
    # 256 -> 512: pixel centres lie a quarter of a sample beside the samples, so between samples of
    # -4 and 4 the logits are -4 * 0.75 + 4 * 0.25 = -2 and +2
    grid = np.full((1, 1, GRID, GRID), -4.0, dtype=np.float32)
    grid[0, 0, 100] = 4.0
    masks = Masks(grid, np.zeros((1, 1), dtype=np.float32), (512, 512), (256, 256), 256)
    assert masks.full_logits(0)[198:204, 7].tolist() == [-4, -2, 2, 2, -2, -4]
    assert masks.region(0).window == Window((200, 0), (202, 512))


def test_a_threshold_is_exceeded_not_reached():
    masks = masks_of(np.zeros((1, 1, GRID, GRID), dtype=np.float32))
    assert masks.region(0) is None
    assert not masks.full(0).any()
    assert masks.region(0, threshold=-0.1).area_px == GRID * GRID
    grid = np.full((1, 1, GRID, GRID), -5.0, dtype=np.float32)
    grid[0, 0, 5, 5:8] = [1.0, 0.0, 1.0]
    assert masks_of(grid).region(0).mask.tolist() == [[True, False, True]]


def test_a_pixel_may_lie_far_from_the_sample_that_lights_it():
    # 256 -> 2048: a sample spreads over 16 pixels of each axis, and weighs 1/16 at the ends
    grid = np.full((1, 1, GRID, GRID), -1.0, dtype=np.float32)
    grid[0, 0, 100, 50] = 1000.0
    masks = Masks(grid, np.zeros((1, 1), dtype=np.float32), (2048, 2048), (256, 256), 256)
    region = masks.region(0)
    # the centre of sample 100 is at 803.5, that of sample 50 at 403.5
    assert region.window == Window((796, 396), (812, 412))
    assert (region.mask == (masks.full_logits(0)[region.window.slices] > 0)).all()
    assert masks.full(0).sum() == (masks.full_logits(0) > 0).sum()


def test_padding_never_shows():
    # the object lies in what was padded below an image of 128 rows
    grid = np.full((1, 1, GRID, GRID), -5.0, dtype=np.float32)
    grid[0, 0, 140:] = 5.0
    masks = Masks(grid, np.zeros((1, 1), dtype=np.float32), (128, 256), (128, 256), 256)
    assert masks.region(0) is None
    assert masks.full(0).shape == (128, 256)


def test_candidates_are_addressed_by_prompt_and_candidate():
    grid = np.full((2, 3, GRID, GRID), -5.0, dtype=np.float32)
    for n in range(2):
        for c in range(3):
            grid[n, c, 0, : 1 + 3 * n + c] = 5.0
    masks = masks_of(grid)
    areas = [[masks.region(n, c).area_px for c in range(3)] for n in range(2)]
    assert areas == [[1, 2, 3], [4, 5, 6]]
    assert len(masks) == 2


def test_best_takes_the_highest_score_of_each_prompt():
    grid = np.full((2, 3, GRID, GRID), -5.0, dtype=np.float32)
    for n in range(2):
        for c in range(3):
            grid[n, c, 0, : 1 + 3 * n + c] = 5.0
    best = masks_of(grid, [[0.1, 0.9, 0.5], [0.7, 0.2, 0.6]]).best()
    assert best.logits.shape == (2, 1, GRID, GRID)
    assert best.scores.flatten().tolist() == pytest.approx([0.9, 0.7])
    assert [best.region(n).area_px for n in range(2)] == [2, 4]


def test_slices_keep_their_rows():
    masks = squares((0, 1), (0, 2), (0, 3))
    for n in range(3):
        assert np.array_equal(masks[n : n + 1].logits[0], masks.logits[n])
        assert np.array_equal(masks[n : n + 1].scores[0], masks.scores[n])


def test_stability_by_hand():
    # 4 samples above +1, 6 more between -1 and +1, the rest far below
    grid = np.full((1, 2, GRID, GRID), -9.0, dtype=np.float32)
    grid[0, 0, 3, :4] = 2.0
    grid[0, 0, 4, :6] = 0.0
    masks = masks_of(grid)
    assert masks.stability().tolist() == [[pytest.approx(0.4), 0.0]]
    assert masks.stability(offset=3.0).tolist() == [[0.0, 0.0]]


def test_stability_leaves_the_padding_out():
    grid = np.full((1, 1, GRID, GRID), -9.0, dtype=np.float32)
    grid[0, 0, :2, 0] = 2.0
    grid[0, 0, 128:] = 0.0  # below an image whose 400 of 800 columns fill half of the square
    masks = Masks(grid, np.zeros((1, 1), dtype=np.float32), (400, 800), (512, 1024), 1024)
    assert masks.stability().tolist() == [[1.0]]


def test_an_object_of_a_large_image_needs_no_image():
    # 20 000 x 20 000 pixels are 400 MB of booleans and 1.6 GB of logits
    grid = np.full((1, 1, GRID, GRID), -5.0, dtype=np.float32)
    grid[0, 0, 100:103, 100:103] = 5.0
    masks = Masks(grid, np.zeros((1, 1), dtype=np.float32), (20_000, 20_000), (1024, 1024), 1024)
    masks.region(0)  # the interpolation weights are kept
    tracemalloc.start()
    region = masks.region(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 200 < min(region.mask.shape) <= max(region.mask.shape) < 300
    assert peak < 4e6


def test_a_mask_region_moves():
    region = MaskRegion(Window((1, 2), (2, 4)), np.array([[True, False]]))
    moved = region.shift((10, 20))
    assert moved.window == Window((11, 22), (12, 24))
    assert moved.box_xyxy == (22, 11, 22, 11)
