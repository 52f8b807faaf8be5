"""Set operations on masks in windows, against those on whole images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from squares import region, square

from sam_common.masks.decoded import MaskRegion
from sam_common.stitching.regions import boxes_of, crop, drawn, mask_iou, minus
from sam_common.window import Window

IMAGE = (16, 20)


@st.composite
def regions(draw: st.DrawFn) -> MaskRegion:
    top, left = draw(st.integers(0, 10)), draw(st.integers(0, 14))
    height, width = draw(st.integers(1, IMAGE[0] - top)), draw(st.integers(1, IMAGE[1] - left))
    mask = np.random.default_rng(draw(st.integers(0, 99))).random((height, width)) < 0.6
    return region(mask, (top, left))


def full(found: MaskRegion | None) -> np.ndarray:
    mask = np.zeros(IMAGE, dtype=np.bool_)
    if found is not None:
        assert found.mask.any()
        mask[found.window.slices] = found.mask
    return mask


def plain(found: MaskRegion) -> np.ndarray:
    mask = np.zeros(IMAGE, dtype=np.bool_)
    mask[found.window.slices] = found.mask
    return mask


@given(regions(), regions())
def test_operations_are_those_on_whole_images(a: MaskRegion, b: MaskRegion) -> None:
    one, two = plain(a), plain(b)
    place = np.zeros(IMAGE, dtype=np.bool_)
    place[b.window.slices] = True
    assert np.array_equal(full(crop(a, b.window)), one & place)
    if a.window.intersect(b.window) is None:
        assert minus(a, b) is a
    else:
        assert np.array_equal(full(minus(a, b)), one & ~two)
    assert np.array_equal(drawn([a, b], Window.full(IMAGE)), one | two)
    union = (one | two).sum()
    if union:
        assert mask_iou(a, b) == pytest.approx((one & two).sum() / union)


def test_a_difference_does_not_change_the_mask_that_it_is_taken_from() -> None:
    a = square(0, 0, 4, 4).region
    assert minus(a, square(2, 0, 6, 4).region) is not None
    assert a.mask.all()
    assert minus(a, square(0, 0, 9, 9).region) is None


def test_a_place_may_reach_beyond_the_image() -> None:
    place = Window((-2, -3), (2, 3))
    expected = np.zeros((4, 6), dtype=np.bool_)
    expected[2:, 3:] = True
    assert np.array_equal(drawn([square(0, 0, 9, 9).region], place), expected)


def test_boxes_are_half_open_windows() -> None:
    assert boxes_of([square(1, 2, 3, 5), square(0, 0, 1, 1)]).tolist() == [
        [1, 2, 3, 5],
        [0, 0, 1, 1],
    ]
    assert boxes_of([]).shape == (0, 4)
