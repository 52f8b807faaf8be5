from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from balls_to_correct import BOXES_ONLY, SHAPE, Balls, box_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from shaded_objects import slices_of

from sam_common.errors import PromptError
from sam_common.masks.decoded import MaskRegion
from sam_common.metrics.agreement import dice
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.corrections import correct as correct_module
from sam_med.corrections.correct import choose_candidate, correct
from sam_med.corrections.marks import Mark
from sam_med.geometry.slice_box import SliceBox
from sam_med.propagate.correction import PaintedSlice
from sam_med.propagate.planes import segment_box
from sam_med.propagate.propagated_object import PropagatedObject


def click(*kji, positive=True, axis=None):
    return Mark("click", (kji,), positive=positive, axis=axis)


def full(result):
    return result.full(SHAPE)


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_a_click_adds_what_is_missing_and_takes_nothing(axis):
    balls = Balls()
    before = balls.found(balls.left)
    after = full(correct(before, balls.slices, click(14, 17, 31, axis=axis)))
    assert after[14, 17, 31]
    assert not (balls.left & ~after).any()
    # slices along the last axis do not show the object at the click
    more = 0.0 if axis == 2 else 0.05
    assert dice(after, balls.both) > dice(balls.left, balls.both) + more
    assert np.array_equal(before.mask, balls.left)


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_a_click_takes_away_what_is_surplus_and_adds_nothing(axis):
    balls = Balls()
    wanted = click(14, 17, 31, positive=False, axis=axis)
    after = full(correct(balls.found(balls.both), balls.slices, wanted))
    assert not after[14, 17, 31]
    assert not (after & ~balls.both).any()
    assert dice(after, balls.left) > dice(balls.both, balls.left)


def test_a_click_where_it_is_right_already_changes_nothing():
    balls = Balls()
    before = balls.found(balls.left)
    decoded = balls.slices.decoded
    for mark in (click(14, 17, 14), click(14, 17, 31, positive=False)):
        after = correct(before, balls.slices, mark)
        assert np.array_equal(full(after), balls.left)
    assert balls.slices.decoded == decoded


def test_a_click_in_darkness_where_nothing_is_seen_is_in_the_object_all_the_same():
    balls = Balls()
    after = full(correct(balls.found(balls.left), balls.slices, click(2, 3, 40)))
    assert after[2, 3, 40]
    assert np.count_nonzero(after) > np.count_nonzero(balls.left)
    assert np.array_equal(after[10:], balls.left[10:])


def test_a_click_outside_of_the_window_makes_it_larger_and_predictions_go_with_it():
    balls = Balls()
    small = segment_box(balls.slices, box_of(balls.left))
    mark = click(14, 17, 35)
    after = correct(small, balls.slices, mark)
    assert after.window.contains(Window((14, 17, 35), (15, 18, 36)))
    assert full(after)[14, 17, 35]
    for (axis, index), one in after.predictions.items():
        size = [n for d, n in enumerate(after.window.shape) if d != axis]
        assert list(one.certainty.shape) == size
        assert after.window.start[axis] <= index < after.window.stop[axis]
    assert len(after.slices) == after.window.shape[0]


@pytest.mark.parametrize(
    "mark",
    [
        Mark("scribble", ((14, 14, 30), (14, 17, 33), (14, 20, 30))),
        Mark("lasso", ((14, 13, 26), (14, 13, 33), (14, 21, 33), (14, 21, 26))),
        Mark("line", ((14, 17, 24), (14, 17, 36))),
        Mark("line", ((14, 17, 24), (14, 17, 36), (14, 12, 29), (14, 22, 29))),
        Mark("scribble", ((12, 17, 30), (16, 17, 30)), axis=2),
        Mark("lasso", ((11, 17, 26), (11, 17, 33), (17, 17, 30)), axis=1),
    ],
)
def test_every_voxel_of_a_mark_is_in_the_object(mark):
    balls = Balls()
    place = mark.place(balls.slices.volume)
    pixels = mark.on_slice(balls.slices.volume, place)
    after = full(correct(balls.found(balls.left), balls.slices, mark))
    assert np.take(after, place[1], place[0])[pixels].all()
    if mark.kind == "line":
        # a line speaks of the whole object on its slice
        assert not after[14][:, :10].any()
    else:
        assert dice(after, balls.both) >= dice(balls.left, balls.both)


@pytest.mark.parametrize(
    "mark",
    [
        Mark("scribble", ((14, 14, 30), (14, 17, 33), (14, 20, 30)), positive=False),
        Mark("lasso", ((14, 9, 25), (14, 9, 40), (14, 25, 40), (14, 25, 25)), positive=False),
    ],
)
def test_no_voxel_of_a_negative_mark_is_in_the_object(mark):
    balls = Balls()
    pixels = mark.on_slice(balls.slices.volume, (0, 14))
    after = full(correct(balls.found(balls.both), balls.slices, mark))
    assert not after[14][pixels].any()
    assert (after[14] & balls.left[14]).sum() > 0.8 * balls.left[14].sum()


