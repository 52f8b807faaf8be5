"""Object prompts: windows of boxes, points and masks, clipping, contradictions, messages."""

from __future__ import annotations

import re

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from prompt_phantoms import BOX, message_of, object_prompts, volumes, windows

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry.slice_box import SliceBox, axis_of
from sam_med.geometry.voxel_box import bounds_lps, corners_of, window_around
from sam_med.objects.snomed import Code
from sam_med.prompts.json_prompts import prompts_to_json
from sam_med.prompts.object_prompt import (
    ObjectPrompt,
    VoxelMask,
    VoxelPoint,
    check_objects,
    clip_notes,
    with_codes,
)
from sam_med.run.methods import check_prompts


def test_inclusive_ijk_to_half_open_kji():
    box = ObjectPrompt.from_ijk("liver", 3, (10, 21, 82, 43, 57, 111))
    assert box.box == Window((82, 21, 10), (112, 58, 44))
    assert box.ijk == (10, 21, 82, 43, 57, 111)


def test_one_voxel():
    assert ObjectPrompt.from_ijk("dot", 1, (1, 2, 3, 1, 2, 3)).window.shape == (1, 1, 1)


def test_millimetres_by_hand(volume):
    # i runs to the right: voxel 0 covers x 99..101, voxel 1 covers 97..99
    box = ObjectPrompt.from_lps("a", 1, (97, 8.5, -1, 101, 14.5, 3), volume)
    assert box.ijk == (0, 0, 0, 1, 1, 0)
    # a little more touches the next voxels
    box = ObjectPrompt.from_lps("a", 1, (96.9, 8.5, -1, 101, 14.6, 3.1), volume)
    assert box.ijk == (0, 0, 0, 2, 2, 1)


def test_ijk_and_lps_agree_on_real_volumes(real):
    volume = read_volume(real.path)
    for label in real.labels:
        ijk = ObjectPrompt.from_ijk("a", 1, [*label["ijk_min"], *label["ijk_max"]])
        low, high = bounds_lps(ijk.box, volume)
        assert_allclose(low, label["lps_mm_min"], atol=6e-4)
        assert_allclose(high, label["lps_mm_max"], atol=6e-4)
        lps = ObjectPrompt.from_lps("a", 1, [*label["lps_mm_min"], *label["lps_mm_max"]], volume)
        if real.name == "mr_spine_oblique":
            assert lps.box.contains(ijk.box)
            assert lps.box == voxels_around(real, low, high)
        else:
            assert lps == ijk


def voxels_around(real, low, high):
    """The same box found by SimpleITK's own mapping of the eight corners."""
    image = sitk.ReadImage(str(real.path))
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    ijk = np.array([image.TransformPhysicalPointToContinuousIndex(c) for c in corners.tolist()])
    start = np.rint(ijk.min(axis=0) + 0.01).astype(int)
    stop = np.rint(ijk.max(axis=0) - 0.01).astype(int) + 1
    return Window(tuple(start[::-1].tolist()), tuple(stop[::-1].tolist()))


def test_boxes_of_a_label_grid_hold_on_the_dicom(data):
    """The label grid has its rows reversed against the DICOM: only patient space can match."""
    folder = data / "med/dicom/ct_abdomen_dicom"
    volume, organs = read_volume(folder / "series"), read_volume(folder / "organs.nii.gz")
    for value in np.unique(organs.array)[1:]:
        k, j, i = np.nonzero(organs.array == value)
        found = Window((k.min(), j.min(), i.min()), (k.max() + 1, j.max() + 1, i.max() + 1))
        box = ObjectPrompt.from_lps(
            "a", 1, np.concatenate(bounds_lps(found, organs)).tolist(), volume
        )
        (k0, j0, i0), (k1, j1, i1) = found.start, found.stop
        assert box.window == Window((k0, 512 - j1, i0), (k1, 512 - j0, i1))


@given(st.data())
def test_corners_of_a_window_enclose_it(data):
    volume = data.draw(volumes())
    window = data.draw(windows(volume.shape))
    assert window_around(corners_of(window, volume), volume) == window


