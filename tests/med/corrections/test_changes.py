from __future__ import annotations

import numpy as np
import pytest
from balls_to_correct import SHAPE, Balls
from shaded_objects import prediction

from sam_common.window import Window
from sam_med.corrections.before import ObjectBefore
from sam_med.corrections.changes import change_of, change_on_slice
from sam_med.propagate.prediction import SlicePredictor, window_of_box

PLACE = (0, 14)


def pixel(*place):
    mask = np.zeros(SHAPE[1:], dtype=bool)
    mask[place] = True
    return mask


@pytest.fixture
def balls():
    return Balls()


def shown(mask, quality=0.9):
    return prediction(PLACE, mask, Window.full(SHAPE), quality)


def test_a_whole_one_adds_the_piece_at_the_mark_and_nothing_else(balls):
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    elsewhere = pixel(2, 2)
    one = shown(balls.both[14] | elsewhere)
    change = change_of(before, one, pixel(17, 31), positive=True, is_whole=True)
    assert np.array_equal(change.pixels, (balls.both & ~balls.left)[14])
    assert 0.45 < change.merit < 0.9


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_surplus_lies_outside_of_a_whole_one_and_in_a_part(balls, is_whole):
    before = ObjectBefore.of(balls.found(balls.both), balls.slices)
    one = shown(balls.left[14] if is_whole else balls.right[14])
    change = change_of(before, one, pixel(17, 31), positive=False, is_whole=is_whole)
    assert np.array_equal(change.pixels, (balls.both & ~balls.left)[14])


def test_a_prediction_that_is_unsure_or_elsewhere_says_nothing(balls):
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    for one in (shown(balls.both[14], 0.39), shown(balls.left[14])):
        assert change_of(before, one, pixel(17, 31), positive=True, is_whole=True) is None


def test_voxels_that_an_earlier_mark_answered_stay(balls):
    known = np.zeros(SHAPE, dtype=np.int8)
    known[14, 17, 30] = -1
    start = balls.found(balls.left)
    before = ObjectBefore.of(type(start)(start.window, start.mask, {}, known), balls.slices)
    change = change_of(before, shown(balls.both[14]), pixel(17, 31), positive=True, is_whole=True)
    assert not change.pixels[17, 30]
    assert change.pixels[17, 31]


def test_the_surest_prediction_decides(balls):
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    change = change_on_slice(before, PLACE, pixel(17, 31), positive=True)
    assert change.merit > 0
    assert change.pixels[17, 31]
    assert not (change.pixels & ~balls.both[14]).any()


def test_without_any_prediction_shades_decide(balls):
    class Blind(type(balls.slices.segmenter)):
        def decode(self, embedding, prompts, *, multimask=False):
            masks = super().decode(embedding, prompts, multimask=multimask)
            return type(masks)(
                masks.logits,
                np.zeros_like(masks.scores),
                masks.image_size_hw,
                masks.input_size_hw,
                masks.model_size,
                masks.regions,
            )

    balls.slices.segmenter = Blind(capabilities=balls.slices.segmenter.capabilities)
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    change = change_on_slice(before, PLACE, pixel(17, 26), positive=True)
    assert (change.merit, change.is_whole) == (0, False)
    # bright, connected, and no farther than the object
    assert 5 < np.count_nonzero(change.pixels) <= np.count_nonzero(balls.right[14])
    assert not (change.pixels & ~(balls.both & ~balls.left)[14]).any()
    both = ObjectBefore.of(balls.found(balls.both), balls.slices)
    cut = change_on_slice(both, PLACE, pixel(17, 31), positive=False)
    assert cut.merit == 0
    assert np.count_nonzero(cut.pixels & balls.right[14]) > 0.5 * balls.right[14].sum()
    assert np.count_nonzero(cut.pixels & balls.left[14]) < 0.2 * balls.left[14].sum()


def test_what_is_right_already_costs_nothing(balls):
    before = ObjectBefore.of(balls.found(balls.left), balls.slices)
    assert not change_on_slice(before, PLACE, pixel(17, 14), positive=True).pixels.any()
    assert not change_on_slice(before, PLACE, pixel(17, 31), positive=False).pixels.any()
    assert balls.slices.decoded == 0


class Answering(SlicePredictor):
    """Answers each box with the same mask and quality, and remembers what it was asked at once."""

    def __init__(self, slices, mask, quality):
        super().__init__(slices, Window.full(SHAPE))
        self.answer, self.asked = shown(mask, quality), []

    def predict(self, place, boxes):
        assert place == PLACE
        self.asked.append(list(boxes))
        return [self.answer] * len(boxes)


@pytest.mark.parametrize(("quality", "calls"), [(0.75, 1), (0.65, 2)])
def test_parts_are_looked_at_where_no_whole_one_is_sure(quality, calls, balls):
    found = balls.both.copy()
    found[14, 17, 31] = False
    asking = Answering(balls.slices, balls.both[14], quality)
    before = ObjectBefore(balls.found(found), balls.slices, asking)
    change = change_on_slice(before, PLACE, pixel(17, 31), positive=True)
    assert change.is_whole
    assert np.array_equal(change.pixels, pixel(17, 31))
    assert len(asking.asked) == calls


def test_no_box_around_less_than_half_of_the_object_stands_for_the_whole(balls):
    asking = Answering(balls.slices, balls.both[14], 0.0)
    before = ObjectBefore(balls.found(balls.both), balls.slices, asking)
    change_on_slice(before, PLACE, pixel(17, 34), positive=False)
    whole, _ = asking.asked
    area = np.count_nonzero(balls.both[14])
    held = [np.count_nonzero(balls.both[14][window_of_box(box).slices]) / area for box in whole]
    # all of it, what is left of the mark, and half of it above or below
    assert 2 <= len(held) <= 4
    assert min(held) >= 0.5


def test_boxes_that_are_as_good_as_equal_are_decoded_once(balls):
    asking = Answering(balls.slices, balls.both[14], 0.0)
    # with what is missing inside of it the object has the same box
    hole = balls.both.copy()
    hole[14, 17, 29] = False
    before = ObjectBefore(balls.found(hole), balls.slices, asking)
    change_on_slice(before, PLACE, pixel(17, 29), positive=True)
    whole, _ = asking.asked
    assert len(whole) == 1
