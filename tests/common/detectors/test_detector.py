"""What detectors have in common: phrases that are refused, and boxes that are kept."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.detectors.detector import check_phrases, check_threshold, kept
from sam_common.errors import InputError, PromptError


@pytest.mark.parametrize(
    ("phrases", "told"),
    [
        ([], "no words to look for"),
        (["car", "  "], "text 2 of 2 is empty ('  ')"),
        (["car", "roof", " Car"], "the text 'Car' is given twice"),
    ],
)
def test_phrases_that_say_nothing_are_refused(phrases, told):
    with pytest.raises(PromptError) as caught:
        check_phrases(phrases)
    assert told in str(caught.value)


def test_a_threshold_lies_between_0_and_1():
    assert check_threshold(0.0) == 0.0
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(InputError, match="between 0 and 1"):
            check_threshold(wrong)


def test_each_box_has_its_best_phrase_and_one_box_stays_for_each_object():
    corners = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 5, 30, 15]], dtype=float)
    scores = np.array([[0.5, 0.3], [0.2, 0.6], [0.7, 0.1]])
    found = kept(corners, scores, (40, 40), 0.25)
    assert found.boxes_xyxy.tolist() == [[19.5, 4.5, 29.5, 14.5], [-0.5, -0.5, 9.5, 8.5]]
    assert found.scores.tolist() == [0.7, 0.6]
    assert found.phrases.tolist() == [0, 1]


def test_boxes_are_cut_to_the_image_and_those_outside_are_left_out():
    corners = np.array([[-5, 30, 10, 60], [50, 0, 60, 10]], dtype=float)
    found = kept(corners, np.array([[0.9], [0.9]]), (40, 40), 0.5)
    assert found.boxes_xyxy.tolist() == [[-0.5, 29.5, 9.5, 39.5]]


def test_no_box_is_no_error():
    assert len(kept(np.zeros((0, 4)), np.zeros((0, 2)), (8, 8), 0.1)) == 0
    assert len(kept(np.array([[0, 0, 4, 4.0]]), np.array([[0.1]]), (8, 8), 0.1)) == 0
