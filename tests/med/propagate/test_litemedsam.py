from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.prompts import Prompts
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.objects.snomed import Code
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.propagate import litemedsam
from sam_med.propagate.litemedsam import (
    Sweep,
    box_around,
    first_box,
    loop_masks,
    segment_by_loop,
)
from sam_med.slices.window_level import choose_stretch

SIZE = (256, 256)
"""Slices of this size make the loop's grid that of the slice."""


def slices(size_hw=SIZE):
    return lambda k: np.full(size_hw, k % 256, np.uint8)


def run(boxes, segmenter, *, size_hw=SIZE):
    return list(loop_masks(slices(size_hw), boxes, segmenter, size_hw=size_hw))


def spans(start, length):
    return st.tuples(st.integers(*start), st.integers(*length)).map(lambda v: (v[0], v[0] + v[1]))


boxes_3d = st.tuples(spans((0, 40), (1, 30)), spans((0, 200), (1, 50)), spans((0, 200), (1, 50)))
windows = boxes_3d.map(lambda axes: Window(*zip(*axes, strict=True)))


class Scripted(FakeSegmenter):
    """Answers as it is told, slice by slice, and remembers the boxes it was asked."""

    def __init__(self, empty=()):
        super().__init__()
        self.asked = []
        self.empty = empty

    def decode(self, embedding, prompts, *, multimask=False):
        k = int(embedding.features.max())
        self.asked.append((k, prompts.boxes_xyxy[0].tolist()))
        if k in self.empty:
            prompts = Prompts.from_boxes([0.1, 0.1, 0.2, 0.2])  # no sample centre inside
        return super().decode(embedding, prompts, multimask=multimask)


@pytest.mark.parametrize(
    ("k0", "k1", "middle"), [(0, 0, 0), (0, 1, 0), (0, 2, 1), (82, 111, 96), (66, 101, 83)]
)
def test_the_middle_is_the_published_one(k0, k1, middle):
    sweep = Sweep(0, Window((k0, 0, 0), (k1 + 1, 1, 1)), *[(0, 0, 0, 0)] * 3)
    assert sweep.middle == middle
    assert [*sweep.upwards] == [*range(middle, k1 + 1)]
    assert [*sweep.downwards] == [*range(middle - 1, k0 - 1, -1)]


def test_boxes_grow_with_the_masks_from_the_middle():
    """By hand: the fake's mask is its box, so each next box is 3 px larger on every side."""
    segmenter = Scripted()
    masks = run([Window((0, 100, 50), (5, 121, 71))], segmenter)
    assert segmenter.asked == [
        (2, [50, 100, 70, 120]),
        (3, [47, 97, 73, 123]),
        (4, [44, 94, 76, 126]),
        (1, [47, 97, 73, 123]),
        (0, [44, 94, 76, 126]),
    ]
    assert [(mask.number, mask.k) for mask in masks] == [(0, k) for k in (2, 3, 4, 1, 0)]
    assert masks[1].region.window == Window((97, 47), (124, 74))


def test_after_an_empty_mask_the_first_box_is_used_again():
    segmenter = Scripted(empty={3})
    run([Window((0, 100, 50), (5, 121, 71))], segmenter)
    assert [box for k, box in segmenter.asked if k == 4] == [[50, 100, 70, 120]]
    segmenter = Scripted(empty={2})
    run([Window((0, 100, 50), (5, 121, 71))], segmenter)
    # the middle itself: both directions start from the first box
    assert [box for k, box in segmenter.asked if k in (1, 3)] == [[50, 100, 70, 120]] * 2


def test_boxes_are_in_slice_indices_whatever_the_size_of_the_slice():
    segmenter = Scripted()
    run([Window((0, 11, 20), (2, 31, 41))], segmenter, size_hw=(64, 128))
    # 128 px are 256 in the loop's grid: (20, 11, 40, 30) -> (40, 22, 80, 60) and back
    assert segmenter.asked[0] == (0, [20, 11, 40, 30])
    # the mask covers 40..81 x 22..61 of the grid; with 3 px more, and in slice indices
    assert segmenter.asked[1] == (1, [18.5, 9.5, 42, 32])


def test_the_first_box_is_cut_to_whole_numbers_of_the_grid():
    assert first_box(Window((0, 1, 1), (1, 4, 4)), (100, 300)) == (0, 0, 2, 2)
    assert first_box(Window((0, 10, 20), (1, 31, 41)), (512, 512)) == (10, 5, 20, 15)