@given(st.data())
def test_a_box_on_a_slice_comes_back_from_its_corners(data):
    volume = data.draw(volumes())
    prompt = data.draw(object_prompts(volume, 1))
    for part in prompt.slice_boxes:
        assert SliceBox.from_corners(part.axis, part.corners_lps(volume), volume) == part
        assert SliceBox.from_corners(part.axis, part.corners_lps(volume)[::-1], volume) == part
        assert SliceBox.from_ijk(part.axis, part.index, part.ijk) == part
        assert SliceBox.from_window(part.axis, part.window_kji) == part


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 7)] * 3))
def test_a_mask_comes_back(seed, shape):
    mask = np.random.default_rng(seed).random(shape) < 0.4
    mask[-1, -1, -1] = True
    kept = VoxelMask.from_array(mask * 7.5, (3, -2, 9))
    whole = np.zeros(shape, bool)
    whole[kept.window.shift((-3, 2, -9)).slices] = kept.mask
    assert (whole == mask).all()
    assert VoxelMask.from_array(kept.mask, kept.window.start) == kept
    assert len({kept, VoxelMask.from_array(mask, (3, -2, 9))}) == 1


def test_what_reaches_outside_is_cut(volume):
    box = ObjectPrompt.from_ijk("a", 1, (-3, 2, 1, 2, 99, 4))
    assert box.clip(volume).ijk == (0, 2, 1, 2, 5, 4)
    assert box.clip(volume).clip(volume) == box.clip(volume)
    assert clip_notes(box, box.clip(volume)) == [
        "box of label a is cut to the volume: ijk 0,2,1,2,5,4"
    ]
    assert clip_notes(box.clip(volume), box.clip(volume)) == []


def test_each_part_is_cut(volume):
    mask = np.ones((2, 2, 2), bool)
    prompt = ObjectPrompt(
        "a",
        1,
        slice_boxes=(
            SliceBox(0, 4, Window((-1, 2), (3, 99))),
            SliceBox(2, 6, Window((0, 0), (5, 6))),
        ),
        points=(VoxelPoint((-0.5, 5.49, 0)),),
        mask=VoxelMask.from_array(mask, (4, 0, -1)),
    )
    inside = prompt.clip(volume)
    assert inside.slice_boxes == (SliceBox(0, 4, Window((0, 2), (3, 7))), prompt.slice_boxes[1])
    assert inside.points == prompt.points
    assert inside.mask == VoxelMask.from_array(np.ones((1, 2, 1), bool), (4, 0, 0))
    assert clip_notes(prompt, inside) == [
        "box on slice k=4 of label a is cut to the volume: ijk 2,0,4,6,2,4",
        "mask of label a is cut to the volume: ijk 0,0,4,0,1,4",
    ]


EXTENT = (
    "but the volume has i 0 to 6, j 0 to 5, k 0 to 4 "
    "(LPS mm x 87.0 to 101.0, y 8.5 to 26.5, z -1.0 to 19.0)"
)


def test_wholly_outside_names_the_extent(volume):
    box = ObjectPrompt.from_ijk("liver", 1, (7, 0, 0, 9, 2, 2))
    assert message_of(box.clip, volume) == (
        f"box of label liver lies outside the volume: ijk 7,0,0,9,2,2, {EXTENT}"
    )
    box = ObjectPrompt.from_lps("liver", 1, (-5, -5, -5, 1, 1, 1), volume)
    assert message_of(box.clip, volume).startswith("box of label liver lies outside the volume: ")


def test_other_parts_outside(volume):
    cases = {
        "box on slice j=6 of label a lies outside the volume: ijk 0,6,0,2,6,3, ": ObjectPrompt(
            "a", 1, slice_boxes=(SliceBox(1, 6, Window((0, 0), (4, 3))),)
        ),
        "point of label a lies outside the volume: ijk 0,0,4.5, ": ObjectPrompt(
            "a", 1, points=(VoxelPoint((4.5, 0, 0)),)
        ),
        "mask of label a lies outside the volume: ijk 7,0,0,7,0,0, ": ObjectPrompt(
            "a", 1, mask=VoxelMask.from_array(np.ones((1, 1, 1)), (0, 0, 7))
        ),
    }
    for message, prompt in cases.items():
        assert message_of(prompt.clip, volume) == message + EXTENT


def test_a_mask_whose_voxels_lie_outside(volume):
    """Its window reaches into the volume, but nothing of it is set there."""
    mask = np.eye(2, dtype=bool)[None]
    prompt = ObjectPrompt("a", 1, mask=VoxelMask.from_array(mask, (0, 5, -1)))
    assert message_of(prompt.clip, volume) == (
        f"mask of label a lies outside the volume: ijk -1,5,0,0,6,0, {EXTENT}"
    )


