from __future__ import annotations

import dataclasses
import itertools

import nrrd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.errors import PromptError
from sam_common.masks.decoded import MaskRegion
from sam_common.metrics.agreement import dice
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Embedding, load_segmenter
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint
from sam_med.propagate.correction import PaintedSlice, correct
from sam_med.propagate.planes import (
    boxes_of_points,
    idle_notes,
    planes_steps,
    segment_box,
    segment_by_planes,
    segment_object,
    segment_slice_boxes,
)
from sam_med.propagate.planes_hypotheses import Track, best_pair
from sam_med.propagate.planes_rounds import choose, join, usable_axes
from sam_med.propagate.prediction import Prediction, box_of_window
from sam_med.propagate.propagated_object import PropagatedObject
from sam_med.propagate.vote import reach, stack
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.window_level import choose_stretch

DIRECTION = (1, 0, 0, 0, 1, 0, 0, 0, 1)
BRIGHT = 150
ORDERS = list(itertools.permutations(range(3)))
SIGNS = list(itertools.product((1, -1), repeat=3))


class ShadeSegmenter(FakeSegmenter):
    """Finds what is bright in a box, or the bright pixels around a point."""

    def embed(self, image):
        light = super().embed(image)
        pixels = image[None, None].astype(np.float32)
        return Embedding(pixels, light.image_size_hw, light.input_size_hw, light.model)

    def decode(self, embedding, prompts, *, multimask=False):
        masks = super().decode(embedding, prompts, multimask=multimask)
        bright = embedding.features[0, 0] > BRIGHT
        if prompts.boxes_xyxy is None:
            regions = [MaskRegion(Window.full(bright.shape), bright)] * len(prompts)
        else:
            regions = [
                r and MaskRegion(r.window, r.mask & bright[r.window.slices]) for r in masks.regions
            ]
        found = [r if r is not None and r.mask.any() else None for r in regions]
        scores = np.array([[0.9 if r is not None else 0.1] for r in found], dtype=np.float32)
        return type(masks)(
            masks.logits, scores, *embedding_sizes(embedding), masks.model_size, tuple(found)
        )


def embedding_sizes(embedding):
    return embedding.image_size_hw, embedding.input_size_hw


def slices_of(array, segmenter=None, spacing_ijk=(1, 1, 1), **options):
    frame = frames.from_itk((0, 0, 0), spacing_ijk, DIRECTION)
    volume = Volume(array, frame, "CT")
    stretch = choose_stretch(volume)
    return SliceEmbeddings(volume, stretch, segmenter or ShadeSegmenter(), **options)


def ball(shape=(30, 34, 38), centre=(14, 17, 20), radii=(9, 5, 6)):
    index = np.indices(shape).astype(float)
    away = sum(((x - c) / r) ** 2 for x, c, r in zip(index, centre, radii, strict=True))
    return away <= 1


def scan(mask, noise=5):
    """A bright object in darkness, in HU."""
    rng = np.random.default_rng(11)
    return (np.where(mask, 180, -100) + rng.integers(-noise, noise + 1, mask.shape)).astype(
        np.int16
    )


def tight(mask):
    found = np.nonzero(mask)
    return Window(tuple(int(x.min()) for x in found), tuple(int(x.max()) + 1 for x in found))


def slice_box(mask, axis, index):
    part = np.take(mask, index, axis)
    rows, cols = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    window = Window((int(rows[0]), int(cols[0])), (int(rows[-1]) + 1, int(cols[-1]) + 1))
    return SliceBox(axis, index, window)


boxes_3d = st.tuples(
    *(st.tuples(st.integers(0, size - 6), st.integers(2, 6)) for size in (12, 15, 17))
).map(lambda axes: Window(tuple(a for a, _ in axes), tuple(a + n for a, n in axes)))


