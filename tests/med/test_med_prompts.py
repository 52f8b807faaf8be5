from __future__ import annotations

import re

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from numpy.testing import assert_allclose

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med import frame as frames
from sam_med.prompt_flags import pair_labels, parse_box
from sam_med.prompts import ObjectPrompt
from sam_med.source import read_volume
from sam_med.volume import Volume


@pytest.fixture
def volume():
    frame = frames.from_itk((100, 10, 1), (2, 3, 4), (-1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Volume(np.zeros((5, 6, 7), np.int16), frame)


def message_of(function, *args):
    with pytest.raises(PromptError) as caught:
        function(*args)
    return str(caught.value)


def test_inclusive_ijk_to_half_open_kji():
    box = ObjectPrompt.from_ijk("liver", 3, (10, 21, 82, 43, 57, 111))
    assert box.window == Window((82, 21, 10), (112, 58, 44))
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
        low, high = frames.bounds_lps(volume.frame, ijk.window)
        assert_allclose(low, label["lps_mm_min"], atol=6e-4)
        assert_allclose(high, label["lps_mm_max"], atol=6e-4)
        lps = ObjectPrompt.from_lps("a", 1, [*label["lps_mm_min"], *label["lps_mm_max"]], volume)
        if real.name == "mr_spine_oblique":
            assert lps.window.contains(ijk.window)
            assert lps.window == voxels_around(real, low, high)
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
            "a", 1, np.concatenate(frames.bounds_lps(organs.frame, found)).tolist(), volume
        )
        (k0, j0, i0), (k1, j1, i1) = found.start, found.stop
        assert box.window == Window((k0, 512 - j1, i0), (k1, 512 - j0, i1))


def test_what_reaches_outside_is_cut(volume):
    box = ObjectPrompt.from_ijk("a", 1, (-3, 2, 1, 2, 99, 4))
    assert box.clip(volume).ijk == (0, 2, 1, 2, 5, 4)
    assert box.clip(volume).clip(volume) == box.clip(volume)


def test_wholly_outside_names_the_extent(volume):
    box = ObjectPrompt.from_ijk("liver", 1, (7, 0, 0, 9, 2, 2))
    assert message_of(box.clip, volume) == (
        "box of label liver lies outside the volume: ijk 7,0,0,9,2,2, but the volume has "
        "i 0 to 6, j 0 to 5, k 0 to 4 (LPS mm x 87.0 to 101.0, y 8.5 to 26.5, z -1.0 to 19.0)"
    )
    box = ObjectPrompt.from_lps("liver", 1, (-5, -5, -5, 1, 1, 1), volume)
    assert message_of(box.clip, volume).startswith("box of label liver lies outside the volume: ")


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
