from __future__ import annotations

import dataclasses
import itertools

import nrrd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shaded_objects import ShadeSegmenter, ball, scan, slice_box, slices_of, tight

from sam_common.masks.decoded import MaskRegion
from sam_common.metrics.agreement import dice
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import load_segmenter
from sam_common.window import Window
from sam_med.corrections.correct import correct
from sam_med.files.read import read_volume
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint
from sam_med.propagate.first_guesses import MOST_SLICES
from sam_med.propagate.planes import (
    boxes_of_points,
    idle_notes,
    planes_steps,
    segment_box,
    segment_by_planes,
    segment_object,
)
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.window_level import choose_stretch

ORDERS = list(itertools.permutations(range(3)))
SIGNS = list(itertools.product((1, -1), repeat=3))


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
    small, large = ball(radii=(6, 5, 6)), ball()
    for margin in (0, 3):
        for truth in (small, large):
            box = tight(truth).expand(margin)
            found = segment_box(slices_of(scan(truth)), box)
            wrong = found.full(truth.shape) != truth
            # a tip of one voxel may lie between two of the slices that are looked at
            tips = 6 if max(box.shape) > MOST_SLICES else 0
            assert np.count_nonzero(wrong) <= tips


@pytest.mark.parametrize("spacing_ijk", [(1, 1, 2.5), (1, 1, 6), (1.5, 1, 1)])
def test_voxels_need_not_be_cubes(spacing_ijk):
    truth = ball()
    slices = slices_of(scan(truth), spacing_ijk=spacing_ijk)
    found = segment_box(slices, tight(truth))
    assert dice(found.full(truth.shape), truth) > 0.97


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


def test_five_objects_share_the_encodings_of_their_slices():
    array = scan(np.zeros((100, 20, 20), dtype=bool))
    box = Window((0, 4, 4), (100, 16, 16))
    prompts = [ObjectPrompt(f"o{n}", n, box) for n in range(1, 6)]
    # features of 4 bytes: the limit holds 16 of them
    with slices_of(array, FakeSegmenter(), max_bytes=64) as slices:
        segment_by_planes(slices, prompts, lambda _n: None)
        assert slices.calls == MOST_SLICES + 12 + 12
        assert len(slices._kept) == 16


def test_steps_are_counted_to_the_end():
    truth = ball()
    prompts = [ObjectPrompt("a", 1, tight(truth)), ObjectPrompt("b", 2, tight(truth).expand(4))]
    slices = slices_of(scan(truth))
    done = []
    segment_by_planes(slices, prompts, done.append)
    assert sum(done) == planes_steps(prompts, slices.volume)


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
