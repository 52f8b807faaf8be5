from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shaded_objects import ball, scan, shown, slices_of, tight

from sam_common.metrics.agreement import dice
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.propagate.planes_hypotheses import (
    Track,
    best_pair,
    pair_tracks,
    predict_tracks,
    predict_whole_box,
)
from sam_med.propagate.prediction import SlicePredictor
from sam_med.propagate.track import middle_slices
from sam_med.propagate.vote import by_axis, stack


def track(mask, axis, quality):
    return Track.of(shown(mask, axis, quality), Window.full(mask.shape))


def shown_by(predictions, axis, shape):
    window = Window((0, 0, 0), shape)
    return stack([one for one in predictions.values() if one.axis == axis], window)


def test_of_many_tracks_the_two_that_found_the_same_are_the_pair():
    body, left, right = ball(), ball(centre=(14, 10, 8)), ball(centre=(14, 24, 30))
    window = Window.full(body.shape)
    one = [track(left, 0, 0.9), track(body, 0, 0.6)]
    other = [track(right, 2, 0.9), track(body, 2, 0.6)]
    predictions = best_pair(one, other, window, tight=False)
    assert np.array_equal(shown_by(predictions, 0, body.shape), body)
    assert np.array_equal(shown_by(predictions, 2, body.shape), body)
    assert len(predictions) == body.shape[0] + body.shape[2]


def test_in_a_tight_box_a_pair_that_reaches_its_faces_is_preferred():
    large, small = np.ones((12, 12, 12), dtype=bool), np.zeros((12, 12, 12), dtype=bool)
    small[2:10, 3:9, :6] = True
    window = Window.full(large.shape)
    one = [track(small, 0, 0.9), track(large, 0, 0.6)]
    other = [track(small, 1, 0.9), track(large, 1, 0.6)]
    found = [
        shown_by(best_pair(one, other, window, tight=t), 0, large.shape) for t in (True, False)
    ]
    assert np.array_equal(found[0], large)
    assert np.array_equal(found[1], small)


@given(seed=st.integers(0, 1000), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_tracks_in_bits_agree_as_their_masks_do(seed, shares):
    rng = np.random.default_rng(seed)
    masks = [rng.random((3, 5, 7)) < share for share in shares]
    one, other = (Track({}, np.packbits(m), int(m.sum()), 1.0) for m in masks)
    assert one.dice(other) == dice(*masks)


def test_the_whole_box_is_the_prompt_of_every_slice():
    box = Window((3, 4, 5), (9, 12, 15))
    predictor = SlicePredictor(slices_of(scan(ball()), FakeSegmenter()), box)
    done = []
    found = predict_whole_box(predictor, (0, 2), done.append)
    assert list(found) == [(0, k) for k in range(3, 9)] + [(2, i) for i in range(5, 15)]
    assert sum(done) == len(found)
    assert all(one.mask.all() for one in found.values())
    assert found[2, 5].box_xyxy == (3.5, 2.5, 11.5, 8.5)


def test_tracks_start_from_what_a_person_drew_and_else_from_the_given_slices():
    truth = ball()
    box = tight(truth)
    predictor = SlicePredictor(slices_of(scan(truth)), box)
    # a box around a part: the track along its axis follows that part
    fixed = {(0, 14): predictor.predict((0, 14), [(19.5, 16.5, 22.5, 19.5)])[0]}
    asked = []

    def starts(window, axis):
        asked.append((window, axis))
        return middle_slices(window, axis)

    found = predict_tracks(predictor, (0, 1, 2), fixed, starts)
    assert asked == [(box, 1), (box, 2)]
    assert found[0, 14] is fixed[0, 14]
    part = by_axis(found)
    assert np.array_equal(stack(part[1].values(), box), truth[box.slices])
    assert not np.array_equal(stack(part[0].values(), box), truth[box.slices])


def test_of_three_axes_each_two_make_a_pair_in_which_the_third_has_seen_nothing():
    body, stray = ball(), ball(centre=(14, 24, 30))
    window = Window.full(body.shape)
    good = shown(body, 0, 0.6) | shown(body, 1, 0.6) | shown(stray, 2, 0.6)
    other = shown(stray, 0, 0.5) | shown(stray, 1, 0.5) | shown(body, 2, 0.6)
    pairs = pair_tracks(window, (0, 1, 2), [good, other], tight=False)
    assert len(pairs) == 3
    for axes, pair in zip(((0, 1), (0, 2), (1, 2)), pairs, strict=True):
        assert len(pair) == sum(body.shape)
        for axis in axes:
            assert np.array_equal(shown_by(pair, axis, body.shape), body)
        (third,) = {0, 1, 2} - set(axes)
        assert not shown_by(pair, third, body.shape).any()
        assert all(one.quality == 0 for one in by_axis(pair)[third].values())


def test_of_equal_pairs_the_larger_is_taken_in_any_order():
    large, small = ball(radii=(9, 8, 8)), ball()
    window = Window.full(large.shape)
    one = [track(small, 0, 0.8), track(large, 0, 0.8)]
    other = [track(small, 1, 0.8), track(large, 1, 0.8)]
    for first, second in ((one, other), (one[::-1], other), (other, one)):
        found = best_pair(first, second, window, tight=False)
        assert np.array_equal(shown_by(found, 0, large.shape), large)
