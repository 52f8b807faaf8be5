from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shaded_objects import ball, prediction, scan, shown, slice_box, slices_of, tight

from sam_common.window import Window
from sam_med.propagate.first_guesses import predict_whole_box
from sam_med.propagate.object_ends import seed_of
from sam_med.propagate.paths import settle
from sam_med.propagate.planes_rounds import (
    KEPT_QUALITY,
    STARTS,
    _by_other_axes,
    ask_again,
    choose,
    count_steps,
    refine_mask,
    segment_window,
    usable_axes,
)
from sam_med.propagate.prediction import SlicePredictor, box_of_window, nothing, painted
from sam_med.propagate.propagated_object import PropagatedObject


def test_thick_slices_are_looked_at_along_their_own_axis_only():
    thick = slices_of(scan(ball()), spacing_ijk=(1, 1, 6)).volume
    even = slices_of(scan(ball())).volume
    assert usable_axes(thick) == (0,)
    assert usable_axes(even) == (0, 1, 2)


def test_in_a_tight_box_a_guess_that_reaches_its_faces_is_preferred():
    large, small = np.ones((12, 12, 12), dtype=bool), np.zeros((12, 12, 12), dtype=bool)
    small[2:10, 3:9, :6] = True
    window = Window.full(large.shape)
    # the smaller one is the surer, as a neighbour in a corner of the box can be
    found = [
        PropagatedObject(window, mask, shown(mask, 0, quality))
        for mask, quality in ((small, 0.9), (large, 0.6))
    ]
    assert found[0].score > found[1].score
    assert choose(found, tight=True) is found[1]
    assert choose(found, tight=False) is found[0]
    assert choose([found[1], found[1], found[0]], tight=True) is found[1]


def test_an_object_in_its_box_has_a_prediction_on_every_slice():
    rod = np.zeros((24, 30, 30), dtype=bool)
    rod[2:22, 4:8, 4:8] = True
    box = tight(rod)
    found = segment_window(slices_of(scan(rod)), box)
    assert np.array_equal(found.mask, rod[box.slices])
    assert set(found.predictions) == {(a, n) for a in range(3) for n in _indices(box, a)}


def _indices(window, axis):
    return range(window.start[axis], window.stop[axis])


def test_a_given_prediction_is_neither_replaced_nor_outvoted():
    truth = ball()
    box = tight(truth)
    painted_slice = np.zeros((11, 13), dtype=bool)
    painted_slice[4:6, 4:6] = True
    # as little as the network thinks of it
    seed = replace(painted((0, 14), painted_slice, box), predicted_iou=0.1)
    found = segment_window(slices_of(scan(truth)), box, [seed])
    assert found.predictions[0, 14] is seed
    assert np.array_equal(found.mask[14 - box.start[0]], painted_slice)


def test_a_round_asks_for_the_boxes_of_the_object_on_the_slices_that_are_shown():
    truth = ball()
    box = tight(truth)
    inside = truth[box.slices]
    start = {
        (axis, n + box.start[axis]): prediction((axis, n + box.start[axis]), part, box, 0.9)
        for axis in range(3)
        for n, part in enumerate(np.moveaxis(inside, axis, 0))
    }
    lost = {(0, k): nothing((0, k), box) for k in range(12, 20)}
    drawn = {(0, 9): replace(start[0, 9], given=True)}
    done = []
    predictor = SlicePredictor(slices_of(scan(truth)), box)
    before = PropagatedObject(box, inside, start | lost | drawn)
    ask_again(predictor, before, {0: range(8, 16), 1: (14,)}, done.append)
    assert sum(done) == 9
    for k in range(12, 16):
        assert np.array_equal(predictor.seen((0, k))[0].mask, truth[k, 12:23, 14:27])
    # a person has answered for one slice, others were not asked
    assert not predictor.seen((0, 9))
    assert not predictor.seen((0, 16))
    assert predictor.seen((1, 14))
    assert not predictor.seen((1, 15))


def test_further_tracks_are_tried_where_the_first_guesses_are_in_doubt(monkeypatch):
    from sam_med.propagate import planes_rounds

    started = []
    track = planes_rounds.predict_tracks

    def noted(predictor, shown, fixed, eighths, step):
        started.append(eighths)
        return track(predictor, shown, fixed, eighths, step)

    monkeypatch.setattr(planes_rounds, "predict_tracks", noted)
    truth = ball()
    segment_window(slices_of(scan(truth)), tight(truth))
    assert started == [4]
    # one axis has no other that confirms it
    segment_window(slices_of(scan(truth), spacing_ijk=(1, 1, 6)), tight(truth))
    assert started == [4, 4, *STARTS]


def test_a_long_box_is_predicted_on_few_slices_and_whole():
    rod = np.zeros((90, 12, 12), dtype=bool)
    rod[2:88, 3:9, 3:9] = True
    slices = slices_of(scan(rod))
    found = segment_window(slices, tight(rod))
    assert np.array_equal(found.mask, rod[tight(rod).slices])
    assert slices.calls == 16 + 6 + 6
    assert len(found.predictions) == 86 + 6 + 6