@settings(max_examples=15, deadline=None)
@given(box=boxes_3d, order=st.sampled_from(ORDERS), signs=st.sampled_from(SIGNS))
def test_the_way_a_volume_is_stored_does_not_matter(box, order, signs):
    rng = np.random.default_rng(3)
    array = scan(rng.random((12, 15, 17)) < 0.6)
    turn = tuple(slice(None, None, sign) for sign in signs)
    inside = np.zeros(array.shape, dtype=bool)
    inside[box.slices] = True
    turned_box = tight(inside.transpose(order)[turn])
    plain = segment_box(slices_of(array), box).full(array.shape)
    turned = np.ascontiguousarray(array.transpose(order)[turn])
    other = segment_box(slices_of(turned), turned_box).full(turned.shape)
    assert np.array_equal(plain.transpose(order)[turn], other)


def test_a_box_is_filled_to_the_voxel_where_every_plane_says_so():
    array = scan(np.zeros((10, 12, 14), dtype=bool))
    box = Window((2, 3, 4), (9, 8, 13))
    found = segment_box(slices_of(array, FakeSegmenter()), box)
    assert found.window == box
    assert found.mask.all()
    assert [row.k for row in found.slices] == list(range(2, 9))
    assert all(row.planes == 1 for row in found.slices)


def test_a_ball_in_its_box_and_in_a_loose_box():
    truth = ball()
    for margin in (0, 3):
        box = tight(truth).expand(margin)
        found = segment_box(slices_of(scan(truth)), box)
        assert np.array_equal(found.full(truth.shape), truth)


@pytest.mark.parametrize("spacing_ijk", [(1, 1, 2.5), (1, 1, 6), (1.5, 1, 1)])
def test_voxels_need_not_be_cubes(spacing_ijk):
    truth = ball()
    slices = slices_of(scan(truth), spacing_ijk=spacing_ijk)
    found = segment_box(slices, tight(truth))
    assert dice(found.full(truth.shape), truth) > 0.97


def test_thick_slices_are_looked_at_along_their_own_axis_only():
    thick = slices_of(scan(ball()), spacing_ijk=(1, 1, 6)).volume
    even = slices_of(scan(ball())).volume
    assert usable_axes(thick) == (0,)
    assert usable_axes(even) == (0, 1, 2)


def test_the_number_of_objects_changes_nothing_and_costs_no_encoding():
    truth = ball()
    boxes = [tight(truth).shift((n, 0, 0)) for n in (-2, 0, 2)]
    prompts = [ObjectPrompt(f"o{n}", n + 1, box) for n, box in enumerate(boxes)]
    slices = slices_of(scan(truth))
    together = segment_by_planes(slices, prompts, lambda _n: None)
    assert slices.calls <= sum(truth.shape)
    for prompt, one in zip(prompts, together, strict=True):
        (alone,) = segment_by_planes(slices_of(scan(truth)), [prompt], lambda _n: None)
        assert np.array_equal(alone.mask, one.mask)
        assert alone.slices == one.slices


def test_five_objects_on_a_hundred_slices_are_a_hundred_encodings_an_axis():
    array = scan(np.zeros((100, 20, 20), dtype=bool))
    box = Window((0, 4, 4), (100, 16, 16))
    prompts = [ObjectPrompt(f"o{n}", n, box) for n in range(1, 6)]
    # features of 4 bytes: the limit holds 16 of them
    with slices_of(array, FakeSegmenter(), max_bytes=64) as slices:
        segment_by_planes(slices, prompts, lambda _n: None)
        assert slices.calls == 100 + 12 + 12
        assert slices.kept == 16


def test_steps_are_counted_to_the_end():
    truth = ball()
    prompts = [ObjectPrompt("a", 1, tight(truth)), ObjectPrompt("b", 2, tight(truth).expand(4))]
    slices = slices_of(scan(truth))
    done = []
    segment_by_planes(slices, prompts, done.append)
    assert sum(done) == planes_steps(prompts, slices.volume)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_box_is_followed_to_the_ends_of_its_object(axis):
    truth = ball()
    slices = slices_of(scan(truth))
    found = segment_slice_boxes(slices, [slice_box(truth, axis, (14, 17, 20)[axis])])
    assert np.array_equal(found.full(truth.shape), truth)