@pytest.mark.parametrize("flips", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("positive", [True, False])
def test_a_flipped_volume_has_the_flipped_result(flips, positive):
    place = [14, 17, 31]
    plain, turned = Balls(), Balls(flips)
    there = [
        n - 1 - v if d in flips else v for d, (v, n) in enumerate(zip(place, SHAPE, strict=True))
    ]
    results = []
    for balls, kji in ((plain, place), (turned, there)):
        start = balls.left if positive else balls.both
        mark = click(*kji, positive=positive)
        results.append(full(correct(balls.found(start), balls.slices, mark)))
    assert np.array_equal(np.flip(results[0], flips), results[1])


def test_corrections_that_do_not_meet_may_be_made_in_any_order():
    balls = Balls()
    start = balls.found(balls.left)
    marks = [click(14, 17, 31, axis=0), click(1, 2, 3, axis=0), click(27, 30, 40, axis=0)]
    found = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        result = start
        for n in order:
            result = correct(result, balls.slices, marks[n])
        found.append((full(result), result.answered.sum()))
    assert all(np.array_equal(found[0][0], other[0]) for other in found[1:])
    assert {count for _, count in found} == {3}


def test_what_a_mark_said_holds_in_later_corrections():
    balls = Balls()
    result = correct(balls.found(balls.left), balls.slices, click(14, 17, 31))
    result = correct(result, balls.slices, click(14, 17, 20, positive=False))
    assert full(result)[14, 17, 31]
    # a box that leaves the click out
    result = correct(result, balls.slices, SliceBox(0, 14, box_of(balls.left[14])))
    assert full(result)[14, 17, 31]
    assert not full(result)[14, 17, 20]
    # but a painted slice is as painted
    painted = PaintedSlice(0, 14, Window((17, 20), (18, 21)), np.ones((1, 1), dtype=bool))
    result = correct(result, balls.slices, painted)
    assert full(result)[14].sum() == 1


def test_marks_that_contradict_each_other_are_refused():
    balls = Balls()
    result = correct(balls.found(balls.left), balls.slices, click(14, 17, 31))
    with pytest.raises(PromptError) as caught:
        correct(result, balls.slices, click(14, 17, 31, positive=False))
    assert str(caught.value) == (
        "the negative click at ijk 31,17,14 says that voxel ijk 31,17,14 is outside of the "
        "object, and an earlier correction that it is in it: undo one of them"
    )


def test_a_painted_slice_ends_the_way_of_a_change():
    balls = Balls()
    result = segment_box(balls.slices, box_of(balls.left))
    nothing = PaintedSlice(0, 15, Window((17, 31), (18, 32)), np.zeros((1, 1), dtype=bool))
    result = correct(result, balls.slices, nothing)
    after = full(correct(result, balls.slices, click(14, 17, 31, axis=0)))
    assert after[14, 17, 31]
    assert not after[15].any()


def test_not_this_shows_something_else_each_time_and_begins_again():
    balls = Balls()
    start = balls.found(balls.both)
    refused = Mark("not_this", ((14, 17, 20),), axis=0)
    one = correct(start, balls.slices, refused)
    two = correct(one, balls.slices, refused)
    slices = [full(result)[14] for result in (start, one, two)]
    assert dice(slices[0], slices[1]) < 0.9
    assert dice(slices[1], slices[2]) < 0.9
    assert np.array_equal(full(one)[:4], full(start)[:4])


def test_not_this_where_there_is_nothing_to_refuse():
    balls = Balls()
    with pytest.raises(PromptError, match=r"^the object is not on slice k=1: there is nothing"):
        correct(balls.found(balls.left), balls.slices, Mark("not_this", ((1, 17, 14),), axis=0))


def test_an_empty_object_takes_a_click():
    balls = Balls()
    empty = balls.found(np.zeros(SHAPE, dtype=bool))
    assert full(correct(empty, balls.slices, click(14, 17, 14)))[14, 17, 14]


def chosen_from_two(balls):
    """The left ball with more than itself, chosen where both balls might have been meant."""
    first = balls.found(balls.left)
    return first.chosen_from([first, balls.found(balls.both)])


def test_another_answer_takes_the_place_of_the_chosen_one_and_can_be_taken_back():
    balls = Balls()
    before = chosen_from_two(balls)
    decoded = balls.slices.decoded
    after = choose_candidate(before, 2)
    assert np.array_equal(full(after), balls.both)
    assert np.array_equal(full(choose_candidate(after, 1)), balls.left)
    assert balls.slices.decoded == decoded


def test_another_answer_is_of_a_larger_part_of_the_volume():
    balls = Balls()
    window = box_of(balls.left)
    small = PropagatedObject(window, balls.left[window.slices], {})
    both = balls.found(balls.both)
    after = choose_candidate(replace(small, candidates=both.chosen_from([both]).candidates), 1)
    assert np.array_equal(full(after), balls.both)


def test_what_marks_said_stays_so_in_another_answer():
    balls = Balls()
    before = correct(chosen_from_two(balls), balls.slices, click(14, 17, 31, positive=False))
    after = full(choose_candidate(before, 2))
    assert balls.both[14, 17, 31]
    assert not after[14, 17, 31]
    assert np.count_nonzero(balls.both & ~after) == 1


def test_an_answer_that_is_not_there():
    balls = Balls()
    before = chosen_from_two(balls)
    for number in (0, 3):
        with pytest.raises(PromptError) as refused:
            choose_candidate(before, number)
        assert str(refused.value) == f"there are 2 answers to choose from, got number {number}"


@pytest.mark.parametrize("positive", [True, False])
def test_what_axes_agree_on_needs_no_slice_that_no_other_axis_reaches(positive, monkeypatch):
    """The answer is that of axes which are each followed to their ends."""
    balls = Balls()
    before = balls.found(balls.left if positive else balls.both)
    mark = click(14, 17, 31, positive=positive)
    together, decoded = full(correct(before, balls.slices, mark)), balls.slices.decoded

    def to_their_ends(spreads):
        for one in spreads:
            one.follow(0, SHAPE[one.seed.place[0]] - 1)

    monkeypatch.setattr(correct_module, "follow_together", to_their_ends)
    assert np.array_equal(full(correct(before, balls.slices, mark)), together)
    assert decoded <= balls.slices.decoded - decoded


class Guessing(FakeSegmenter):
    """Sure of anything: what it answers has nothing to do with the image."""

    def decode(self, embedding, prompts, *, multimask=False):
        masks = super().decode(embedding, prompts, multimask=multimask)
        regions = []
        for box, whole in zip(prompts.boxes_xyxy, masks.regions, strict=True):
            if whole is None:
                regions.append(None)
                continue
            rng = np.random.default_rng(np.round(8 * box).astype(np.int64).clip(0))
            guess = ndimage.uniform_filter(rng.random(whole.mask.shape), 3) > rng.uniform(0.2, 0.6)
            regions.append(MaskRegion(whole.window, guess) if guess.any() else None)
        return replace(masks, regions=tuple(regions))


def away_on_its_slice(wrong_side, kji, axis):
    """The distance of a voxel from the object's edge on its slice along an axis."""
    side = wrong_side.take(kji[axis], axis)
    if side.all():
        return np.inf
    return ndimage.distance_transform_edt(side)[tuple(np.delete(kji, axis))]


def check_laws(before, after, mark, kji):
    """A click changes its voxel, and nothing to the other sign, nor farther or deeper than 2 D."""
    mask, now = full(before), full(after)
    changed = mask != now
    assert now[kji] == mark.positive
    if mask[kji] == mark.positive:
        assert not changed.any()
        return
    assert (now[changed] == mark.positive).all()
    assert ndimage.label(changed)[1] == 1
    wrong_side, away = mask != mark.positive, np.ones(SHAPE, dtype=bool)
    away[kji] = False
    depth = ndimage.distance_transform_edt(wrong_side)
    assert depth[changed].max() < 2 * depth[kji]
    axes = (0, 1, 2) if mark.axis is None else (mark.axis,)
    most = 2 * min(away_on_its_slice(wrong_side, kji, axis) for axis in axes)
    assert ndimage.distance_transform_edt(away)[changed].max() <= most + 1e-6


@given(
    kji=st.tuples(st.integers(4, 24), st.integers(9, 25), st.integers(4, 40)),
    positive=st.booleans(),
    axis=st.sampled_from([None, 0, 1, 2]),
    segmenter=st.sampled_from([FakeSegmenter, Guessing]),
)
def test_whatever_a_network_says_a_click_is_bounded(kji, positive, axis, segmenter):
    balls = Balls()
    slices = slices_of(balls.array, segmenter(capabilities=BOXES_ONLY))
    before = balls.found(balls.left if positive else balls.both)
    mark = click(*kji, positive=positive, axis=axis)
    after = correct(before, slices, mark)
    check_laws(before, after, mark, kji)
    # replayed from the same start it is the same, and the start is as it was
    assert np.array_equal(full(correct(before, slices, mark)), full(after))
    assert np.array_equal(before.mask, balls.left if positive else balls.both)


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_a_network_that_sees_the_object_itself_in_every_box_does_not_take_it_away(axis):
    """A box around a negative mark holds the object, too, and all of it lies behind a cut box."""
    balls = Balls()
    slices = slices_of(balls.array, FakeSegmenter(capabilities=BOXES_ONLY))
    before = balls.found(balls.left)
    # two voxels from the edge
    after = full(correct(before, slices, click(14, 17, 21, positive=False, axis=axis)))
    assert not after[14, 17, 21]
    assert np.count_nonzero(balls.left & ~after) < 0.05 * np.count_nonzero(balls.left)


@pytest.mark.parametrize(("i", "positive"), [(22, False), (23, True)])
def test_beside_an_edge_nothing_is_decoded_and_little_changes(i, positive):
    balls = Balls()
    kji = (14, 17, i)
    assert balls.left[kji] != positive
    after = full(correct(balls.found(balls.left), balls.slices, click(*kji, positive=positive)))
    assert balls.slices.decoded == 0
    assert after[kji] == positive
    changed = np.argwhere(after != balls.left)
    assert np.linalg.norm(changed - kji, axis=1).max() <= 2
