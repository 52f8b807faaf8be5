"""Segments: masks in windows, what of them lies on a slice, overlaps and confidence."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import GeometryError
from sam_common.window import Window
from sam_med.objects.segments import Segment, SliceConfidence, crop, median_confidence

SHAPE = (4, 5, 6)


def segment_of(whole, window):
    return Segment("a", 1, window, whole[window.slices].copy())


@st.composite
def segments(draw):
    """A segment of random voxels, and its mask in the whole volume."""
    start = [draw(st.integers(0, n - 1)) for n in SHAPE]
    stop = [draw(st.integers(low + 1, n)) for low, n in zip(start, SHAPE, strict=True)]
    window = Window(tuple(start), tuple(stop))
    whole = np.zeros(SHAPE, bool)
    voxels = np.random.default_rng(draw(st.integers(0, 99))).random(window.shape) < 0.3
    whole[window.slices] = voxels
    return segment_of(whole, window), whole


@given(segments())
def test_a_slice_of_a_segment_is_that_of_its_volume(pair):
    segment, whole = pair
    assert np.array_equal(segment.full(SHAPE), whole)
    for k in range(-1, SHAPE[0] + 1):
        expected = whole[k] if 0 <= k < SHAPE[0] else np.zeros(SHAPE[1:], bool)
        assert np.array_equal(segment.on_slice(k, SHAPE[1:]), expected)
    assert segment.occupied_slices == [k for k in range(SHAPE[0]) if whole[k].any()]
    assert segment.voxels == whole.sum()


@given(segments(), segments())
def test_two_segments_overlap_where_they_share_a_voxel(one, two):
    assert one[0].overlaps(two[0]) == bool((one[1] & two[1]).any())
    assert one[0].overlaps(two[0]) == two[0].overlaps(one[0])


def test_a_slice_is_no_view_of_the_mask():
    segment = Segment("a", 1, Window((0, 0, 0), (1, 2, 2)), np.zeros((1, 2, 2), bool))
    segment.on_slice(0, (2, 2))[:] = True
    assert not segment.mask.any()


def test_the_part_in_a_window_inside():
    mask = np.arange(24).reshape(2, 3, 4) % 5 == 0
    segment = Segment("a", 1, Window((1, 2, 3), (3, 5, 7)), mask)
    part = segment.part(Window((2, 3, 4), (3, 5, 6)))
    assert np.array_equal(part, mask[1:2, 1:3, 1:3])


@pytest.mark.parametrize(
    ("mask", "seen"),
    [(np.zeros((1, 2, 3), np.uint8), "uint8 of (1, 2, 3)"), (np.zeros((1, 2), bool), "bool of (1")],
)
def test_a_mask_has_the_shape_of_its_window(mask, seen):
    expected = f"the mask of a must be boolean of shape (1, 2, 3), got {seen}"
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}"):
        Segment("a", 1, Window((0, 0, 0), (1, 2, 3)), mask)


def test_the_confidence_is_the_median_of_the_slices():
    slices = tuple(SliceConfidence(k, c, 1, 1, 1, None) for k, c in enumerate((0.9, 0.12345, 0.5)))
    window = Window((0, 0, 0), (1, 1, 1))
    assert Segment("a", 1, window, np.ones((1, 1, 1), bool), slices=slices).confidence == 0.5
    assert median_confidence(slices[1:2]) == 0.123
    assert median_confidence(()) is None


@given(segments())
def test_a_crop_is_the_smallest_window(pair):
    segment, whole = pair
    window, part = crop(whole)
    assert np.array_equal(segment_of(whole, window).full(SHAPE), whole)
    assert np.array_equal(part, whole[window.slices])
    if whole.any():
        ends = [part.any(axis=tuple({0, 1, 2} - {axis}))[[0, -1]] for axis in range(3)]
        assert np.all(ends)
    else:
        assert window == Window((0, 0, 0), (1, 1, 1))
    whole[:] = True
    assert part.sum() == segment.voxels


def test_a_crop_of_one_slice():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 4] = True
    assert crop(mask)[0] == Window((1, 4), (3, 5))