@pytest.mark.parametrize("size_hw", [(256, 256), (101, 122), (512, 400), (3, 700)])
def test_the_next_box_step_by_step(size_hw):
    """Against the published steps: resize, pad to 256, extremes, 3 px, limits 0 and 256."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        mask = np.zeros(size_hw, bool)
        top, left = (int(rng.integers(0, n)) for n in size_hw)
        mask[top : top + rng.integers(1, 90), left : left + rng.integers(1, 90)] = True
        scale = 256 / max(size_hw)
        shape = (int(size_hw[1] * scale + 0.5), int(size_hw[0] * scale + 0.5))
        small = cv2.resize(mask.astype(np.uint8), shape, interpolation=cv2.INTER_AREA)
        padded = np.zeros((256, 256), np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small
        y, x = np.where(padded > 0)
        expected = None
        if len(y):
            expected = (
                max(0, x.min() - 3),
                max(0, y.min() - 3),
                min(256, x.max() + 3),
                min(256, y.max() + 3),
            )
        assert box_around(mask) == expected


def test_nothing_left_after_the_resize():
    mask = np.zeros((2048, 2048), bool)
    assert box_around(mask) is None
    mask[5, 5] = True  # one of 64 pixels that become one
    assert box_around(mask) is None


@settings(max_examples=30, deadline=None)
@given(st.lists(windows, min_size=1, max_size=5))
def test_every_slice_of_every_box_once_and_each_slice_embedded_once(boxes):
    segmenter = FakeSegmenter()
    masks = run(boxes, segmenter)
    assert sorted((mask.number, mask.k) for mask in masks) == sorted(
        (n, k) for n, box in enumerate(boxes) for k in range(box.start[0], box.stop[0])
    )
    distinct = {k for box in boxes for k in range(box.start[0], box.stop[0])}
    assert len(segmenter.embedded) == len(distinct)


@settings(max_examples=20, deadline=None)
@given(st.lists(windows, min_size=2, max_size=4))
def test_an_object_does_not_depend_on_the_others(boxes):
    together = run(boxes, FakeSegmenter())
    for n, box in enumerate(boxes):
        alone = run([box], FakeSegmenter())
        mine = [mask for mask in together if mask.number == n]
        assert [(m.k, m.region.window) for m in mine] == [(m.k, m.region.window) for m in alone]


def test_embeddings_are_kept_between_the_sweeps_only_where_paths_cross(monkeypatch):
    """Middles 10 and 20: slices 10 to 19 go down for one object and up for the other."""
    boxes = [Window((0, 0, 0), (21, 9, 9)), Window((10, 0, 0), (31, 9, 9))]
    segmenter = FakeSegmenter()
    run(boxes, segmenter)
    assert len(segmenter.embedded) == 31
    segmenter = FakeSegmenter()
    monkeypatch.setattr(litemedsam, "MAX_KEPT", 4)
    run(boxes, segmenter)
    assert len(segmenter.embedded) == 31 + 10 - 4
    segmenter = FakeSegmenter()
    monkeypatch.setattr(litemedsam, "MAX_KEPT", 0)
    run(boxes[:1], segmenter)
    assert len(segmenter.embedded) == 21


def test_five_objects_on_a_hundred_slices_cost_a_hundred_encoder_calls():
    boxes = [Window((0, 20 * n, 20 * n), (100, 20 * n + 9, 20 * n + 9)) for n in range(5)]
    segmenter = FakeSegmenter()
    masks = run(boxes, segmenter)
    assert (len(masks), len(segmenter.embedded)) == (500, 100)


def test_segments_hold_the_masks_of_the_loop_and_what_it_said_of_them(phantom):
    prompts = [
        ObjectPrompt("a", 1, Window((0, 100, 50), (5, 121, 71))),
        ObjectPrompt("b", 7, Window((1, 30, 30), (3, 60, 60)), code=Code("1", "SCT", "One")),
    ]
    stretch = choose_stretch(phantom)
    done = []
    first, second = (FakeSegmenter(), FakeSegmenter())
    segments, encoded = segment_by_loop(phantom, stretch, first, prompts, done.append)
    assert (encoded, len(first.embedded), sum(done)) == (5, 5, 5 + 2)
    assert [(s.name, s.value, s.code) for s in segments] == [
        ("a", 1, None),
        ("b", 7, prompts[1].code),
    ]
    expected = np.zeros((2, *phantom.shape), bool)
    boxes = [prompt.window for prompt in prompts]
    for mask in loop_masks(
        lambda k: stretch.apply(phantom.array[k]), boxes, second, size_hw=phantom.shape[1:]
    ):
        expected[mask.number, mask.k][mask.region.window.slices] |= mask.region.mask
    for segment, whole in zip(segments, expected, strict=True):
        assert np.array_equal(segment.full(phantom.shape), whole)
        assert segment.window.shape[1:] == phantom.shape[1:]


def test_a_slice_of_the_loop_is_as_sure_as_the_network_and_its_better_neighbour(phantom):
    """By hand: 21 x 21 voxels in the middle, 3 more on every side of each slice outwards."""
    prompt = ObjectPrompt("a", 1, Window((0, 100, 50), (5, 121, 71)))
    (segment,), _ = segment_by_loop(
        phantom, choose_stretch(phantom), FakeSegmenter(), [prompt], lambda _n: None
    )
    middle, near, far = 21**2, 27**2, 33**2
    inner, outer = 2 * middle / (middle + near), 2 * near / (near + far)
    assert [row.k for row in segment.slices] == [*range(5)]
    agreed = [outer, max(inner, outer), inner, max(inner, outer), outer]
    assert [row.neighbours for row in segment.slices] == pytest.approx(agreed)
    for row in segment.slices:
        assert row.confidence == min(row.predicted_iou, row.neighbours)
        assert row.planes is None
    (alone,), _ = segment_by_loop(
        phantom,
        choose_stretch(phantom),
        FakeSegmenter(),
        [ObjectPrompt("a", 1, Window((2, 100, 50), (3, 121, 71)))],
        lambda _n: None,
    )
    assert [row.neighbours for row in alone.slices] == [1]
