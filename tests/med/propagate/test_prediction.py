from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaded_objects import ball, scan, slices_of

from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.propagate.prediction import (
    Prediction,
    SlicePredictor,
    across,
    box_of,
    box_of_window,
    nothing,
    painted,
    predict,
    window_of_box,
)

WINDOW = Window((2, 3, 4), (22, 27, 30))


@pytest.fixture
def predictor():
    """Slices of 34 x 38 voxels: a pixel of the decoder's grid is 38 / 256 of a voxel."""
    return SlicePredictor(slices_of(scan(ball()), FakeSegmenter()), WINDOW)


def test_a_prediction_has_the_mask_and_the_scores_of_its_box(predictor):
    box = (9.5, 7.5, 19.5, 15.5)
    (one,) = predictor.predict((0, 9), [box])
    assert (one.axis, one.index, one.box_xyxy, one.given) == (0, 9, box, False)
    assert one.mask.shape == (24, 26)
    there = np.argwhere(one.mask) + WINDOW.start[1:]
    assert there.min(0).tolist() == [8, 10]
    assert there.max(0).tolist() == [15, 19]
    masks = predictor.slices.decode(0, 9, Prompts.from_boxes([box])).best()
    assert one.predicted_iou == masks.scores[0, 0]
    assert one.stability == masks.stability()[0, 0]


def test_of_boxes_that_are_as_good_as_equal_the_first_one_is_kept(predictor):
    px = 38 / 256
    boxes = [(9.5, 7.5, 19.5, 15.5)]
    boxes += [(9.5 + shift * px, 7.5, 19.5, 15.5) for shift in (0.9, 1.1, 1.9)]
    assert predictor.unlike(boxes, 0) == [boxes[0], boxes[2]]
    assert predictor.unlike(iter(()), 0) == []


@pytest.mark.parametrize(("iou", "quality"), [(0.5, 0.4), (1.2, 0.8), (-0.1, 0)])
def test_quality_is_between_nothing_and_stability(iou, quality):
    one = Prediction(0, 0, (0, 0, 1, 1), np.zeros((1, 1), np.int8), iou, 0.8)
    assert one.quality == pytest.approx(quality)


def test_a_box_that_was_seen_is_not_decoded_again(predictor):
    box, near, far = (9.5, 7.5, 19.5, 15.5), (9.6, 7.4, 19.6, 15.5), (9.7, 7.5, 19.5, 15.5)
    low = (9.5, 7.5, 19.5, 15.7)
    first = predictor.predict((0, 9), [box])
    assert predictor.predict((0, 9), [near, box]) == [first[0], first[0]]
    assert predictor.slices.decoded == 1
    # 0.2 of a voxel are more than a pixel of the decoder's grid
    assert predictor.predict((0, 9), [far])[0] is not first[0]
    assert predictor.predict((0, 9), [low])[0] is not first[0]
    # and on another slice, or along another axis, nothing is known
    predictor.predict((0, 10), [box])
    predictor.predict((1, 9), [box])
    assert predictor.slices.decoded == 5


def test_a_margin_is_in_pixels_of_the_decoder_and_ends_at_the_window(predictor):
    pixel = 38 / 256
    left, top, right, bottom = predictor.grow((9.5, 7.5, 19.5, 15.5), 0, 3)
    assert (left, top) == pytest.approx((9.5 - 3 * pixel, 7.5 - 3 * pixel))
    assert (right, bottom) == pytest.approx((19.5 + 3 * pixel, 15.5 + 3 * pixel))
    whole = box_of_window(WINDOW, 0)
    assert predictor.grow(whole, 0, 3) == whole
    assert predictor.grow((-9, -9, -5, -5), 0, 3) == (whole[0], whole[1], whole[0], whole[1])


def test_a_margin_on_slices_that_are_not_square():
    """A slice of 30 x 38 voxels of 2 x 1 mm is shown with 60 x 38 pixels."""
    slices = slices_of(scan(ball()), FakeSegmenter(), spacing_ijk=(1, 1, 2))
    predictor = SlicePredictor(slices, slices.volume.window)
    left, top, _, _ = predictor.grow((9.5, 7.5, 19.5, 15.5), 1, 1)
    assert (9.5 - left, 7.5 - top) == pytest.approx((60 / 256, 30 / 256))


def test_points_are_asked_for_three_candidates_where_the_model_gives_them():
    asked = []

    class Asked(FakeSegmenter):
        def decode(self, embedding, prompts, *, multimask=False):
            asked.append(multimask)
            return super().decode(embedding, prompts, multimask=multimask)

    one = Capabilities(points=True, boxes=True, masks=False, multimask=False)
    for segmenter in (Asked(), Asked(capabilities=one)):
        slices = slices_of(scan(ball()), segmenter)
        (found,) = predict(slices, (0, 9), Prompts.from_points([[[20.0, 17.0]]]), WINDOW)
        assert found.box_xyxy == box_of(found.mask, across(WINDOW, 0))
        predict(slices, (0, 9), Prompts.from_boxes([[9.5, 7.5, 19.5, 15.5]]), WINDOW)
    assert asked == [True, False, False, False]


def test_certainty_has_the_sign_of_the_mask_everywhere():
    slices = slices_of(scan(ball()), FakeSegmenter())
    prompts = Prompts.from_boxes([[9.5, 7.5, 19.5, 15.5]])
    (one,) = predict(slices, (2, 20), prompts, WINDOW, [(9.5, 7.5, 19.5, 15.5)])
    masks = slices.decode(2, 20, prompts).best()
    part = across(WINDOW, 2)
    assert one.certainty.dtype == np.int8
    assert one.certainty.all()
    assert np.array_equal(one.mask, masks.full(0)[part.slices])
    exact = 127 * np.tanh(np.abs(masks.full_logits(0)[part.slices]) / 2)
    assert np.abs(np.abs(one.certainty.astype(float)) - exact).max() <= 1


def test_what_is_painted_is_certain_and_what_is_nothing_has_no_quality():
    mask = np.zeros((24, 26), dtype=bool)
    mask[2:5, 3:9] = True
    one = painted((0, 9), mask, WINDOW)
    assert one.given
    assert np.array_equal(one.mask, mask)
    assert (one.quality, one.box_xyxy) == (1, (6.5, 4.5, 12.5, 7.5))
    empty = painted((0, 9), np.zeros_like(mask), WINDOW)
    assert empty.box_xyxy == box_of_window(WINDOW, 0)
    none = nothing((1, 9), WINDOW)
    assert none.certainty.shape == (20, 26)
    assert (none.quality, none.given, none.mask.any()) == (0, False, False)


@given(
    st.tuples(*[st.integers(-20, 20)] * 2), st.tuples(*[st.integers(1, 20)] * 2), st.integers(0, 99)
)
def test_a_box_and_the_window_whose_edges_it_follows(start, shape, seed):
    window = Window(start, tuple(a + n for a, n in zip(start, shape, strict=True)))
    mask = np.random.default_rng(seed).random(shape) < 0.3
    box = box_of(mask, window)
    if not mask.any():
        assert box is None
        return
    inside = window_of_box(box)
    assert window.contains(inside)
    tight = mask[inside.within(window).slices]
    assert tight.sum() == mask.sum()
    assert all(edge.any() for edge in (tight[0], tight[-1], tight[:, 0], tight[:, -1]))
