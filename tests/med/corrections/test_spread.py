from __future__ import annotations

import numpy as np
import pytest
from balls_to_correct import SHAPE, Balls, box_of
from shaded_objects import slices_of

from sam_common.window import Window
from sam_med.corrections.before import ObjectBefore
from sam_med.corrections.changes import Change
from sam_med.corrections.spread import Spread, follow_change, follow_together
from sam_med.propagate.correction import PaintedSlice, redraw
from sam_med.propagate.planes import segment_box


@pytest.fixture
def balls():
    return Balls()


def right_of(balls, *, is_whole):
    """The right ball as what a mark changes on its middle slice."""
    return Change((0, 14), (balls.both & ~balls.left)[14], 0.5, is_whole)


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_change_is_followed_to_where_the_object_or_the_change_ends(balls, is_whole):
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    found = follow_change(before, right_of(balls, is_whole=is_whole), positive=True)
    assert list(found) == list(range(min(found), max(found) + 1))
    assert min(found) < 12
    assert max(found) > 16
    for k, pixels in found.items():
        assert balls.left[k].any()
        assert not (pixels & ~(balls.both & ~balls.left)[k]).any()


def test_a_part_goes_no_farther_than_it_is_wide(balls):
    pixels = np.zeros(SHAPE[1:], dtype=bool)
    pixels[16:19, 28:31] = True
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    found = follow_change(before, Change((0, 14), pixels, 0.5, is_whole=False), positive=True)
    assert set(found) <= {12, 13, 14, 15, 16}


def test_a_surplus_is_followed_too(balls):
    before = ObjectBefore.of(balls.found(balls.both), balls.slices)
    found = follow_change(before, right_of(balls, is_whole=True), positive=False)
    assert min(found) < 14 < max(found)
    assert not any((pixels & balls.left[k]).any() for k, pixels in found.items())


def test_a_slice_that_is_right_or_was_painted_ends_the_way(balls):
    mask = balls.left.copy()
    mask[16:] = balls.both[16:]
    before = ObjectBefore.of(balls.found(mask), balls.slices)
    assert max(follow_change(before, right_of(balls, is_whole=True), positive=True)) == 15
    start = segment_box(balls.slices, box_of(balls.left))
    painted = PaintedSlice(0, 13, Window((17, 14), (18, 15)), np.ones((1, 1), dtype=bool))
    after = ObjectBefore.of(redraw(start, balls.slices, painted), balls.slices)
    assert min(follow_change(after, right_of(balls, is_whole=True), positive=True)) == 14


def test_a_change_of_another_shade_is_not_followed(balls):
    array = balls.array.copy()
    # bright enough for the network, but unlike the marked slice
    array[15:][balls.right[15:]] = 235
    before = ObjectBefore.of(balls.found(balls.left), slices_of(array, balls.slices.segmenter))
    found = follow_change(before, right_of(balls, is_whole=True), positive=True)
    assert max(found) == 14
    assert min(found) < 13


def test_an_axis_is_not_followed_to_slices_on_which_no_other_changes_anything(balls):
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    alone = follow_change(before, right_of(balls, is_whole=True), positive=True)
    pixels = np.zeros((SHAPE[0], SHAPE[2]), dtype=bool)
    pixels[13:16, 29:31] = True
    few = Change((1, 17), pixels, 0.5, is_whole=False)
    spreads = [
        Spread(before, seed, positive=True) for seed in (right_of(balls, is_whole=True), few)
    ]
    follow_together(spreads)
    first, last = spreads[1].extent(0)
    reached = spreads[0].slices
    assert list(reached) == list(range(max(min(alone), first), min(max(alone), last) + 1))
    assert len(reached) < len(alone)
    assert all(np.array_equal(reached[k], alone[k]) for k in reached)


def test_a_change_lies_between_its_first_and_last_slice_of_each_axis(balls):
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    one = Spread(before, right_of(balls, is_whole=True), positive=True)
    one.follow(13, 16)
    whole = np.zeros(SHAPE, dtype=bool)
    for k, pixels in one.slices.items():
        whole[k] = pixels
    for axis, at in enumerate(np.nonzero(whole)):
        assert one.extent(axis) == (at.min(), at.max())
    nothing = Change((0, 14), np.zeros(SHAPE[1:], dtype=bool), 1.0, is_whole=True)
    assert Spread(before, nothing, positive=True).extent(1) is None