def test_window_holds_everything(volume):
    prompt = ObjectPrompt(
        "a",
        1,
        slice_boxes=(SliceBox(0, 3, Window((1, 1), (3, 3))),),
        points=(VoxelPoint((0.4, 5, 0)), VoxelPoint((0, 0, 6.2), positive=False)),
        mask=VoxelMask.from_array(np.ones((1, 1, 1)), (4, 2, 2)),
    )
    assert prompt.window == Window((0, 0, 0), (5, 6, 7))


def test_codes_are_filled_in_by_name():
    known = Code("78961009", "SCT", "Spleen")
    own = Code("1", "99OWN", "Mine")
    given_code = ObjectPrompt("liver", 1, BOX, code=own)
    filled = with_codes(
        [ObjectPrompt("spleen", 2, BOX), given_code], {"spleen": known, "liver": known}.get
    )
    assert [prompt.code for prompt in filled] == [known, own]


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        (("a", 1, "b", 1), "each object needs a value of its own, got 1 twice"),
        (("a", 1, "a", 2), "each object needs a label of its own, got a twice"),
    ],
)
def test_objects_are_told_apart(prompts, expected):
    one, value, other, second = prompts
    objects = [ObjectPrompt(one, value, BOX), ObjectPrompt(other, second, BOX)]
    assert message_of(check_objects, objects) == expected


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((5, 0, 0, 4, 1, 1), "must have min <= max as i0,j0,k0,i1,j1,k1, got 5,0,0,4,1,1"),
        ((0, 0, float("nan"), 4, 1, 1), "must be finite, got 0,0,nan,4,1,1"),
        ((0, 0, 0, 4, float("inf"), 1), "must be finite, got 0,0,0,4,inf,1"),
        ((0, 0, 0, 4, 1.5, 1), "must be whole voxel indices, got 0,0,0,4,1.5,1"),
        ((0, 0, 0, 4), "must be six numbers, got 4"),
    ],
)
def test_wrong_ijk(box, expected):
    assert message_of(ObjectPrompt.from_ijk, "a", 1, box) == f"box-ijk {expected}"


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        # as when RAS was meant
        ((10, 0, 0, -4, 1, 1), "must have min <= max as x0,y0,z0,x1,y1,z1, got 10,0,0,-4,1,1"),
        ((0, 0, float("nan"), 4, 1, 1), "must be finite, got 0,0,nan,4,1,1"),
        ((float("-inf"), 0, 0, 4, 1, 1), "must be finite, got -inf,0,0,4,1,1"),
    ],
)
def test_wrong_lps(box, expected, volume):
    assert message_of(ObjectPrompt.from_lps, "a", 1, box, volume) == f"box-lps {expected}"


@pytest.mark.parametrize(
    ("label", "value", "expected"),
    [
        (" ", 1, "a label needs a name, got an empty one"),
        ("liver", 0, "the value of label liver must be 1 to 65535, got 0"),
        ("liver", 65536, "the value of label liver must be 1 to 65535, got 65536"),
    ],
)
def test_wrong_labels(label, value, expected):
    assert message_of(ObjectPrompt, label, value, Window((0, 0, 0), (1, 1, 1))) == expected


def test_a_label_is_one_line():
    for label in ("left\nkidney", "a\tb", "a\ud800", "a\0"):
        said = message_of(ObjectPrompt(label, 1, Window((0, 0, 0), (1, 1, 1))).check_parts)
        assert said == f"a label is one line of text, got {label!r}"


