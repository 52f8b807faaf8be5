from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.frame import Frame
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.geometry.voxel_box import bounds_lps
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint
from sam_med.propagate.planes_rounds import usable_axes
from sam_med.report import overview_picture
from sam_med.run.segment import segment_volume, steps

IN_PLANE = [
    (order, signs)
    for order in ((0, 1, 2), (0, 2, 1))
    for signs in itertools.product((1, -1), repeat=3)
]
"""The 16 ways to store the same volume that keep its slices slices."""


def reorder(volume, order, signs):
    """The same voxels at the same places, stored in another order."""
    array = volume.array.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for axis, (old, sign) in enumerate(zip(order, signs, strict=True)):
        matrix[old, axis] = sign
        matrix[old, 3] = 0 if sign > 0 else volume.shape[old] - 1
    return Volume(array, volume.frame.compose(Frame.from_array(matrix)), volume.modality)


def reordered(array, order, signs):
    return array.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]


boxes_3d = st.tuples(
    # an odd number of slices has a middle that a flip does not move
    st.sampled_from([(0, 5), (1, 4), (2, 3), (0, 3)]),
    st.tuples(st.integers(8, 180), st.integers(2, 60)).map(lambda v: (v[0], v[0] + v[1])),
    st.tuples(st.integers(8, 180), st.integers(2, 60)).map(lambda v: (v[0], v[0] + v[1])),
).map(lambda axes: Window(*zip(*axes, strict=True)))


@pytest.mark.parametrize("method", ["planes", "litemedsam"])
@settings(max_examples=10, deadline=None)
@given(boxes=st.lists(boxes_3d, min_size=1, max_size=3), variant=st.sampled_from(IN_PLANE))
def test_the_way_a_volume_is_stored_does_not_matter(method, boxes, variant):
    rng = np.random.default_rng(7)
    array = rng.integers(-200, 300, (5, 256, 256)).astype(np.int16)
    direction = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    volume = Volume(array, frames.from_itk((10, 20, 30), (0.5, 0.5, 2), direction), "CT")
    stored = reorder(volume, *variant)
    in_mm = [np.concatenate(bounds_lps(box, volume)).tolist() for box in boxes]
    results = []
    for one in (volume, stored):
        prompts = [ObjectPrompt.from_lps(f"o{n}", n + 1, box, one) for n, box in enumerate(in_mm)]
        run = segment_volume(one, prompts, FakeSegmenter(), method=method)
        results.append(run.labels.array)
    assert np.array_equal(reordered(results[0], *variant), results[1])
    assert results[0].any()


def test_the_network_sees_the_slices_as_stored_and_windowed(phantom):
    segmenter = FakeSegmenter()
    box = ObjectPrompt.from_ijk("a", 1, (9, 9, 1, 30, 30, 3))
    run = segment_volume(phantom, [box], segmenter, method="litemedsam")
    assert run.encoder_calls == len(segmenter.embedded) == 3
    for k, image in zip((2, 3, 1), segmenter.embedded, strict=True):
        assert np.array_equal(image, run.stretch.apply(phantom.array[k]))


def test_boxes_are_cut_to_the_volume(phantom):
    box = ObjectPrompt.from_ijk("a", 1, (-50, 100, -7, 20, 300, 1))
    run = segment_volume(phantom, [box], FakeSegmenter())
    assert run.prompts[0].ijk == (0, 100, 0, 20, 255, 1)
    assert run.labels.array[0, 255, 0] == 1
    assert not run.labels.array[2:].any()


@pytest.mark.parametrize("method", ["planes", "litemedsam"])
def test_progress_counts_to_the_number_of_steps(phantom, method):
    done = []
    boxes = [ObjectPrompt.from_ijk(f"o{n}", n, (9, 9, 1, 30, 30, 3)) for n in (1, 2)]
    segment_volume(phantom, boxes, FakeSegmenter(), method=method, progress=done.append)
    assert sum(done) == steps(boxes, phantom, method)
    assert steps(boxes, phantom, "litemedsam") == 6