def test_an_object_does_not_go_on_in_another_shade():
    body = ball()
    array = scan(body).astype(np.int16)
    array[20:] += 40 * body[20:].astype(np.int16)
    found = segment_slice_boxes(slices_of(array), [slice_box(body, 0, 14)])
    # a fifth of its length is looked at beyond the last slice that is like the first
    assert found.window.stop[0] <= 23


def test_slices_across_find_what_following_lost():
    truth = ball()
    array = scan(truth)
    # following ends at the dark slice, and a fifth of what it found is not enough to cross it
    array[12] = -100
    found = segment_slice_boxes(slices_of(array), [slice_box(truth, 0, 14)])
    assert found.window.start[0] <= 7


def drawn_on_another_object():
    """A ball that is dark on the drawn slice, and a rod in the corner of its box that goes on."""
    truth = ball()
    array = scan(truth)
    array[14] = -100
    array[14:, 12:15, 14:17] = 180
    return truth, array


def test_a_drawn_slice_that_shows_another_object_is_outvoted():
    truth, array = drawn_on_another_object()
    slices = slices_of(array)
    found = segment_slice_boxes(slices, [slice_box(truth, 0, 14)])
    # the rod was followed to slice 29, the last one
    assert found.window.stop[0] <= 24


@settings(max_examples=8, deadline=None)
@given(order=st.sampled_from(ORDERS), signs=st.sampled_from(SIGNS), other=st.booleans())
def test_one_box_finds_the_same_however_the_volume_is_stored(order, signs, other):
    truth, array = drawn_on_another_object() if other else (ball(), scan(ball()))
    turn = tuple(slice(None, None, sign) for sign in signs)
    plain = segment_slice_boxes(slices_of(array), [slice_box(truth, 0, 14)]).full(array.shape)
    drawn = np.zeros(array.shape, dtype=bool)
    drawn[slice_box(truth, 0, 14).window_kji.slices] = True
    turned = np.ascontiguousarray(array.transpose(order)[turn])
    box = tight(drawn.transpose(order)[turn])
    found = segment_slice_boxes(slices_of(turned), [SliceBox.from_window(order.index(0), box)])
    assert np.array_equal(plain.transpose(order)[turn], found.full(turned.shape))


def test_boxes_on_several_slices_of_several_axes():
    truth = ball()
    slices = slices_of(scan(truth))
    boxes = [slice_box(truth, 0, 8), slice_box(truth, 0, 18)]
    assert dice(segment_slice_boxes(slices, boxes).full(truth.shape), truth) > 0.97
    crossed = [slice_box(truth, 0, 14), slice_box(truth, 2, 20)]
    found = segment_slice_boxes(slices, crossed)
    assert found.window == tight(truth)
    assert np.array_equal(found.full(truth.shape), truth)


def track(mask, axis, quality):
    """Predictions that show a mask on every slice along an axis."""
    window = Window((0, 0, 0), mask.shape)
    predictions = {}
    for index, part in enumerate(np.moveaxis(mask, axis, 0)):
        certainty = np.where(part, 100, -100).astype(np.int8)
        predictions[axis, index] = Prediction(
            axis, index, box_of_window(window, axis), certainty, quality, 1.0
        )
    return Track.of(predictions, window)


def shown_by(predictions, axis, shape):
    window = Window((0, 0, 0), shape)
    return stack([one for one in predictions.values() if one.axis == axis], window)


def test_of_many_tracks_the_two_that_found_the_same_are_the_pair():
    body, left, right = ball(), ball(centre=(14, 10, 8)), ball(centre=(14, 24, 30))
    window = Window((0, 0, 0), body.shape)
    one = [track(left, 0, 0.9), track(body, 0, 0.6)]
    other = [track(right, 2, 0.9), track(body, 2, 0.6)]
    predictions = best_pair(one, other, window, tight=False)
    assert np.array_equal(shown_by(predictions, 0, body.shape), body)
    assert np.array_equal(shown_by(predictions, 2, body.shape), body)
    assert len(predictions) == body.shape[0] + body.shape[2]