def test_parts_that_exclude_each_other():
    here, background = VoxelPoint((1, 1, 1)), VoxelPoint((1.2, 0.9, 1), positive=False)
    box, far = Window((0, 0, 0), (2, 3, 4)), Window((5, 5, 5), (6, 6, 6))
    beside = VoxelPoint((1, 1, 4), positive=False)
    cases = [
        (
            {"points": (here, background)},
            "label a has a point of the object and one of the background in one voxel: ijk 1,1,1",
        ),
        (
            {"box": box, "points": (VoxelPoint((1, 1, 4)),)},
            (
                "point of label a lies outside of its own box: ijk 4,1,1,4,1,1, but the box is "
                "0,0,0,3,2,1"
            ),
        ),
        (
            {"box": box, "mask": VoxelMask.from_array(np.ones((1, 1, 1)), far.start)},
            (
                "mask of label a lies outside of its own box: ijk 5,5,5,5,5,5, but the box is "
                "0,0,0,3,2,1"
            ),
        ),
        (
            {"box": box, "slice_boxes": (SliceBox.from_window(0, far),)},
            (
                "box on slice k=5 of label a lies outside of its own box: ijk 5,5,5,5,5,5, but the "
                "box is 0,0,0,3,2,1"
            ),
        ),
        (
            {
                "slice_boxes": (
                    SliceBox.from_ijk(0, 5, (0, 0, 3, 3)),
                    SliceBox.from_ijk(0, 5, (1, 1, 3, 3)),
                )
            },
            "label a has two boxes on slice k=5: join them, or give each a name of its own",
        ),
    ]
    for parts, expected in cases:
        assert message_of(ObjectPrompt("a", 1, **parts).check_parts) == expected
        with pytest.raises(PromptError, match=rf"^{re.escape(expected)}$"):
            check_prompts([ObjectPrompt("a", 1, **parts)], "planes")
    ObjectPrompt("a", 1, box, points=(here, beside)).check_parts()


def test_what_is_given_twice_counts_once():
    one, box = VoxelPoint((1, 1, 1)), SliceBox.from_ijk(0, 1, (0, 0, 3, 3))
    found = ObjectPrompt("a", 1, slice_boxes=(box, box), points=(one, one))
    assert (found.slice_boxes, found.points) == ((box,), (one,))


def test_objects_without_a_place():
    assert message_of(ObjectPrompt, "a", 1) == (
        "label a needs a box, a box on a slice, a point or a mask, got none"
    )
    outside = VoxelPoint((0, 0, 0), positive=False)
    assert message_of(lambda: ObjectPrompt("a", 1, points=(outside,))) == (
        "label a has points of the background only"
    )
    assert ObjectPrompt("a", 1, BOX, points=(outside,)).points == (outside,)


def test_wrong_parts(volume):
    cases = [
        (
            lambda: VoxelPoint((0, float("nan"), 1)),
            "a point must be finite, got 1,nan,0",
        ),
        (
            lambda: VoxelMask.from_array(np.zeros((2, 2, 2))),
            "a mask to refine needs at least one voxel, got an empty one",
        ),
        (lambda: VoxelMask(BOX, b"1"), "a mask of (2, 3, 4) voxels takes 3 bytes, got 1"),
        (
            lambda: SliceBox(3, 0, Window((0, 0), (1, 1))),
            "the axis of a slice must be 0, 1 or 2, got 3",
        ),
        (lambda: SliceBox(0, 0, BOX), "a box on a slice has 2 axes, got 3"),
        (
            lambda: SliceBox.from_window(1, BOX),
            "a box on a slice is 1 voxel thick along j, got 3",
        ),
        (
            lambda: SliceBox.from_ijk(2, 4, (1, 2, 3)),
            "a box on slice i=4 must be four whole voxel numbers j0,k0,j1,k1, got 1,2,3",
        ),
        (
            lambda: SliceBox.from_ijk(1, 4, (1, 2, 0, 3)),
            "a box on slice j=4 must have min <= max as i0,k0,i1,k1, got 1,2,0,3",
        ),
        (
            lambda: SliceBox.from_corners(0, [[90, 10, 1], [94, 13, 9]], volume),
            "both corners of a box lie on one slice along k, got k 0.00 and 2.00",
        ),
        (
            lambda: SliceBox.from_corners(0, [[90, 10, float("nan")], [94, 13, 9]], volume),
            "corners of a box must be finite, got [[90.0, 10.0, nan], [94.0, 13.0, 9.0]]",
        ),
        (lambda: axis_of("z"), "the axis of a slice is i, j or k, got 'z'"),
        (lambda: axis_of(""), "the axis of a slice is i, j or k, got ''"),
        (lambda: axis_of("ji"), "the axis of a slice is i, j or k, got 'ji'"),
        (
            lambda: prompts_to_json([ObjectPrompt("a", 1, BOX)], space="LPS"),
            "prompts in LPS mm need the volume that they lie in",
        ),
    ]
    for function, expected in cases:
        assert message_of(function) == expected
