from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaded_objects import prediction, shown

from sam_common.window import Window
from sam_med.propagate.vote import (
    agreement,
    by_axis,
    last_vote,
    mean_quality,
    most_voted_piece,
    reach,
    slabs,
    slice_index,
    stacks,
    tally,
    vote,
    weight,
)

WINDOW = Window((4, 0, 0), (7, 5, 6))


def slab(*rows):
    mask = np.zeros((5, 6), dtype=bool)
    mask[list(rows)] = True
    return mask


@pytest.mark.parametrize(
    ("quality", "expected"), [(1.0, 0.49), (0.8, 0.25), (0.32, 0.0004), (0.3, 0.0004), (0, 0.0004)]
)
def test_a_prediction_weighs_by_its_quality_above_the_doubted_one(quality, expected):
    one = prediction((0, 5), slab(1), WINDOW, quality)
    assert weight(one) == pytest.approx(expected)
    assert weight(prediction((0, 5), slab(1), WINDOW, quality, given=True)) == 1


def test_votes_are_certainty_times_weight_on_the_slice_alone():
    one = prediction((0, 5), slab(1), WINDOW, 0.8)
    ((rows, votes),) = tally([one, one], WINDOW, {(0, 5): 0.5})
    assert rows == slice(0, 3)
    assert votes.shape == WINDOW.shape
    assert votes[1, 1] == pytest.approx(0.25 * 100 / 127)
    assert votes[1, 0] == pytest.approx(-0.25 * 100 / 127)
    assert not votes[[0, 2]].any()


def test_of_two_pieces_the_one_with_more_votes_stays_and_equal_ones_stay_together():
    def most(votes):
        in_two = [(slice(0, 2), votes[:2]), (slice(2, 3), votes[2:])]
        return most_voted_piece(lambda: iter(in_two), votes.shape)

    votes = np.full((3, 3, 9), -1, dtype=np.float32)
    votes[1, 1, :2] = 1
    votes[1, 1, 4] = 1.25
    votes[2, 1, 4] = 1.25
    assert np.argwhere(most(votes)).tolist() == [[1, 1, 4], [2, 1, 4]]
    # the two sums differ through rounding alone
    votes[1, 1, 4] = votes[2, 1, 4] = 1 + 1e-7
    assert most(votes).sum() == 4
    assert not most(np.zeros_like(votes)).any()


def test_more_pieces_than_16_bits_count():
    dots = np.zeros((4, 400, 400), dtype=np.float32)
    dots[::2, ::2, ::2] = 1
    dots[2, 398, 398] = 2
    found = most_voted_piece(lambda: [(slice(0, 4), dots)], dots.shape)
    assert np.argwhere(found).tolist() == [[2, 398, 398]]


@pytest.mark.parametrize("voxels", [1, 70, 1 << 22])
def test_slabs_of_any_size_say_the_same(voxels, monkeypatch):
    masks = np.random.default_rng(5).random((3, *WINDOW.shape)) < 0.5
    predictions = {}
    for axis in range(3):
        for n, part in enumerate(np.moveaxis(masks[axis], axis, 0)):
            place = (axis, n + WINDOW.start[axis])
            predictions[place] = prediction(place, part, WINDOW, 0.5 + 0.1 * axis)
    whole = vote(predictions, WINDOW), agreement(predictions, WINDOW)
    last = last_vote(predictions, WINDOW, whole[0])
    monkeypatch.setattr("sam_med.propagate.vote.SLAB_VOXELS", voxels)
    assert len(slabs(WINDOW)) == {1: 3, 70: 2, 1 << 22: 1}[voxels]
    assert np.array_equal(vote(predictions, WINDOW), whole[0])
    assert agreement(predictions, WINDOW) == whole[1]
    assert np.array_equal(last_vote(predictions, WINDOW, whole[0]), last)
    for axis in range(3):
        said = np.concatenate([parts[axis] for _, parts in stacks(predictions, WINDOW)])
        assert np.array_equal(said, masks[axis])


