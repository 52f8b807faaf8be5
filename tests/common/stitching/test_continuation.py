"""The rest of an object beyond its window's edge."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from squares import square

from sam_common.automatic.options import EverythingOptions
from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.stitching.continuation import continuations, inner_points, open_ends
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups
from sam_common.window import Window

LEFT, RIGHT = Window((0, 0), (64, 64)), Window((0, 40), (64, 104))
IMAGE = (64, 104)
OPTIONS = EverythingOptions()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10_000))
def test_inner_points_lie_in_the_mask(rows, cols, seed):
    mask = np.random.default_rng(seed).random((rows, cols)) < 0.6
    mask[rows // 2, cols // 2] = True
    region = MaskRegion(Window((7, 11), (7 + rows, 11 + cols)), mask)
    points = inner_points(region)
    assert points.shape == (3, 2)
    for x, y in points.astype(int):
        assert mask[y - 7, x - 11]


def test_inner_points_of_a_bar_are_spread_along_it():
    points = inner_points(square(10, 0, 20, 60).region)
    assert np.ptp(points[:, 0]) > 40
    assert ((points[:, 1] >= 12) & (points[:, 1] <= 17)).all()


def test_what_ends_at_its_windows_edge_is_named():
    parts = [[square(10, 4, 30, 64), square(40, 4, 50, 30)], [square(50, 60, 60, 90)]]
    ends = open_ends(find_groups(Layout([LEFT, RIGHT], IMAGE), parts.__getitem__))
    assert ends == {1: [(0, 0)]}


def test_what_goes_on_in_the_next_window_is_no_open_end():
    parts = [[square(10, 4, 30, 64)], [square(10, 40, 30, 90)]]
    assert open_ends(find_groups(Layout([LEFT, RIGHT], IMAGE), parts.__getitem__)) == {}


def test_a_sliver_or_a_few_pixels_are_not_followed():
    parts = [[square(10, 4, 30, 42), square(10, 60, 13, 64)], []]
    assert open_ends(find_groups(Layout([LEFT, RIGHT], IMAGE), parts.__getitem__)) == {}


def beyond(end, known=(), radius=9.0, **options):
    # a disc around each point: agrees with a square of the same size
    segmenter = FakeSegmenter(radius_px=radius, model_size=64)
    embedding = segmenter.embed(np.ones((64, 64, 3), dtype=np.uint8))
    settings = EverythingOptions(**options)
    return continuations(segmenter, embedding, RIGHT, known, [(LEFT, end)], options=settings)


def test_what_agrees_in_the_overlap_is_the_rest():
    (found,) = beyond(square(20, 30, 40, 64))
    assert found.score > 0.88
    rows, cols = found.region.window.start, found.region.window.stop
    assert rows[1] >= 40
    assert cols[1] > 64  # beyond the edge of the left window


def test_what_disagrees_is_nothing():
    assert beyond(square(20, 30, 40, 64), radius=3.0) == []
    assert beyond(square(20, 4, 40, 30)) == []


def test_what_does_not_pass_the_filters_is_nothing():
    assert beyond(square(20, 30, 40, 64), pred_iou_thresh=0.95) == []


def test_what_is_known_already_is_not_found_again():
    (found,) = beyond(square(20, 30, 40, 64))
    assert beyond(square(20, 30, 40, 64), known=[found]) == []
