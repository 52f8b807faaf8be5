"""Prompts as options of the command line."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from prompt_phantoms import message_of

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.voxel_box import bounds_lps
from sam_med.prompts.flags import PromptFlags, pair_labels, parse_box, prompts_from_flags
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint


def test_points_lie_where_the_headers_say(tilted):
    """A point on each slice, by DICOM's own formula (PS3.3, C.7.6.2.1.1)."""
    columns = tilted.frame.array[:3, 1:3]
    for k, origin in enumerate(tilted.origins_lps):
        x, y, z = origin + columns @ [10, 20]
        text = f"{x!r},{y!r},{z!r}".replace("np.float64(", "").replace(")", "")
        found = prompts_from_flags(PromptFlags(points={"LPS": [text]}), tilted)
        assert_allclose(found[0].points[0].index_kji, (k, 10, 20), atol=1e-9)


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