@given(st.integers(0, 2**32 - 1))
def test_a_slice_that_a_person_gave_is_as_given(seed):
    rng = np.random.default_rng(seed)
    masks = rng.random((3, *WINDOW.shape)) < 0.5
    predictions = {}
    for axis in range(3):
        for n, part in enumerate(np.moveaxis(masks[axis], axis, 0)):
            place = (axis, n + WINDOW.start[axis])
            predictions[place] = prediction(place, part, WINDOW, rng.random())
    wanted = rng.random((5, 6)) < 0.5
    predictions[0, 5] = prediction((0, 5), wanted, WINDOW, given=True)
    first = vote(predictions, WINDOW)
    assert np.array_equal(first[1], wanted)
    assert np.array_equal(last_vote(predictions, WINDOW, first)[1], wanted)


def test_in_the_last_vote_an_axis_that_disagrees_counts_for_less():
    """Two axes see the rod and the third, the surest, only a corner of it."""
    rod, corner = np.zeros((2, 12, 9, 9), dtype=bool)
    rod[2:10, 3:6, 3:6] = corner[2:4, 3:6, 3:6] = True
    window = Window.full(rod.shape)
    predictions = shown(rod, 0, 0.6) | shown(rod, 1, 0.6) | shown(corner, 2, 0.75)
    first = vote(predictions, window)
    assert np.array_equal(first, corner)
    # by hand, with the rod as the vote before: 2 x 0.3^2 against (0.45 x 0.4 x 0.4)^2
    assert np.array_equal(last_vote(predictions, window, rod), rod)


def test_agreement_and_quality_by_hand():
    one, half = np.zeros((2, 3, 5, 6), dtype=bool)
    one[:, 1:3] = half[:, 1:2] = True
    window = Window.full(one.shape)
    predictions = shown(one, 0, 0.9) | shown(half, 1, 0.5)
    # Dice of the two is 2 * 18 / (36 + 18)
    assert agreement(predictions, window) == pytest.approx(2 / 3)
    assert agreement(shown(one, 0, 0.9), window) == 1
    # each slice along either axis counts by its part of `one`
    assert mean_quality(predictions, one, window) == pytest.approx((36 * 0.9 + 36 * 0.5) / 72)
    assert mean_quality(predictions, np.zeros_like(one), window) == 0


def test_predictions_by_axis_are_ascending_and_stack_to_their_mask():
    mask = np.random.default_rng(1).random((4, 5, 6)) < 0.5
    predictions = dict(reversed((shown(mask, 1, 0.5) | shown(mask, 0, 0.5)).items()))
    parts = by_axis(predictions)
    assert {axis: list(part) for axis, part in parts.items()} == {0: [*range(4)], 1: [*range(5)]}
    ((_, said),) = stacks(predictions, Window.full(mask.shape))
    assert np.array_equal(said, [mask, mask])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_is_counted_from_the_start_of_its_window(axis):
    volume = np.random.default_rng(1).random((9, 8, 7))
    window = Window((4, 3, 2), (9, 8, 7))
    part = volume[window.slices][slice_index(window, axis, 6)]
    rest = [slice(*ends) for ends in zip(window.start, window.stop, strict=True)]
    rest[axis] = 6
    assert np.array_equal(part, volume[tuple(rest)])


def test_reach_is_the_share_of_the_box_along_each_axis():
    mask = np.zeros((10, 20, 30), dtype=bool)
    assert reach(mask) == 0
    mask[0, 0, 0] = True
    assert reach(mask) == pytest.approx(1 / 9 * 1 / 18 * 1 / 27)
    mask[9, 9, 29] = True
    assert reach(mask) == pytest.approx(10 / 18)
    # nine tenths are all of it
    mask[9, 17, 29] = True
    assert reach(mask) == 1