def test_in_a_tight_box_a_pair_that_reaches_its_faces_is_preferred():
    large, small = np.ones((12, 12, 12), dtype=bool), np.zeros((12, 12, 12), dtype=bool)
    small[2:10, 3:9, :6] = True
    window = Window((0, 0, 0), large.shape)
    one = [track(small, 0, 0.9), track(large, 0, 0.6)]
    other = [track(small, 1, 0.9), track(large, 1, 0.6)]
    found = [
        shown_by(best_pair(one, other, window, tight=t), 0, large.shape) for t in (True, False)
    ]
    assert np.array_equal(found[0], large)
    assert np.array_equal(found[1], small)


def test_in_a_tight_box_a_hypothesis_that_reaches_its_faces_is_preferred():
    large, small = np.ones((12, 12, 12), dtype=bool), np.zeros((12, 12, 12), dtype=bool)
    small[2:10, 3:9, :6] = True
    window = Window((0, 0, 0), large.shape)
    # the smaller one is the surer, as a neighbour in a corner of the box can be
    found = [
        PropagatedObject(window, mask, track(mask, 0, quality).predictions)
        for mask, quality in ((small, 0.9), (large, 0.6))
    ]
    assert found[0].score > found[1].score
    assert choose(found, tight=True) is found[1]
    assert choose(found, tight=False) is found[0]
    assert choose([found[1], found[1], found[0]], tight=True) is found[1]


def test_hypotheses_that_agree_vote_together():
    body = ball()
    lost, window = body.copy(), Window((0, 0, 0), body.shape)
    lost[18:] = False
    # on the slices that it lost, the first is in doubt
    doubt = track(lost, 0, 0.4).predictions
    first = {place: one for place, one in track(lost, 0, 0.9).predictions.items() if place[1] < 18}
    first |= {place: one for place, one in doubt.items() if place[1] >= 18}
    one = PropagatedObject(window, lost, first)
    other = PropagatedObject(window, body, track(body, 0, 0.6).predictions)
    both = join(one, other)
    assert np.array_equal(both.mask, body)
    assert all(both.predictions[place] is first[place] for place in first if place[1] < 18)
    assert all(both.predictions[0, k] is other.predictions[0, k] for k in range(18, 24))


def test_reach_is_the_share_of_the_box_along_each_axis():
    mask = np.zeros((10, 20, 30), dtype=bool)
    assert reach(mask) == 0
    mask[0, 0, 0] = True
    assert reach(mask) == pytest.approx(1 / 9 * 1 / 18 * 1 / 27)
    mask[9, 9, 29] = True
    assert reach(mask) == pytest.approx(10 / 18)
    # nine tenths are all of it
    mask[9, 17, 29] = True
    assert reach(mask) == 1


def test_points_give_the_first_mask():
    truth = ball()
    points = [VoxelPoint((14, 17, 20)), VoxelPoint((14, 2, 2), positive=False)]
    prompt = ObjectPrompt("a", 1, points=tuple(points))
    found = segment_object(slices_of(scan(truth)), prompt, lambda _n: None)
    assert np.array_equal(found.full(truth.shape), truth)


def test_a_mask_is_refined():
    truth = ball()
    rough = truth & (np.random.default_rng(2).random(truth.shape) < 0.7)
    prompt = ObjectPrompt("a", 1, mask=VoxelMask.from_array(rough))
    (found,) = segment_by_planes(slices_of(scan(truth)), [prompt], lambda _n: None)
    assert dice(found.full(truth.shape), truth) > 0.97 > dice(rough, truth)


