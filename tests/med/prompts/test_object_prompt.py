from __future__ import annotations

import itertools
import re

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sam_common.errors import PromptError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox, axis_of
from sam_med.geometry.volume import Volume
from sam_med.geometry.voxel_box import SPACES, bounds_lps, corners_of, window_around
from sam_med.objects.snomed import Code
from sam_med.prompts.flags import PromptFlags, pair_labels, parse_box, prompts_from_flags
from sam_med.prompts.json_prompts import prompts_from_json, prompts_sha256, prompts_to_json
from sam_med.prompts.object_prompt import (
    ObjectPrompt,
    VoxelMask,
    VoxelPoint,
    check_objects,
    clip_notes,
    with_codes,
)
from sam_med.run.methods import check_prompts
from sam_med.series.find import find_series

BOX = Window((1, 1, 1), (3, 4, 5))


@pytest.fixture
def volume():
    frame = frames.from_itk((100, 10, 1), (2, 3, 4), (-1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Volume(np.zeros((5, 6, 7), np.int16), frame)


def message_of(function, *args):
    with pytest.raises(PromptError) as caught:
        function(*args)
    return str(caught.value)


@st.composite
def volumes(draw):
    """Turned, sheared, anisotropic and unevenly spaced grids."""
    numbers = st.floats(-1, 1)
    noise = np.reshape(draw(st.lists(numbers, min_size=9, max_size=9)), (3, 3))
    turn, _ = np.linalg.qr(noise + 2 * np.eye(3))
    turn = turn[:, list(draw(st.permutations(range(3))))] * draw(st.sampled_from([-1, 1]))
    steps = draw(st.lists(st.floats(0.2, 10), min_size=3, max_size=3))
    shear = np.eye(3)
    shear[1:, 0] = draw(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=2))
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ shear @ np.diag(steps)
    matrix[:3, 3] = draw(st.lists(st.floats(-500, 500), min_size=3, max_size=3))
    frame = Frame.from_array(matrix)
    shape = draw(st.tuples(*[st.integers(2, 8)] * 3))
    origins = None
    if draw(st.booleans()):
        gaps = draw(st.lists(st.floats(0.5, 3), min_size=shape[0] - 1, max_size=shape[0] - 1))
        along = np.concatenate([[0.0], np.cumsum(gaps)])
        origins = matrix[:3, 3] + along[:, None] * matrix[:3, 0]
    return Volume(np.zeros(shape, np.int8), frame, origins_lps=origins)


@st.composite
def windows(draw, shape):
    start = [draw(st.integers(0, n - 1)) for n in shape]
    stop = [draw(st.integers(s + 1, n)) for s, n in zip(start, shape, strict=True)]
    return Window(tuple(start), tuple(stop))


@st.composite
def object_prompts(draw, volume, value):
    shape = volume.shape
    box = draw(st.none() | windows(shape))
    mask = None
    if draw(st.booleans()):
        window = draw(windows(shape))
        bits = np.random.default_rng(draw(st.integers(0, 99))).random(window.shape) < 0.5
        bits[0, 0, 0] = True
        mask = VoxelMask.from_array(bits, window.start)
    slice_boxes = []
    for axis in draw(st.lists(st.sampled_from([0, 1, 2]), max_size=3)):
        window = draw(windows([1 if n == axis else shape[n] for n in range(3)]))
        index = draw(st.integers(0, shape[axis] - 1))
        slice_boxes.append(
            SliceBox.from_window(axis, window.shift([index * (n == axis) for n in range(3)]))
        )
    inside = st.tuples(*[st.floats(-0.49, n - 0.51) for n in shape])
    points = draw(st.lists(st.builds(VoxelPoint, inside, st.booleans()), max_size=3))
    points.append(VoxelPoint(draw(inside)))
    left = Code("7771000", "SCT", "Left")
    codes = [None, Code("10200004", "SCT", "Liver"), Code("64033007", "SCT", "Kidney", left)]
    code = draw(st.sampled_from(codes))
    label = draw(st.sampled_from(["liver", 'na"me\n', "Ω"])) + str(value)
    return ObjectPrompt(label, value, box, tuple(slice_boxes), tuple(points), mask, code)


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


# ------------------------------------------------------------------------------ there and back


def farthest_mm(first, second, volume):
    """Largest distance between what two lists of prompts say about places, in mm."""
    worst = 0.0
    for a, b in zip(first, second, strict=True):
        for one, other in zip(a.points, b.points, strict=True):
            away = volume.to_world(one.index_kji) - volume.to_world(other.index_kji)
            worst = max(worst, float(np.linalg.norm(away)))
    return worst


def without_points(prompts):
    """What is whole voxels must come back as it was, not nearly."""
    return [(p.label, p.value, p.box, p.slice_boxes, p.mask, p.code) for p in prompts]


def check_there_and_back(prompts, volume):
    for space in SPACES:
        text = prompts_to_json(prompts, space=space, volume=volume)
        back = prompts_from_json(text, volume)
        assert without_points(back) == without_points(prompts)
        assert [p.positive for o in back for p in o.points] == [
            p.positive for o in prompts for p in o.points
        ]
        assert farthest_mm(back, prompts, volume) <= 1e-6
        assert prompts_to_json(back, space="ijk") == prompts_to_json(
            prompts_from_json(prompts_to_json(prompts), volume)
        )


@given(st.data())
def test_there_and_back_on_any_grid(data):
    volume = data.draw(volumes())
    prompts = [data.draw(object_prompts(volume, value)) for value in (1, 7)]
    check_there_and_back(prompts, volume)


def some_of_everything(volume):
    """One object with a prompt of each kind, spread over the volume."""
    k, j, i = volume.shape
    box = Window((0, j // 4, i // 3), (max(1, k - 1), j - 1, i))
    slices = tuple(
        SliceBox(axis, volume.shape[axis] // 2, Window((0, 1), (rows, cols)))
        for axis, (rows, cols) in ((0, (j, i)), (1, (k, i)), (2, (k, j)))
    )
    points = tuple(
        VoxelPoint(((k - 1) * a, (j - 1) * b + 0.25, (i - 1) * c), positive=a < 1)
        for a, b, c in itertools.product((0.0, 0.37, 1.0), repeat=3)
    )
    return [ObjectPrompt("everything", 3, box, slices, points)]


def test_there_and_back_on_real_volumes(real):
    volume = read_volume(real.path)
    check_there_and_back(some_of_everything(volume), volume)


SERIES = {
    "ct_abdomen_dicom": 1,
    "ct_head_gantry_tilt_uneven": 1,
    "ct_phantom_rtstruct": 1,
    "ct_small_missing_slices": 1,
    "ct_small_rotated": 1,
    "ct_tiny_seg_multiframe": 2,
    "ct_tiny_seg_overlap": 1,
    "mr_enhanced_philips": 2,
    "mr_epi_4d_small": 1,
    "mr_mosaic_axial_oblique": 1,
    "mr_sagittal_hfdr": 1,
    "mr_sagittal_hfs": 1,
}
"""Every public folder of DICOM, and how many series it holds."""


def test_every_public_series_is_tried(data):
    folders = [path for path in (data / "med/dicom").iterdir() if path.is_dir()]
    assert set(SERIES) == {path.name for path in folders}


@pytest.mark.parametrize("name", SERIES)
def test_there_and_back_on_every_real_series(data, name):
    folder = data / "med/dicom" / name
    found = find_series(folder)
    assert len(found) == SERIES[name]
    for one in found:
        time = 1 if len(one.stacks) > 1 else None
        volume = read_volume(folder, series=one.number, time=time)
        check_there_and_back(some_of_everything(volume), volume)


@pytest.fixture
def tilted(data):
    """The head with a tilted gantry and uneven spacing, placed by its headers alone."""
    folder = data / "med/dicom/ct_head_gantry_tilt_uneven/series"
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.glob("*.dcm")]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    origins = np.array([header.ImagePositionPatient for header in headers], dtype=float)
    first = headers[0]
    step = (origins[-1] - origins[0]) / (len(origins) - 1)
    frame = frames.from_dicom(
        origins[0], first.ImageOrientationPatient, first.PixelSpacing, step.tolist()
    )
    shape = (len(headers), first.Rows, first.Columns)
    return Volume(np.zeros(shape, np.int8), frame, origins_lps=origins)


def test_there_and_back_on_a_tilted_uneven_head(tilted):
    gaps = np.linalg.norm(np.diff(tilted.origins_lps, axis=0), axis=1)
    assert gaps.max() / gaps.min() > 1.5
    assert not frames.is_orthogonal(tilted.frame)
    check_there_and_back(some_of_everything(tilted), tilted)


def test_points_lie_where_the_headers_say(tilted):
    """A point on each slice, by DICOM's own formula (PS3.3, C.7.6.2.1.1)."""
    columns = tilted.frame.array[:3, 1:3]
    for k, origin in enumerate(tilted.origins_lps):
        x, y, z = origin + columns @ [10, 20]
        text = f"{x!r},{y!r},{z!r}".replace("np.float64(", "").replace(")", "")
        found = prompts_from_flags(PromptFlags(points={"LPS": [text]}), tilted)
        assert_allclose(found[0].points[0].index_kji, (k, 10, 20), atol=1e-9)


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


# --------------------------------------------------------------------------------------- clip


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


# ------------------------------------------------------------------------------------- objects


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


def test_hash_is_of_the_prompts_alone():
    first, second = ObjectPrompt("a", 1, BOX), ObjectPrompt("b", 2, BOX)
    assert prompts_sha256([first]) == prompts_sha256([ObjectPrompt("a", 1, BOX)])
    others = {prompts_sha256(p) for p in ([first], [second], [first, second], [second, first])}
    assert len(others) == 4
    # written down once, so that results of different versions can be compared
    assert prompts_to_json([first]) == (
        '{"format":"sam-med-prompts","objects":[{"box":[1,1,1,4,3,2],"label":"a","value":1}],'
        '"space":"ijk","version":1}'
    )


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


# ------------------------------------------------------------------------------------- options


def from_flags(volume, **flags):
    return prompts_from_flags(PromptFlags(**flags), volume)


def test_boxes_in_three_ways_are_one(volume):
    ijk = from_flags(volume, boxes={"ijk": ["1,2,3,4,5,4"]}, labels=["liver"])
    low, high = bounds_lps(ijk[0].box, volume)
    lps = ",".join(str(v) for v in (*low, *high))
    # RAS turns x and y around, so their ends change places
    ras = ",".join(str(v) for v in (-high[0], -high[1], low[2], -low[0], -low[1], high[2]))
    assert from_flags(volume, boxes={"LPS": [lps]}, labels=["liver"]) == ijk
    assert from_flags(volume, boxes={"RAS": [ras]}, labels=["liver"]) == ijk
    assert ijk == [ObjectPrompt.from_ijk("liver", 1, (1, 2, 3, 4, 5, 4))]


def test_boxes_on_slices(volume):
    found = from_flags(volume, slice_boxes={"ijk": ["k=2:1,0,3,4", "j=5:1,0,3,4", "i=0:1,0,3,4"]})
    assert found == [
        ObjectPrompt(
            "object_1",
            1,
            slice_boxes=(
                SliceBox(0, 2, Window((0, 1), (5, 4))),
                SliceBox(1, 5, Window((0, 1), (5, 4))),
                SliceBox(2, 0, Window((0, 1), (5, 4))),
            ),
        )
    ]
    # voxel 1..3 along i covers x 99..93, rows 0..4 cover y 8.5..23.5, slice 2 lies at z 9
    for space, text in (("LPS", "k:99,8.5,9,93,23.5,9.5"), ("RAS", "k:-99,-8.5,9,-93,-23.5,8")):
        in_mm = from_flags(volume, slice_boxes={space: [text]})
        assert in_mm[0].slice_boxes == found[0].slice_boxes[:1]


def test_points(volume):
    found = from_flags(
        volume, points={"ijk": ["1,2,3", "1.5,0,0,0"], "LPS": ["98,16,13,1"], "RAS": ["-98,-16,13"]}
    )
    # three of them are one place in three spaces, which counts once
    assert found[0].points == (VoxelPoint((3, 2, 1)), VoxelPoint((0, 0, 1.5), positive=False))


def test_several_objects_by_name(volume):
    found = from_flags(
        volume,
        boxes={"ijk": ["0,0,0,1,1,1", "spleen@2,2,2,3,3,3", "4,4,4,5,5,4"]},
        slice_boxes={"ijk": ["aorta@k=1:0,0,1,1"]},
        points={"ijk": ["spleen@2,2,2", "left@2,2,2,0"]},
        labels=["left", "right"],
    )
    assert [(p.label, p.value, p.box is not None, len(p.points)) for p in found] == [
        ("left", 1, True, 1),
        ("right", 2, True, 0),
        ("spleen", 3, True, 1),
        ("aorta", 4, False, 0),
    ]
    assert found[1].ijk == (4, 4, 4, 5, 5, 4)


def test_the_only_object_gets_what_has_no_name(volume):
    found = from_flags(
        volume,
        boxes={"ijk": ["0,0,0,3,3,3"]},
        slice_boxes={"ijk": ["k=1:0,0,1,1"]},
        points={"ijk": ["1,1,1"]},
        labels=["liver"],
    )
    assert len(found) == 1
    assert found[0].label == "liver"
    assert len(found[0].slice_boxes) == len(found[0].points) == 1


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, "give at least one box, box on a slice or point"),
        (
            {"boxes": {"ijk": ["0,0,0,1,1,1"], "LPS": ["0,0,0,1,1,1"]}},
            (
                "give all boxes without a name in one way, got --box-ijk and --box-lps: labels are "
                "paired with them by order (or write NAME@ in front of each)"
            ),
        ),
        (
            {"boxes": {"ijk": ["0,0,0,1,1,1"] * 2}, "points": {"RAS": ["0,0,0"]}},
            (
                "--point-ras belongs to which of object_1, object_2? write its name in front, as "
                "object_1@..."
            ),
        ),
        (
            {"boxes": {"ijk": ["a@0,0,0,1,1,1"] * 2}},
            "label a has 2 boxes: an object takes one",
        ),
        (
            {"boxes": {"ijk": ["a@0,0,0,1,1,1"]}, "labels": ["b"]},
            "--label names boxes without a name, got 1 label(s) and only named prompts",
        ),
        (
            {"boxes": {"ijk": ["@0,0,0,1,1,1"]}},
            "a label needs a name, got an empty one in '@0,0,0,1,1,1'",
        ),
        (
            {"slice_boxes": {"ijk": ["89:1,2,3,4"]}},
            (
                "--slice-box must be a slice and four voxel numbers, as k=89:i0,j0,i1,j1, got "
                "'89:1,2,3,4'"
            ),
        ),
        (
            {"slice_boxes": {"ijk": ["z=89:1,2,3,4"]}},
            "the axis of a slice is i, j or k, got 'z'",
        ),
        (
            {"slice_boxes": {"ijk": ["k=89:1,2,3"]}},
            "a box on slice k=89 must be four whole voxel numbers i0,j0,i1,j1, got 1,2,3",
        ),
        (
            {"slice_boxes": {"LPS": ["k=8:1,2,3,4,5,6"]}},
            (
                "--slice-box-lps must be an axis and two corners, as k:x0,y0,z0,x1,y1,z1, got "
                "'k=8:1,2,3,4,5,6'"
            ),
        ),
        (
            {"points": {"ijk": ["1,2"]}},
            (
                "--point-ijk must be three numbers separated by commas, and 0 or 1 as a fourth for "
                "the background or the object, got '1,2'"
            ),
        ),
        (
            {"points": {"ijk": ["1,2,3,2"]}},
            (
                "--point-ijk must be three numbers separated by commas, and 0 or 1 as a fourth for "
                "the background or the object, got '1,2,3,2'"
            ),
        ),
        ({"points": {"ijk": ["1,2,inf"]}}, "a point must be finite, got 1,2,inf"),
        (
            {"boxes": {"RAS": ["1,2,3"]}},
            "--box-ras must be six numbers separated by commas, got '1,2,3'",
        ),
        (
            {"boxes": {"RAS": ["1,0,0,0,1,1"]}},
            "box-ras must have min <= max as x0,y0,z0,x1,y1,z1, got 1,0,0,0,1,1",
        ),
    ],
)
def test_wrong_options(volume, flags, expected):
    assert message_of(lambda: from_flags(volume, **flags)) == expected


