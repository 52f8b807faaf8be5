"""Prompts as JSON: there and back in every space, wrong documents, the hash."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_phantoms import BOX, FULL, message_of, object_prompts, volumes

from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.voxel_box import SPACES
from sam_med.prompts.files import read_prompts
from sam_med.prompts.json_prompts import prompts_from_json, prompts_sha256, prompts_to_json
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint
from sam_med.series.find import find_series


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


def test_there_and_back_on_a_tilted_uneven_head(tilted):
    gaps = np.linalg.norm(np.diff(tilted.origins_lps, axis=0), axis=1)
    assert gaps.max() / gaps.min() > 1.5
    assert not frames.is_orthogonal(tilted.frame)
    check_there_and_back(some_of_everything(tilted), tilted)


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


def test_several_objects_in_two_spaces(volume, tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(FULL))
    liver, spleen = read_prompts(path, volume).objects
    # x 93..101 are voxels 0..3 (i runs to the right), y 8.5..20.5 rows 0..3, z 3..11 slices 1..2
    assert liver.ijk == (0, 0, 1, 5, 3, 2)
    assert liver.box == Window((1, 0, 0), (3, 4, 4))
    assert liver.value == 5
    assert [(p.index_kji, p.positive) for p in liver.points] == [
        ((1, 2, 1), True),
        ((1, 0, 5), False),
    ]
    assert spleen.value == 2
    assert spleen.code is not None
    assert spleen.code.meaning == "Spleen"
    assert spleen.slice_boxes == (SliceBox(1, 2, Window((1, 0), (5, 4))),)
    assert spleen.mask == VoxelMask.from_array(
        np.array([[[0, 1]], [[1, 0]]], dtype=bool), (1, 3, 2)
    )


def changed(path, value):
    """The full document with one field replaced, or removed where the value is `...`."""
    document = json.loads(json.dumps(FULL))
    *parents, last = path
    place = document
    for step in parents:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


LIVER, SPLEEN = ("objects", 0), ("objects", 1)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("format",), "x", 'the prompts must have "format": "sam-med-prompts", got \'x\''),
        (("format",), ..., "the prompts file has no 'format'"),
        (("version",), 2, "the prompts have version 2: only version 1 is known"),
        (("space",), "MNI", "space of the prompts file must be ijk, LPS, RAS, got 'MNI'"),
        (("objects",), [], "the prompts have no objects"),
        (("objects",), {}, "objects of the prompts file must be a list, got an object"),
        (("objects",), ["a"], "object 1 must be a JSON object, got a string"),
        (
            ("labels",),
            1,
            (
                "the prompts file has an unknown field 'labels' (known: format, version, space, "
                "objects)"
            ),
        ),
        ((*LIVER, "label"), ..., "object 1 has no 'label'"),
        ((*LIVER, "label"), 3, "label of object 1 must be a string, got a number"),
        ((*LIVER, "label"), "", "a label needs a name, got an empty one"),
        ((*LIVER, "value"), 2, "each object needs a value of its own, got 2 twice"),
        ((*LIVER, "value"), 1.5, "value of object 1 (liver) must be a whole number, got 1.5"),
        ((*LIVER, "value"), True, "value of object 1 (liver) must be a number, got true or false"),
        ((*LIVER, "value"), 0, "the value of label liver must be 1 to 65535, got 0"),
        ((*LIVER, "box"), [1, 2], "box of object 1 (liver) must be 6 numbers, got 2"),
        ((*LIVER, "box"), "1,2", "box of object 1 (liver) must be 6 numbers, got a string"),
        (
            (*LIVER, "box"),
            [1, 2, None, 3, 4, 5],
            "box of object 1 (liver) must be a number, got null",
        ),
        (
            (*LIVER, "box"),
            [5, 0, 0, 4, 1, 1],
            "box-lps must have min <= max as x0,y0,z0,x1,y1,z1, got 5,0,0,4,1,1",
        ),
        ((*LIVER, "box"), [10**400] * 6, f"box of object 1 (liver) must be finite, got {10**400}"),
        (
            (*LIVER, "box_corners"),
            [[0, 0, 0]] * 8,
            "object 1 (liver) has a box and box_corners: give one of them",
        ),
        (
            (*SPLEEN, "box_corners"),
            [[0, 0, 0]] * 8,
            "box_corners of object 2 (spleen) are mm, but its space is ijk",
        ),
        (
            (*LIVER, "boxes"),
            [],
            (
                "object 1 has an unknown field 'boxes' (known: label, value, space, code, box, "
                "box_corners, slice_boxes, points, mask)"
            ),
        ),
        ((*LIVER, "points"), {}, "points of object 1 (liver) must be a list, got an object"),
        ((*LIVER, "points", 0, "at"), ..., "points 1 of object 1 (liver) has no 'at'"),
        (
            (*LIVER, "points", 1, "positive"),
            0,
            "positive of points 2 of object 1 (liver) must be true or false, got a number",
        ),
        (
            (*SPLEEN, "slice_boxes", 0, "axis"),
            "z",
            "the axis of a slice is i, j or k, got 'z'",
        ),
        (
            (*SPLEEN, "slice_boxes", 0, "corners"),
            [],
            (
                "slice_boxes 1 of object 2 (spleen) has an unknown field 'corners' "
                "(known: axis, index, box)"
            ),
        ),
        (
            (*SPLEEN, "code"),
            "Spleen",
            "code of object 2 (spleen) must be a JSON object, got a string",
        ),
        (
            (*SPLEEN, "code", "modifier"),
            {"value": "1", "scheme": "SCT", "meaning": "Left", "modifier": {}},
            (
                "modifier of code of object 2 (spleen) has an unknown field 'modifier' "
                "(known: value, scheme, meaning)"
            ),
        ),
        ((*SPLEEN, "code", "scheme"), ..., "code of object 2 (spleen) has no 'scheme'"),
        (
            (*SPLEEN, "mask", "runs"),
            [1, 2],
            (
                "runs of mask of object 2 (spleen) must be at least 0 and sum to the size "
                "[2, 1, 2], got 2 that sum to 3"
            ),
        ),
        (
            (*SPLEEN, "mask", "runs"),
            [5, -2, 1],
            (
                "runs of mask of object 2 (spleen) must be at least 0 and sum to the size "
                "[2, 1, 2], got 3 that sum to 4"
            ),
        ),
        (
            (*SPLEEN, "mask", "size"),
            [10**9, 10**9, 10**9],
            (
                "size of mask of object 2 (spleen) must be at most the volume's [7, 6, 5], "
                "got [1000000000, 1000000000, 1000000000]"
            ),
        ),
        (
            (*SPLEEN, "mask", "runs"),
            [4],
            "a mask to refine needs at least one voxel, got an empty one",
        ),
    ],
)
def test_wrong_documents(volume, path, value, expected):
    assert message_of(prompts_from_json, json.dumps(changed(path, value)), volume) == expected


def test_the_example_of_the_documentation_is_read(phantom):
    page = (Path(__file__).parents[3] / "docs" / "prompts-medical.md").read_text(encoding="utf-8")
    # the other one is of corrections
    example, _ = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    liver, lesion = prompts_from_json(example, phantom)
    assert (liver.label, liver.value, liver.box is not None) == ("liver", 5, True)
    assert (lesion.label, len(lesion.slice_boxes), len(lesion.points)) == ("lesion 2", 1, 1)
