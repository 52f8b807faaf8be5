from __future__ import annotations

import numpy as np
import pytest
from shaded_objects import ball, prediction, scan, shown, slices_of, tight

from sam_common.window import Window
from sam_med.objects.segments import SliceConfidence
from sam_med.propagate.confidence import DOUBTFUL, doubts, slice_confidences
from sam_med.propagate.planes import segment_box

MASK = np.zeros((4, 6, 8), dtype=bool)
MASK[:3, 1:5, 2:6] = True
WINDOW = Window((10, 0, 0), (14, 6, 8))


def predictions_of(mask, axis, quality):
    return {
        (axis, index + WINDOW.start[axis]): prediction(
            (axis, index + WINDOW.start[axis]), part, WINDOW, quality
        )
        for index, part in enumerate(np.moveaxis(mask, axis, 0))
    }


def test_the_four_numbers_of_a_slice_by_hand():
    half = MASK.copy()
    half[:, 3:] = False
    predictions = predictions_of(MASK, 0, 0.8) | predictions_of(half, 1, 0.9)
    rows = slice_confidences(WINDOW, MASK, predictions)
    assert [row.k for row in rows] == [10, 11, 12, 13]
    # Dice of the two axes is 2 * 8 / (16 + 8) where there is an object, and 1 where there is none
    assert [row.planes for row in rows] == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1])
    assert [row.neighbours for row in rows] == [1, 1, 0.5, 0]
    assert [row.predicted_iou for row in rows] == [0.8] * 4
    assert [row.stability for row in rows] == [1.0] * 4
    assert [row.confidence for row in rows] == pytest.approx([2 / 3, 2 / 3, 0.5, 0])


def test_one_axis_has_nothing_to_agree_with():
    (row, *_) = slice_confidences(WINDOW, MASK, predictions_of(MASK, 0, 1.3))
    assert (row.planes, row.predicted_iou, row.confidence) == (None, 1, 1)


def test_a_slice_that_a_person_drew_is_trusted():
    predictions = predictions_of(MASK, 0, 0.2)
    predictions[0, 12] = prediction((0, 12), MASK[2], WINDOW, 0.2, given=True)
    rows = slice_confidences(WINDOW, MASK, predictions)
    assert [row.confidence for row in rows] == [0.2, 0.2, 1, 0]
    assert rows[2].predicted_iou == 0.2


def test_without_its_own_axis_a_slice_has_the_numbers_of_those_that_cross_the_object():
    predictions = predictions_of(MASK, 1, 0.6)
    predictions[1, 2] = prediction((1, 2), MASK[:, 2], WINDOW, 0.2)
    rows = slice_confidences(WINDOW, MASK, predictions)
    # rows 1 to 4 hold the object; nothing crosses it on the last slice
    assert [row.predicted_iou for row in rows] == pytest.approx([0.5, 0.5, 0.5, 0])


def test_slices_along_the_first_axis_say_nothing_of_each_other():
    """As after a correction of what the published loop left, which has no other predictions."""
    rows = slice_confidences(WINDOW, MASK, {(0, 12): prediction((0, 12), MASK[2], WINDOW, 0.8)})
    assert [row.predicted_iou for row in rows] == [0, 0, 0.8, 0]


def test_a_single_slice_has_no_neighbours_to_be_unlike():
    mask = np.ones((1, 3, 3), dtype=bool)
    (row,) = slice_confidences(Window.full(mask.shape), mask, shown(mask, 0, 0.9))
    assert row.neighbours == 1


def test_doubts_are_told_below_the_limit_only():
    assert doubts(SliceConfidence(1, DOUBTFUL, 0.1, 0.1, 0.1, 0.1)) == []
    low = SliceConfidence(1, 0.2, 0.5, DOUBTFUL, 0.2, None)
    assert doubts(low) == [
        "unlike the neighbouring slices (0.20)",
        "the network itself is unsure (0.50)",
    ]


def test_slices_that_were_lost_are_found():
    truth = ball()
    array = scan(truth)
    # the dark slice cuts the object in two, and the smaller piece is dropped
    array[12] = -100
    found = segment_box(slices_of(array), tight(truth))
    assert not found.full(truth.shape)[:13].any()
    doubtful = {row.k for row in found.slices if row.confidence < 0.5}
    assert doubtful >= set(range(5, 14))
    assert not doubtful & set(range(14, 22))
