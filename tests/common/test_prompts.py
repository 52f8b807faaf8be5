from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sam_common.errors import PromptError
from sam_common.prompts import Prompts


def test_one_box_or_many():
    one = Prompts.from_boxes([1, 2, 3, 4])
    assert one.boxes_xyxy.tolist() == [[1, 2, 3, 4]]
    many = Prompts.from_boxes([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert len(many) == 2
    assert many.boxes_xyxy.dtype == np.float64
    assert many.kinds == {"boxes"}
    assert many.points_xy is many.point_labels is many.mask_logits is None


def test_a_point_for_each_prompt():
    prompts = Prompts.from_points([[1, 2], [3, 4]])
    assert prompts.points_xy.tolist() == [[[1, 2]], [[3, 4]]]
    assert prompts.point_labels.tolist() == [[1], [1]]
    assert prompts.kinds == {"points"}
    assert Prompts.from_points([[1, 2], [3, 4]], [1, 0]).point_labels.tolist() == [[1], [0]]


def test_several_points_for_a_prompt():
    prompts = Prompts.from_points([[[1, 2], [3, 4], [0, 0]]], [[1, 0, -1]])
    assert len(prompts) == 1
    assert prompts.point_labels.tolist() == [[1, 0, -1]]


def test_all_kinds_together():
    prompts = Prompts([[0, 0, 1, 1]], [[[0, 0]]], [[1]], np.zeros((1, 256, 256)))
    assert prompts.kinds == {"boxes", "points", "masks"}
    assert prompts.mask_logits.dtype == np.float32


def test_a_box_of_one_pixel_and_a_box_outside_are_no_concern_of_prompts():
    # whether a box makes sense depends on the image, which prompts do not know
    assert len(Prompts.from_boxes([[5, 5, 5, 5], [-90, -90, -80, -80]])) == 2


def test_no_prompts_at_all_are_a_batch_of_none():
    assert len(Prompts.from_boxes(np.zeros((0, 4)))) == 0
    assert len(Prompts.from_points(np.zeros((0, 2)))) == 0


def test_rows_by_slice_and_by_index():
    prompts = Prompts.from_boxes([[n, n, n + 1, n + 1] for n in range(5)])
    assert prompts[1:3].boxes_xyxy[:, 0].tolist() == [1, 2]
    assert prompts[np.array([4, 0])].boxes_xyxy[:, 0].tolist() == [4, 0]


def test_prompts_are_frozen_and_apart_from_what_was_given():
    boxes = np.array([[1.0, 2.0, 3.0, 4.0]])
    prompts = Prompts.from_boxes(boxes)
    boxes[0, 0] = 99
    assert prompts.boxes_xyxy[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        prompts.boxes_xyxy[0, 0] = 99
    with pytest.raises(dataclasses.FrozenInstanceError):
        prompts.boxes_xyxy = boxes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Prompts, "a prompt needs points, a box or a mask, got none of them"),
        (
            lambda: Prompts.from_boxes([[5, 0, 1, 9]]),
            "box must have min <= max as (x0, y0, x1, y1), got [5.0, 0.0, 1.0, 9.0]",
        ),
        (
            lambda: Prompts.from_boxes([[0, 0, 1, 1], [0, 9, 1, 1]]),
            "box must have min <= max as (x0, y0, x1, y1), got [0.0, 9.0, 1.0, 1.0]",
        ),
        (
            lambda: Prompts.from_boxes([[0, 0, np.nan, 1]]),
            "box must be finite, got [0.0, 0.0, nan, 1.0]",
        ),
        (
            lambda: Prompts.from_boxes([[-np.inf, 0, 1, 1]]),
            "box must be finite, got [-inf, 0.0, 1.0, 1.0]",
        ),
        (
            lambda: Prompts.from_boxes([[0, 0, 1]]),
            "boxes_xyxy must have shape (N, 4), got (1, 3)",
        ),
        (lambda: Prompts.from_boxes([]), "boxes_xyxy must have shape (N, 4), got (1, 0)"),
        (
            lambda: Prompts(points_xy=[[[0, 0]]]),
            "points_xy and point_labels go together, got only one of them",
        ),
        (
            lambda: Prompts(boxes_xyxy=[[0, 0, 1, 1]], point_labels=[[1]]),
            "points_xy and point_labels go together, got only one of them",
        ),
        (
            lambda: Prompts.from_points([[1, 2, 3]]),
            "points_xy must have shape (N, P, 2), got (1, 1, 3)",
        ),
        (
            lambda: Prompts(points_xy=np.zeros((1, 0, 2)), point_labels=np.zeros((1, 0))),
            "points_xy must have shape (N, P, 2), got (1, 0, 2)",
        ),
        (
            lambda: Prompts(points_xy=[[[0, 0], [1, 1]]], point_labels=[[1]]),
            "point_labels must have shape (1, 2), got (1, 1)",
        ),
        (
            lambda: Prompts.from_points([[1, np.inf]]),
            "points must be finite, got inf",
        ),
        (
            lambda: Prompts.from_points([[1, 2], [3, 4]], [1, 7]),
            "point labels are 1 (object), 0 (background) or -1 (padding), got [1, 7]",
        ),
        (
            lambda: Prompts(mask_logits=np.zeros((1, 64, 64))),
            "mask_logits must have shape (N, 256, 256), got (1, 64, 64)",
        ),
        (
            lambda: Prompts(mask_logits=np.full((1, 256, 256), np.nan)),
            "mask_logits must be finite, got NaN or infinity",
        ),
        (
            lambda: Prompts([[0, 0, 1, 1]], [[[0, 0]], [[1, 1]]], [[1], [1]]),
            "points, boxes and masks must have one row per prompt, got [1, 2] rows",
        ),
    ],
)
def test_malformed_prompts(make, message):
    with pytest.raises(PromptError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        ([[1, 2], [3, 4]], [1], "point_labels must have shape (2, 1), got (1, 1)"),
        ([[[1, 2], [3, 4]]], [1, 0], "point_labels must have shape (1, 2), got (2,)"),
        # as many labels as points, but (P, N) instead of (N, P): their order would be lost
        (
            np.zeros((3, 2, 2)),
            np.ones((2, 3)),
            "point_labels must have shape (3, 2), got (2, 3)",
        ),
    ],
)
def test_labels_that_do_not_fit_the_points(points, labels, message):
    with pytest.raises(PromptError) as caught:
        Prompts.from_points(points, labels)
    assert str(caught.value) == message