def test_every_slice_is_embedded_once_for_all_objects(phantom):
    segmenter = FakeSegmenter()
    boxes = [
        ObjectPrompt.from_ijk(f"o{n}", n, (9 * n, 9 * n, 0, 30 + 5 * n, 30 + 5 * n, 4))
        for n in (1, 2, 3, 4, 5)
    ]
    run = segment_volume(phantom, boxes, segmenter)
    hull = np.stack([(box.window.start, box.window.stop) for box in boxes])
    reach = hull[:, 1].max(0) - hull[:, 0].min(0)
    assert (
        run.encoder_calls
        == len(segmenter.embedded)
        <= sum(reach[axis] for axis in usable_axes(phantom))
    )
    assert all(segment.voxels for segment in run.segments)


def test_any_kind_of_prompt_gives_an_object(phantom):
    """The same block by a box, a box on one slice, a point, a mask; each comes out as itself."""
    block = Window((1, 100, 60), (4, 150, 130))
    box = ObjectPrompt("box", 1, block)
    drawn = SliceBox(0, 2, Window((100, 60), (150, 130)))
    on_slice = ObjectPrompt("slice", 2, slice_boxes=(drawn,))
    point = ObjectPrompt("point", 3, points=(VoxelPoint((2, 125, 95)),))
    mask = ObjectPrompt("mask", 4, mask=VoxelMask.from_array(np.ones(block.shape), block.start))
    run = segment_volume(phantom, [box, on_slice, point, mask], FakeSegmenter())
    assert [segment.name for segment in run.segments] == ["box", "slice", "point", "mask"]
    for segment in run.segments:
        assert segment.voxels
        found = segment.full(phantom.shape)
        assert found[2, 125, 95]
        inside = range(segment.window.start[0], segment.window.stop[0])
        assert [one.k for one in segment.slices] == list(inside)


@pytest.mark.parametrize("variant", list(itertools.product(range(3), range(2))))
def test_the_picture_is_turned_to_the_patient(variant):
    """One bright corner: left, posterior, superior. It must be drawn where radiologists look."""
    axis, flip = variant
    order = tuple(np.roll(range(3), axis).tolist())
    signs = (1, -1, 1) if flip else (-1, 1, -1)
    array = np.zeros((60, 60, 60), np.int16)
    array[30:, 30:, 30:] = 200  # z, y, x: superior, posterior, left
    array[0, 0, 0] = -200
    volume = Volume(array, frames.from_itk((0, 0, 0), (1, 1, 1), (1, 0, 0, 0, 1, 0, 0, 0, 1)), "CT")
    stored = reorder(volume, order, signs)
    box = ObjectPrompt.from_lps("a", 1, (36, 36, 36, 44, 44, 44), stored)
    run = segment_volume(stored, [box], FakeSegmenter())
    drawn = overview_picture.draw(run.volume, run.labels, run.stretch)
    assert drawn.shape == (480, 3 * 480 + 2 * 8, 3)
    axial, coronal, sagittal = (drawn[:, n * 488 : n * 488 + 480] for n in range(3))
    corners = {
        "axial": axial[470, 470],  # posterior is down, left is right
        "coronal": coronal[10, 470],  # superior is up
        "sagittal": sagittal[10, 470],  # posterior is right
    }
    for name, corner in corners.items():
        assert corner.min() > 200, name
    assert max(axial[10, 10].max(), coronal[470, 10].max(), sagittal[470, 10].max()) < 140


def test_a_picture_of_nothing_found_shows_the_middle(phantom):
    dark = FakeSegmenter(empty_below=255)
    run = segment_volume(phantom, [ObjectPrompt.from_ijk("a", 1, (0, 0, 0, 9, 9, 4))], dark)
    assert run.labels.labels[0].voxels == 0
    drawn = overview_picture.draw(run.volume, run.labels, run.stretch)
    # nothing but grey
    assert (drawn[..., 0] == drawn[..., 2]).all()


def test_labels_keep_their_colours(phantom):
    """The first object is outlined in red, whether or not it is in the plane."""
    boxes = [
        ObjectPrompt.from_ijk("a", 7, (100, 100, 0, 160, 160, 4)),
        ObjectPrompt.from_ijk("b", 3, (10, 10, 0, 40, 40, 4)),
    ]
    run = segment_volume(phantom, boxes, FakeSegmenter())
    swapped = segment_volume(phantom, [dataclasses.replace(boxes[0], value=1)], FakeSegmenter())
    assert (
        overview_picture.draw(run.volume, run.labels, run.stretch)[240, 240]
        == overview_picture.draw(swapped.volume, swapped.labels, swapped.stretch)[240, 240]
    ).all()
