from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaded_objects import ball, prediction, scan, slices_of

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.propagate.prediction import SlicePredictor, box_of_window
from sam_med.propagate.track import EIGHTHS, MARGIN_PX, follow, next_box, starts_at

WINDOW = Window((3, 2, 1), (14, 30, 35))
PIXEL = 38 / 256
"""Voxels of a pixel of the decoder's grid, on slices of 34 x 38 voxels."""


class Silent(FakeSegmenter):
    """Finds nothing on some slices, and remembers the boxes."""

    def __init__(self, *empty):
        super().__init__()
        self.boxes = []
        self.empty = empty

    def decode(self, embedding, prompts, *, multimask=False):
        self.boxes.append(tuple(prompts.boxes_xyxy[0]))
        self.empty_below = 255 if len(self.boxes) in self.empty else 0
        return super().decode(embedding, prompts, multimask=multimask)


def predictor_of(segmenter=None):
    return SlicePredictor(slices_of(scan(ball()), segmenter or FakeSegmenter()), WINDOW)


def seed_at(index, rows, cols):
    mask = np.zeros((28, 34), dtype=bool)
    mask[slice(*rows), slice(*cols)] = True
    return prediction((0, index), mask, WINDOW)


@given(st.integers(0, 50), st.integers(1, 50), st.sampled_from([2, 3, 5, 6]))
def test_starts_are_the_same_however_the_volume_is_stored(first, length, count):
    stored = range(first, first + length)
    mirrored = {first + first + length - 1 - k for k in starts_at(stored, count)}
    assert mirrored == set(starts_at(stored, EIGHTHS - count))
    middles = starts_at(stored, EIGHTHS // 2)
    assert {2 * first + length - 1 - k for k in middles} == set(middles)
    assert len(middles) == 2 - length % 2


def test_starts_are_of_the_slices_that_are_visited():
    visited = (3, 7, 10, 11, 30)
    assert [starts_at(visited, n) for n in (2, 4, 6)] == [(7,), (10,), (11,)]
    assert starts_at((8, 20), 4) == (8, 20)


def test_beyond_the_seed_each_box_is_the_neighbours_mask_and_a_margin():
    segmenter = Silent()
    seed = seed_at(8, (10, 15), (12, 20))
    found = follow(predictor_of(segmenter), [seed])
    assert list(found) == [*range(3, 14)]
    assert found[8] is seed
    margin = MARGIN_PX * PIXEL
    # the seed covers columns 13 to 20 and rows 12 to 16 of its slice
    expected = (12.5 - margin, 11.5 - margin, 20.5 + margin, 16.5 + margin)
    assert segmenter.boxes[0] == pytest.approx(expected)
    # slice 7 starts from the seed again, and not from slice 13
    assert segmenter.boxes[5] == pytest.approx(expected)
    assert len(segmenter.boxes) == 10


def test_between_two_seeds_boxes_go_over_from_one_to_the_other():
    segmenter = Silent()
    left, right = seed_at(5, (4, 8), (4, 8)), seed_at(9, (12, 20), (12, 24))
    found = follow(predictor_of(segmenter), [right, left])
    assert (found[5], found[9]) == (left, right)
    margin = MARGIN_PX * PIXEL
    first = np.array([4.5, 5.5, 8.5, 9.5]) + margin * np.array([-1, -1, 1, 1])
    last = np.array([12.5, 13.5, 24.5, 21.5]) + margin * np.array([-1, -1, 1, 1])
    for n, box in enumerate(segmenter.boxes[:3], start=1):
        assert box == pytest.approx(first + n / 4 * (last - first))


def test_a_track_visits_given_slices_only():
    segmenter = Silent()
    left, right = seed_at(5, (4, 8), (4, 8)), seed_at(9, (12, 20), (12, 24))
    found = follow(predictor_of(segmenter), [left, right], indices=[3, 5, 7, 9, 12])
    assert list(found) == [3, 5, 7, 9, 12]
    margin = MARGIN_PX * PIXEL
    first = np.array([4.5, 5.5, 8.5, 9.5]) + margin * np.array([-1, -1, 1, 1])
    last = np.array([12.5, 13.5, 24.5, 21.5]) + margin * np.array([-1, -1, 1, 1])
    assert segmenter.boxes[0] == pytest.approx((first + last) / 2)
    # beyond the seeds from the mask of the nearest visited slice
    assert segmenter.boxes[1] == pytest.approx(last)
    assert segmenter.boxes[2] == pytest.approx(first)


def test_a_track_ends_at_the_first_slice_that_fails():
    asked = []

    def go_on(one):
        asked.append(one.index)
        return one.index not in {11, 4}

    found = follow(predictor_of(), [seed_at(8, (10, 15), (12, 20))], go_on)
    assert list(found) == [5, 6, 7, 8, 9, 10]
    assert asked == [9, 10, 11, 7, 6, 5, 4]


def test_where_nothing_was_found_the_next_box_is_the_whole_window():
    segmenter = Silent(1)
    follow(predictor_of(segmenter), [seed_at(8, (10, 15), (12, 20))])
    assert segmenter.boxes[1] == pytest.approx(box_of_window(WINDOW, 0))
    predictor = predictor_of()
    assert next_box(predictor, seed_at(8, (0, 0), (0, 0))) == box_of_window(WINDOW, 0)
