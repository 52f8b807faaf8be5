from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shaded_objects import ball, prediction, scan, slice_box, slices_of, tight

from sam_common.metrics.agreement import dice
from sam_common.window import Window
from sam_med.geometry.slice_box import SliceBox
from sam_med.propagate.object_ends import _guesses, _is_same_object, _Shade, search_window
from sam_med.propagate.planes import segment_slice_boxes

ORDERS = list(itertools.permutations(range(3)))
SIGNS = list(itertools.product((1, -1), repeat=3))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_box_is_followed_to_the_ends_of_its_object(axis):
    truth = ball()
    slices = slices_of(scan(truth))
    found = segment_slice_boxes(slices, [slice_box(truth, axis, (14, 17, 20)[axis])])
    # a tip of one voxel may lie between two of the slices that are looked at
    assert np.count_nonzero(found.full(truth.shape) != truth) <= 6


def test_an_object_does_not_go_on_in_another_shade():
    body = ball()
    array = scan(body).astype(np.int16)
    array[20:] += 40 * body[20:].astype(np.int16)
    found = segment_slice_boxes(slices_of(array), [slice_box(body, 0, 14)])
    # a fifth of its length is looked at beyond the last slice that is like the first
    assert found.window.stop[0] <= 23


def test_slices_across_find_what_following_lost():
    truth = ball()
    array = scan(truth)
    # following ends at the dark slice, and a fifth of what it found is not enough to cross it
    array[12] = -100
    found = segment_slice_boxes(slices_of(array), [slice_box(truth, 0, 14)])
    assert found.window.start[0] <= 7


def drawn_on_another_object():
    """A ball that is dark on the drawn slice, and a rod in the corner of its box that goes on."""
    truth = ball()
    array = scan(truth)
    array[14] = -100
    array[14:, 12:15, 14:17] = 180
    return truth, array


def test_a_drawn_slice_that_shows_another_object_is_outvoted():
    truth, array = drawn_on_another_object()
    slices = slices_of(array)
    found = segment_slice_boxes(slices, [slice_box(truth, 0, 14)])
    # the rod was followed to slice 29, the last one
    assert found.window.stop[0] <= 24


@settings(max_examples=8, deadline=None)
@given(order=st.sampled_from(ORDERS), signs=st.sampled_from(SIGNS), other=st.booleans())
def test_one_box_finds_the_same_however_the_volume_is_stored(order, signs, other):
    truth, array = drawn_on_another_object() if other else (ball(), scan(ball()))
    turn = tuple(slice(None, None, sign) for sign in signs)
    plain = segment_slice_boxes(slices_of(array), [slice_box(truth, 0, 14)]).full(array.shape)
    drawn = np.zeros(array.shape, dtype=bool)
    drawn[slice_box(truth, 0, 14).window_kji.slices] = True
    turned = np.ascontiguousarray(array.transpose(order)[turn])
    box = tight(drawn.transpose(order)[turn])
    found = segment_slice_boxes(slices_of(turned), [SliceBox.from_window(order.index(0), box)])
    assert np.array_equal(plain.transpose(order)[turn], found.full(turned.shape))


def test_boxes_on_several_slices_of_several_axes():
    truth = ball()
    slices = slices_of(scan(truth))
    boxes = [slice_box(truth, 0, 8), slice_box(truth, 0, 18)]
    assert dice(segment_slice_boxes(slices, boxes).full(truth.shape), truth) > 0.97
    crossed = [slice_box(truth, 0, 14), slice_box(truth, 2, 20)]
    found = segment_slice_boxes(slices, crossed)
    assert found.window == tight(truth)
    assert np.array_equal(found.full(truth.shape), truth)


def test_boxes_along_two_axes_say_all_and_nothing_is_predicted():
    truth = ball()
    slices = slices_of(scan(truth))
    boxes = [slice_box(truth, 0, 14), slice_box(truth, 1, 17)]
    assert search_window(slices, boxes) == tight(truth)
    assert slices.decoded == 0


def test_an_object_is_searched_a_fifth_beyond_its_ends_and_a_twentieth_beyond_its_sides():
    """On thick slices, which nothing crosses: a rod of 11 x 11 voxels on slices 8 to 17."""
    rod = np.zeros((30, 40, 40), dtype=bool)
    rod[8:18, 15:26, 15:26] = True
    slices = slices_of(scan(rod), spacing_ijk=(1, 1, 6))
    done = []
    found = search_window(slices, [slice_box(rod, 0, 12)], done.append)
    assert found == Window((6, 14, 14), (20, 27, 27))
    # the seed, the slices of the rod, and the first beyond either end
    assert sum(done) == 1 + 9 + 2


@pytest.mark.parametrize(
    ("quality", "area", "shade", "same"),
    [
        (0.4, 10, 120, True),
        (0.39, 10, 120, False),
        (0.9, 9, 120, False),
        (0.9, 100, 121, False),
        (0.9, 100, 79, False),
    ],
)
def test_the_three_tests_of_a_followed_slice(quality, area, shade, same):
    mask = np.zeros((10, 10), dtype=bool)
    one = prediction((0, 3), mask, Window((0, 0, 0), (5, 10, 10)), quality)
    values = np.full(area, shade, dtype=np.uint8)
    assert _is_same_object(one, _Shade(area_px=100, mean=100, sd=10), values) is same


def test_lengths_of_a_crossed_object_in_mm():
    """Boxes of 8 voxels of 1 mm on slices 2 mm apart: 1 to 16 mm are 1 to 8 slices."""
    volume = slices_of(scan(ball()), spacing_ijk=(1, 1, 2)).volume
    guesses = _guesses(volume, Window((14, 10, 10), (15, 18, 18)), 0)
    ends = {(14 - guess.start[0], guess.stop[0] - 15) for guess in guesses}
    assert ends == set(itertools.product((1, 2, 4, 8), repeat=2))
    assert {guess.start[1:] + guess.stop[1:] for guess in guesses} == {(10, 10, 18, 18)}