@pytest.mark.parametrize("tight_box", [True, False])
@pytest.mark.parametrize("spacing_ijk", [(1, 1, 1), (1, 1, 6)])
def test_steps_come_to_their_number_and_never_beyond(tight_box, spacing_ijk):
    """A rod bends, so that hypotheses differ; on thick slices there is one axis."""
    bent = np.zeros((20, 26, 26), dtype=bool)
    for k in range(2, 18):
        bent[k, 3 + k // 2 : 7 + k // 2, 2 + k : 6 + k] = True
    slices = slices_of(scan(bent), spacing_ijk=spacing_ijk)
    # a person's box on an axis that is not used is a slice more
    seed = seed_of(SlicePredictor(slices, tight(bent)), slice_box(bent, 2, 12))
    done = []
    segment_window(slices, tight(bent), [seed], done.append, tight=tight_box)
    assert sum(done) == count_steps(slices.volume, tight(bent))


def test_a_mask_is_kept_where_the_network_finds_another_object():
    """An L whose box holds a second object: what fills the box is unlike the mask."""
    truth, other = np.zeros((2, 12, 30, 30), dtype=bool)
    truth[3:9, 4:24, 4:7] = truth[3:9, 21:24, 4:24] = other[3:9, 5:17, 11:23] = True
    slices = slices_of(scan(truth | other))
    predictor = SlicePredictor(slices, tight(truth).expand(2))
    inside = truth[predictor.window.slices]
    found = refine_mask(predictor, inside)
    assert np.array_equal(found.mask, inside)
    # of the kept masks the quality is that of the constant
    assert {one.quality for one in found.predictions.values() if one.mask.any()} >= {KEPT_QUALITY}
    assert not any(one.given for one in found.predictions.values())


@pytest.mark.parametrize(
    ("shape", "spacing_ijk", "axes"),
    [
        ((9, 9, 9), (1, 1, 3), (0, 1, 2)),
        ((9, 9, 9), (1, 1, 3.1), (0,)),
        ((9, 9, 9), (4, 1, 1), (2,)),
        # the least bad of three axes that are all too coarse
        ((9, 9, 9), (1, 5, 20), (2,)),
        # slices along the others are lines
        ((1, 9, 9), (1, 1, 1), (0,)),
        ((1, 1, 9), (1, 1, 1), (0, 1, 2)),
    ],
)
def test_axes_whose_slices_are_fine_enough(shape, spacing_ijk, axes):
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    assert usable_axes(slices_of(array, spacing_ijk=spacing_ijk).volume) == axes


def test_packed_predictions_and_slabs_change_no_voxel(monkeypatch):
    """Every slice packed and mixed, a few rows of votes at a time, against whole arrays."""
    rng = np.random.default_rng(3)
    truth = ball() | ball(centre=(17, 26, 14), radii=(4, 5, 6))
    slices = slices_of(scan(truth))
    window = Window((5, 4, 4), (26, 34, 36))
    few = {axis: tuple(_indices(window, axis))[::4] for axis in range(3)}
    boxes = rng.uniform(0.2, 0.8, 3)
    found = []
    for large, slab in ((1 << 16, 1 << 22), (1, 2000)):
        monkeypatch.setattr("sam_med.slices.packed_slices.LARGE_PX", large)
        monkeypatch.setattr("sam_med.propagate.vote.SLAB_VOXELS", slab)
        whole = segment_window(slices, window, tight=False)
        predictor = SlicePredictor(slices, window)
        predict_whole_box(predictor, few)
        for share in boxes:
            for axis, indices in few.items():
                for index in indices:
                    x0, y0, x1, y1 = box_of_window(window, axis)
                    box = (x0, y0, x0 + share * (x1 - x0), y0 + share * (y1 - y0))
                    predictor.predict((axis, index), [box])
        settled = settle(predictor, few, {})
        ask_again(predictor, settled, few)
        found.append((whole, settle(predictor, few, {})))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one.score == other.score
        assert one.slices == other.slices
        wider, packed = (each.widened(slices.volume.window).predictions for each in (one, other))
        assert wider.keys() == packed.keys()
        for place, kept in wider.items():
            assert np.array_equal(kept.certainty, packed[place].certainty)
            assert kept.box_xyxy == packed[place].box_xyxy


@pytest.mark.parametrize("slab", [40, 1 << 22])
def test_what_the_other_axes_say_leaves_out_the_axis_itself(slab, monkeypatch):
    monkeypatch.setattr("sam_med.propagate.vote.SLAB_VOXELS", slab)
    window = Window((2, 0, 1), (8, 5, 8))
    masks = np.random.default_rng(4).random((3, *window.shape)) < 0.5
    predictions = {
        (axis, n + window.start[axis]): prediction(
            (axis, n + window.start[axis]), part, window, 0.5 + 0.1 * axis
        )
        for axis in range(3)
        for n, part in enumerate(np.moveaxis(masks[axis], axis, 0))
    }
    weights = (0.04, 0.09, 0.16)
    signs = np.where(masks, 1, -1)
    shown_places = {0: (2, 5, 7), 1: (0, 3), 2: (4,)}
    found = _by_other_axes(PropagatedObject(window, masks[0], predictions), shown_places)
    assert set(found) == {(axis, n) for axis, part in shown_places.items() for n in part}
    for (axis, index), said in found.items():
        rest = sum(weights[other] * signs[other] for other in range(3) if other != axis)
        assert np.array_equal(said, np.take(rest, index - window.start[axis], axis) > 0)