def test_millimetres_beyond_all_numbers(phantom):
    text = "-1e308,-1e308,-1e308,1e308,1e308,1e308"
    with np.errstate(all="ignore"):
        message = message_of(lambda: from_flags(phantom, boxes={"LPS": [text]}))
    assert message.startswith("a box must be finite, got voxels [[")


def test_parsing():
    assert parse_box("--box-lps", "-1.5,2e1, 3,4,5,6") == [-1.5, 20, 3, 4, 5, 6]


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5,6,7", "a,b,c,d,e,f", "", "1;2;3;4;5;6"])
def test_parsing_of_something_else(text):
    expected = f"--box-ijk must be six numbers separated by commas, got {text!r}"
    with pytest.raises(PromptError, match=f"^{re.escape(expected)}$"):
        parse_box("--box-ijk", text)


def test_labels_are_paired_by_order():
    assert pair_labels(2, ["liver", "spleen"]) == ["liver", "spleen"]
    assert pair_labels(2, []) == ["object_1", "object_2"]
    assert message_of(pair_labels, 2, ["liver"]) == (
        "labels are paired with boxes by order, got 2 box(es) and 1 label(s)"
    )
    assert message_of(pair_labels, 2, ["liver", "liver"]) == (
        "each object needs a label of its own, got liver more than once"
    )
