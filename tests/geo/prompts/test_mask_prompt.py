"""Masks and polygons as the low-resolution prompts of a network."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from sam_common.network.architecture import GRID
from sam_common.window import Window
from sam_geo.prompts.mask_prompt import LOGIT, mask_logits, outline_mask
from sam_geo.raster.read_window import ReadWindow

NATIVE = ReadWindow(Window((10, 20), (50, 100)), (40, 80), ())
COARSE = ReadWindow(Window((10, 20), (50, 100)), (10, 20), ())


def test_padding_and_background_are_sure_and_the_edge_is_between():
    mask = np.zeros((40, 80), dtype=np.bool_)
    mask[:, :30] = True
    # 40 x 80 pixels become 512 x 1024 of the network, a quarter of that in its prompt
    logits = mask_logits(mask, (512, 1024), 1024)
    assert logits.shape == (GRID, GRID)
    assert logits.dtype == np.float32
    assert (logits[:128, :95] == LOGIT).all()
    assert (logits[:128, 97:] == -LOGIT).all()
    assert (logits[128:] == -LOGIT).all()
    assert np.abs(logits).max() == LOGIT


@given(st.integers(1, 64), st.integers(1, 64))
def test_the_sum_of_a_mask_prompt_is_the_part_of_the_mask(rows, cols):
    mask = np.random.default_rng(rows * 257 + cols).random((64, 64)) < 0.5
    logits = mask_logits(mask, (4 * rows, 4 * cols), 1024)[:rows, :cols]
    assert (logits / LOGIT + 1).mean() / 2 == pytest.approx(mask.mean(), abs=1e-3)


def test_pixels_whose_centres_lie_in_a_polygon():
    mask = outline_mask(box(29.5, 19.5, 32.4, 20.5), NATIVE)
    assert np.argwhere(mask).tolist() == [[10, 10], [10, 11], [10, 12]]
    assert mask.shape == (40, 80)
    # the middle of the last pixel is not reached
    assert np.argwhere(outline_mask(box(29.5, 19.5, 31.9, 20.5), NATIVE)).tolist() == [
        [10, 10],
        [10, 11],
    ]


def test_holes_are_background_and_coarse_pixels_are_counted():
    ring = box(23.5, 13.5, 43.5, 33.5).difference(box(31.5, 21.5, 35.5, 25.5))
    mask = outline_mask(ring, COARSE)
    assert mask.sum() == 24
    assert not mask[3, 3]


@pytest.mark.parametrize("read", [NATIVE, COARSE])
def test_a_thin_polygon_is_the_pixels_that_it_touches(read):
    thin = shapely.LineString([(30, 19.8), (50, 19.9)]).buffer(0.01)
    mask = outline_mask(thin, read)
    assert mask.any()
    assert mask.any(axis=1).sum() == 1
    assert mask.sum() == 20 // read.scale_xy[0] + 1
