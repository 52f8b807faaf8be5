from __future__ import annotations

import numpy as np
import pytest
from balls_to_correct import SHAPE, Balls
from shaded_objects import prediction

from sam_common.window import Window
from sam_med.corrections.before import ObjectBefore
from sam_med.corrections.reach import Reach
from sam_med.corrections.voxels import Voxels
from sam_med.propagate.propagated_object import PropagatedObject

WINDOW = Window((4, 8, 5), (24, 26, 24))


@pytest.fixture
def before():
    """The left ball in a window of its own, with one slice that a person gave and one voxel."""
    balls = Balls()
    answered = np.zeros(WINDOW.shape, dtype=np.int8)
    answered[2, 3, 4], answered[2, 3, 5] = 1, -1
    given = prediction((1, 10), np.zeros((20, 19), dtype=bool), WINDOW, given=True)
    mask = balls.left[WINDOW.slices]
    one = PropagatedObject(WINDOW, mask, {(1, 10): given}, answered)
    return ObjectBefore.of(one, balls.slices)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_is_whole_and_empty_beyond_the_window(before, axis):
    left = Balls().left
    for index in (0, 3, 12, SHAPE[axis] - 1):
        assert np.array_equal(before.mask((axis, index)), left.take(index, axis))
        assert before.shades((axis, index)).shape == left.take(index, axis).shape


def test_what_was_answered(before):
    assert np.argwhere(before.answered((0, 6), positive=True)).tolist() == [[11, 9]]
    assert np.argwhere(before.answered((1, 11), positive=False)).tolist() == [[6, 10]]
    assert not before.answered((0, 7), positive=True).any()
    none = ObjectBefore.of(Balls().found(Balls().left), before.slices)
    assert not none.answered((0, 6), positive=True).any()
    assert before.is_given((1, 10))
    assert not before.is_given((1, 11))


def test_the_nearest_slice_that_shows_the_object(before):
    assert before.nearest((0, 12)) == (0, 12)
    assert before.nearest((0, 0)) == (0, 5)
    assert before.nearest((0, 29)) == (0, 23)
    empty = ObjectBefore.of(Balls().found(np.zeros(SHAPE, dtype=bool)), before.slices)
    assert empty.nearest((0, 4)) == (0, 4)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4, 3:5, 3], mask[8, 3:6, 3] = True, True
    # of two as near the larger one
    assert ObjectBefore.of(Balls().found(mask), before.slices).nearest((0, 6)) == (0, 8)


def test_shades_of_the_object_spread_little(before):
    assert 1 <= before.spread((0, 0)) < 10
    assert before.pixel_mm(0) == (1, 1)
    assert [before.size(axis) for axis in range(3)] == list(SHAPE)


@pytest.mark.parametrize(("i", "slices"), [(22, 0), (21, 8**0.5)])
def test_a_change_is_followed_no_farther_than_the_mark_reaches(before, i, slices):
    assert (before.most_slices(0), before.is_thin) == (SHAPE[0], False)
    balls = Balls()
    found = balls.found(balls.left)
    marked = Voxels(Window((14, 17, i), (15, 18, i + 1)), np.ones((1, 1, 1), dtype=bool))
    reach = Reach.of(found, balls.slices.volume, marked, (0,), positive=False)
    held = ObjectBefore.of(found, balls.slices, reach)
    assert [held.most_slices(axis) for axis in range(3)] == pytest.approx([slices] * 3)
    assert held.is_thin == (i == 22)