class AskedSegmenter(ShadeSegmenter):
    """Remembers what kinds of prompts it was asked, and finds nothing where a point says so."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def decode(self, embedding, prompts, *, multimask=False):
        self.asked.append(prompts.kinds)
        masks = super().decode(embedding, prompts, multimask=multimask)
        if prompts.point_labels is None or prompts.point_labels.all():
            return masks
        # what lies to the right of a point of the background is not in the object
        limit = int(prompts.points_xy[0][prompts.point_labels[0] == 0][:, 0].min())
        kept = []
        for region in masks.regions:
            mask = region.mask.copy()
            mask[:, max(0, limit - region.window.start[1]) :] = False
            kept.append(MaskRegion.tight(region.window.start, mask))
        return dataclasses.replace(masks, regions=tuple(kept))


def test_a_mask_with_its_box_is_refined_and_not_the_box():
    """An L, in whose box lies another bright object."""
    truth, other = np.zeros((2, 12, 30, 30), bool)
    truth[3:9, 4:24, 4:7] = truth[3:9, 21:24, 4:24] = other[3:9, 5:17, 11:23] = True
    array = scan(truth | other)
    mask = VoxelMask.from_array(truth)
    found = [
        segment_object(slices_of(array), prompt, lambda _n: None).full(truth.shape)
        for prompt in (
            ObjectPrompt("a", 1, mask.window),
            ObjectPrompt("a", 1, mask.window, mask=mask),
            ObjectPrompt("a", 1, mask=mask, slice_boxes=(slice_box(truth, 0, 5),)),
        )
    ]
    from_box, from_both, from_mask = (dice(one, truth) for one in found)
    assert from_box < 0.9 < min(from_both, from_mask)


def test_points_are_asked_together_with_the_box_of_their_slice():
    truth = ball()
    outside = VoxelPoint((14, 17, 21), positive=False)
    for prompt in (
        ObjectPrompt("a", 1, tight(truth), points=(outside,)),
        ObjectPrompt("a", 1, slice_boxes=(slice_box(truth, 0, 14),), points=(outside,)),
        ObjectPrompt("a", 1, mask=VoxelMask.from_array(truth), points=(outside,)),
    ):
        segmenter = AskedSegmenter()
        boxes = boxes_of_points(slices_of(scan(truth), segmenter), prompt)
        assert segmenter.asked == [{"boxes", "points"}]
        (box,) = boxes.values()
        expected = slice_box(truth, 0, 14).window
        assert (box.axis, box.index) == (0, 14)
        assert box.window == Window(expected.start, (expected.stop[0], 21))
        assert idle_notes(prompt, slices_of(scan(truth)).volume) == []


@pytest.mark.parametrize("box", [None, (5, 12, 14, 24, 23, 27)])
def test_points_that_leave_nothing_are_no_object(box):
    """The whole slice was taken once, and followed through the volume."""
    truth = ball()
    points = (VoxelPoint((14, 17, 20)), VoxelPoint((14, 17, 0), positive=False))
    window = None if box is None else Window(box[:3], box[3:])
    prompt = ObjectPrompt("a", 1, window, points=points)
    if window is not None:
        prompt = ObjectPrompt("a", 1, window, points=(points[0], VoxelPoint((14, 17, 14), False)))
    slices = slices_of(scan(truth), AskedSegmenter())
    (found,) = segment_by_planes(slices, [prompt], lambda _n: None)
    assert found.voxels == 0
    assert found.confidence == 0


def test_points_of_the_background_alone_on_a_slice_are_said_to_do_nothing():
    truth = ball()
    volume = slices_of(scan(truth)).volume
    points = (VoxelPoint((14, 17, 20)), VoxelPoint((2, 2, 2), positive=False))
    (note,) = idle_notes(ObjectPrompt("a", 1, points=points), volume)
    assert note == (
        "points of the background of label a on slice k=2 have no effect: no box and no point of "
        "the object lies there"
    )


def test_a_painted_slice_stays_as_painted_and_nothing_far_away_changes():
    truth = ball()
    slices = slices_of(scan(truth))
    before = segment_box(slices, tight(truth))
    mask = np.zeros((6, 6), dtype=bool)
    mask[1:4, 2:5] = True
    decoded = slices.decoded
    after = correct(before, slices, PaintedSlice(0, 9, Window((14, 17), (20, 23)), mask))
    wanted = np.zeros(truth.shape[1:], dtype=bool)
    wanted[14:20, 17:23] = mask
    one, two = before.full(truth.shape), after.full(truth.shape)
    assert np.array_equal(two[9], wanted)
    changed = [k for k in range(30) if not np.array_equal(one[k], two[k])]
    assert 9 in changed
    # each changed slice is decoded once, and one more on each side shows that it is as it was
    assert slices.decoded - decoded <= len(changed) - 1 + 2
    encoded = slices.calls
    correct(after, slices, slice_box(truth, 0, 9))
    assert slices.calls == encoded


def test_corrections_meet_at_slices_that_were_corrected_before():
    truth = ball()
    slices = slices_of(scan(truth))
    result = segment_box(slices, tight(truth))
    for index in (10, 14):
        result = correct(result, slices, slice_box(truth, 0, index))
    decoded = slices.decoded
    nothing = np.zeros((1, 1), dtype=bool)
    after = correct(result, slices, PaintedSlice(0, 12, Window((17, 20), (18, 21)), nothing))
    assert not after.full(truth.shape)[12].any()
    # an object that ends here gives its neighbours no box
    assert slices.decoded == decoded
    assert np.array_equal(after.full(truth.shape)[10], result.full(truth.shape)[10])


def test_a_correction_may_reach_beyond_the_object():
    truth = ball()
    slices = slices_of(scan(truth))
    box = tight(truth)
    small = Window(box.start, (15, *box.stop[1:]))
    result = segment_box(slices, small)
    after = correct(result, slices, slice_box(truth, 0, 17))
    assert after.window == Window(box.start, (18, *box.stop[1:]))
    assert np.array_equal(after.full(truth.shape)[17], truth[17])


def test_a_correction_outside_is_refused():
    truth = ball()
    slices = slices_of(scan(truth))
    result = segment_box(slices, tight(truth))
    with pytest.raises(PromptError, match=r"^correction Window\(.*\) lies outside the volume"):
        correct(result, slices, SliceBox(0, 30, Window((1, 1), (3, 3))))
    with pytest.raises(
        PromptError,
        match=r"^a painted mask must be boolean of shape \(2, 2\), got bool of \(1, 2\)$",
    ):
        PaintedSlice(0, 3, Window((1, 1), (3, 3)), np.ones((1, 2), dtype=bool))


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


def test_a_lesion_on_thick_slices_with_the_real_network(data):
    folder = data / "med/volumes/mr_brain1"
    volume = read_volume(folder / "brain1_image.nrrd", modality="MR")
    labels, _ = nrrd.read(str(folder / "brain1_label.nrrd"))
    truth = labels.T == 1
    segmenter = load_segmenter("lite_medsam", precision="fp32")
    with SliceEmbeddings(volume, choose_stretch(volume), segmenter) as slices:
        found = segment_box(slices, tight(truth))
        assert slices.calls == 7
        # the published loop reaches 0.35
        assert dice(found.full(truth.shape), truth) > 0.7
        decoded = slices.decoded
        after = correct(found, slices, slice_box(truth, 0, 16))
        assert slices.decoded - decoded <= 7
        assert slices.calls == 7
    assert dice(after.full(truth.shape)[16], truth[16]) > 0.8


@given(seed=st.integers(0, 1000), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_tracks_in_bits_agree_as_their_masks_do(seed, shares):
    rng = np.random.default_rng(seed)
    masks = [rng.random((3, 5, 7)) < share for share in shares]
    one, other = (Track({}, np.packbits(m), int(m.sum()), 1.0) for m in masks)
    assert one.dice(other) == dice(*masks)
