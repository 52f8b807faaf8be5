from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaded_objects import ball, scan, slices_of, stack, tight

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.propagate.first_guesses import (
    MOST_SLICES,
    nothing_anywhere,
    predict_tracks,
    predict_whole_box,
    shown_slices,
)
from sam_med.propagate.prediction import SlicePredictor
from sam_med.propagate.track import EIGHTHS, MARGIN_PX, starts_at
from sam_med.propagate.vote import by_axis

MIDDLE = EIGHTHS // 2


def every_slice(box, axes=(0, 1, 2)):
    return {axis: range(box.start[axis], box.stop[axis]) for axis in axes}


@given(st.integers(0, 50), st.integers(1, 300))
def test_slices_are_spread_evenly_and_alike_however_the_volume_is_stored(first, length):
    window = Window((first, 0, 0), (first + length, 1, 1))
    (indices,) = shown_slices(window, (0,), {}).values()
    assert len(indices) == min(length, MOST_SLICES)
    assert (indices[0], indices[-1]) == (first, first + length - 1)
    assert {2 * first + length - 1 - k for k in indices} == set(indices)
    gaps = np.diff(indices)
    assert gaps.size == 0 or gaps.max() <= gaps.min() + 2


def test_slices_that_a_person_drew_on_are_among_them():
    box = Window((0, 0, 0), (100, 40, 4))
    drawn = nothing_anywhere(Window((34, 0, 0), (35, 40, 4)), (0,))
    shown = shown_slices(box, (0, 2), drawn)
    assert set(shown[0]) - set(shown_slices(box, (0,), {})[0]) == {34}
    assert shown[2] == (0, 1, 2, 3)


def test_the_whole_box_is_the_prompt_of_every_slice_that_is_shown():
    box = Window((3, 4, 5), (9, 12, 15))
    predictor = SlicePredictor(slices_of(scan(ball()), FakeSegmenter()), box)
    done = []
    found = predict_whole_box(predictor, {0: (3, 5, 8), 2: range(5, 15)}, done.append)
    assert list(found) == [(0, k) for k in (3, 5, 8)] + [(2, i) for i in range(5, 15)]
    assert sum(done) == len(found)
    assert all(one.mask.all() for one in found.values())
    assert found[2, 5].box_xyxy == (3.5, 2.5, 11.5, 8.5)
    assert predictor.seen((0, 5)) == [found[0, 5]]
    assert not predictor.seen((0, 4))


def test_tracks_start_from_what_a_person_drew_and_else_from_their_eighth():
    truth = ball()
    box = tight(truth)
    predictor = SlicePredictor(slices_of(scan(truth)), box)
    # a box around a part: the track along its axis follows that part
    fixed = {(0, 14): predictor.predict((0, 14), [(19.5, 16.5, 22.5, 19.5)])[0]}
    done = []
    found = predict_tracks(predictor, every_slice(box), fixed, MIDDLE, done.append)
    assert found[0, 14] is fixed[0, 14]
    assert sum(done) == len(found) == sum(box.shape)
    part = by_axis(found)
    assert np.array_equal(stack(part[1].values(), box), truth[box.slices])
    assert not np.array_equal(stack(part[0].values(), box), truth[box.slices])


@pytest.mark.parametrize("eighths", [2, MIDDLE, 6])
def test_a_track_visits_the_slices_that_are_shown_only(eighths):
    truth = ball()
    box = tight(truth)
    shown = {axis: part[::3] for axis, part in every_slice(box).items()}
    slices = slices_of(scan(truth))
    predictor = SlicePredictor(slices, box)
    found = predict_tracks(predictor, shown, {}, eighths)
    assert sorted(found) == sorted((a, n) for a, part in shown.items() for n in part)
    assert slices.calls == len(found)
    # from its start on, each slice's box is that of the mask beside it
    (start,) = starts_at(shown[0], eighths) if eighths != MIDDLE else (14,)
    beside = min(n for n in shown[0] if n > start)
    grown = predictor.box_of(found[0, start].mask, 0)
    assert found[0, beside].box_xyxy == predictor.grow(grown, 0, MARGIN_PX)
