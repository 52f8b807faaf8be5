from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import dicom_volumes
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import InputError, OutputError, PromptError
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.prompts.files import read_prompts, write_prompts
from sam_med.prompts.json_prompts import prompts_from_json
from sam_med.prompts.labels import prompts_from_labels, read_names
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint
from sam_med.segmentations.objects import SegmentationFile, label_map
from sam_med.write.results import write_outputs

FULL = {
    "format": "sam-med-prompts",
    "version": 1,
    "space": "LPS",
    "objects": [
        {
            "label": "liver",
            "value": 5,
            "box": [93, 8.5, 3, 101, 20.5, 11],
            "points": [{"at": [98, 16, 5]}, {"at": [90, 10, 5], "positive": False}],
        },
        {
            "label": "spleen",
            "space": "ijk",
            "code": {"value": "78961009", "scheme": "SCT", "meaning": "Spleen"},
            "slice_boxes": [{"axis": "j", "index": 2, "box": [0, 1, 3, 4]}],
            "mask": {"start": [2, 3, 1], "size": [2, 1, 2], "runs": [1, 2, 1]},
        },
    ],
}


@pytest.fixture
def volume():
    frame = frames.from_itk((100, 10, 1), (2, 3, 4), (-1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Volume(np.zeros((5, 6, 7), np.int16), frame)


def from_labels(labels, volume, **options):
    objects, notes = prompts_from_labels(label_map(labels), volume, **options)
    assert notes == []
    return objects


def message_of(function, *args, **kwargs):
    with pytest.raises((PromptError, InputError)) as caught:
        function(*args, **kwargs)
    return str(caught.value)


# ----------------------------------------------------------------------------------------- JSON


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


@pytest.mark.parametrize("space", ["ijk", "LPS", "RAS"])
def test_a_written_file_is_read(volume, tmp_path, space):
    prompts = [
        ObjectPrompt("a", 3, Window((1, 1, 1), (2, 3, 4)), points=(VoxelPoint((1, 1, 1)),)),
        ObjectPrompt("b", 9, slice_boxes=(SliceBox(2, 4, Window((0, 1), (5, 4))),)),
    ]
    path = tmp_path / "prompts.json"
    write_prompts(prompts, path, space=space, volume=volume)
    assert list(read_prompts(path, volume).objects) == prompts
    with pytest.raises(OutputError, match=r"^output exists: .*prompts.json \(give --overwrite"):
        write_prompts(prompts, path)
    write_prompts(prompts, path, overwrite=True)
    assert list(read_prompts(path, volume).objects) == prompts


def test_only_json_is_written(volume, tmp_path):
    prompts = [ObjectPrompt("a", 3, Window((1, 1, 1), (2, 3, 4)))]
    for name in ("prompts.yaml", "prompts.mrk.json"):
        with pytest.raises(OutputError) as caught:
            write_prompts(prompts, tmp_path / name)
        assert str(caught.value) == f"prompts are written as .json, got {name}"


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


def test_no_json(volume, tmp_path):
    assert message_of(prompts_from_json, '{"a": 1', volume) == (
        "the prompts: no JSON: Expecting ',' delimiter in line 1, column 8"
    )
    assert message_of(prompts_from_json, "[1]", volume) == (
        "the prompts file must be a JSON object, got a list"
    )
    deep = tmp_path / "prompts.json"
    deep.write_text("[" * 200_000)
    assert message_of(read_prompts, deep, volume) == ("the prompts: no JSON: nested too deeply")
    deep.write_bytes(b"\xff\xfe{}")
    assert message_of(read_prompts, deep, volume) == "the prompts: no text in UTF-8"
    assert message_of(read_prompts, tmp_path / "absent.json", volume) == (
        "no such file: the prompts"
    )
    assert message_of(read_prompts, tmp_path, volume) == (
        "the prompts are one file, got a folder: name the file in it"
    )


def test_a_folder_is_no_json(volume, tmp_path):
    (tmp_path / "a.json").mkdir()
    assert message_of(read_prompts, tmp_path / "a.json", volume) == (
        "cannot read the prompts: Is a directory"
    )


# ------------------------------------------------------------------------------------ label maps


def write_labels(volume, name, array):
    origin, spacing, direction = frames.to_itk(volume.frame)
    image = sitk.GetImageFromArray(array)
    image.SetOrigin(origin)
    image.SetSpacing(spacing)
    image.SetDirection(direction)
    sitk.WriteImage(image, str(name))
    return image


@pytest.fixture
def labels(volume):
    array = np.zeros(volume.shape, np.uint8)
    array[1:3, 2:4, 1:5] = 2
    array[2, 3, 2] = 0
    array[4, 5, 6] = 7
    return array


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_boxes_and_masks_of_a_label_map(volume, labels, tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    write_labels(volume, path, labels)
    found = read_prompts(path, volume)
    assert found.objects == (
        ObjectPrompt("object_2", 2, Window((1, 2, 1), (3, 4, 5))),
        ObjectPrompt("object_7", 7, Window((4, 5, 6), (5, 6, 7))),
    )
    names = tmp_path / "names.json"
    names.write_text('{"2": "liver"}')
    masks = read_prompts(path, volume, use="mask", names=names).objects
    assert [prompt.label for prompt in masks] == ["liver", "object_7"]
    for prompt in masks:
        whole = np.zeros(volume.shape, bool)
        whole[prompt.mask.window.slices] = prompt.mask.mask
        assert (whole == (labels == prompt.value)).all()
        assert prompt.box == prompt.mask.window


@pytest.mark.parametrize("orientation", ["LPS", "RAI", "SLA", "PIR", "ALS", "IRP"])
def test_axes_in_another_order_or_direction(labels, tmp_path, orientation):
    """SimpleITK's own reorientation; the voxels must come back where they were."""
    frame = frames.from_itk((-30, 12, 5), (2, 3, 4), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    volume = Volume(np.zeros((5, 6, 7), np.int16), frame)
    image = write_labels(volume, tmp_path / "labels.nrrd", labels)
    turned = tmp_path / "turned.nrrd"
    sitk.WriteImage(sitk.DICOMOrient(image, orientation), str(turned))
    expected = read_prompts(tmp_path / "labels.nrrd", volume, use="mask").objects
    assert read_prompts(turned, volume, use="mask").objects == expected
    assert read_prompts(turned, volume).objects == tuple(
        ObjectPrompt(p.label, p.value, p.box) for p in expected
    )


def test_boxes_hold_across_grids_and_masks_do_not(volume, tmp_path):
    fine_frame = frames.from_itk((100.5, 9.25, 0), (1, 1.5, 2), (-1, 0, 0, 0, 1, 0, 0, 0, 1))
    array = np.zeros((10, 12, 14), np.uint8)
    array[2:6, 4:8, 2:10] = 1
    fine = Volume(array, fine_frame)
    found = from_labels(fine, volume)
    assert found == [ObjectPrompt("object_1", 1, Window((1, 2, 1), (3, 4, 5)))]
    assert message_of(from_labels, fine, volume, use="mask") == (
        "the label map lies on another grid than the volume: masks to refine need the same one "
        "(use boxes, or resample the label map)"
    )


def test_a_shifted_grid_is_another_grid(volume, labels):
    origin, spacing, direction = frames.to_itk(volume.frame)
    for shift, same in ((0.0, True), (0.01, True), (0.5, False), (4.0, False)):
        place = (origin[0], origin[1], origin[2] + shift)
        other = Volume(labels, frames.from_itk(place, spacing, direction))
        if same:
            assert len(from_labels(other, volume, use="mask")) == 2
        else:
            assert message_of(from_labels, other, volume, use="mask").startswith(
                "the label map lies on another grid"
            )


def test_real_label_maps(data):
    """Boxes of the CT's organs, as its side file gives them."""
    folder = data / "med/volumes/ct_abdomen"
    facts = json.loads((folder / "ct_abdomen.json").read_text())
    file = facts["ground_truth"]["files"][0]
    volume, labels = read_volume(folder / "ct.nii.gz"), read_volume(folder / file["file"])
    found = {p.value: p for p in from_labels(labels, volume)}
    assert len(found) == len(file["labels"]) > 50
    for label in file["labels"]:
        assert list(found[label["value"]].ijk) == [*label["ijk_min"], *label["ijk_max"]]


@pytest.mark.parametrize(
    ("array", "names", "expected"),
    [
        (np.zeros((5, 6, 7)), None, "the segmentation has no objects: every voxel is 0"),
        (np.full((5, 6, 7), 1.5), None, "a label map holds whole numbers, got 1.5"),
        (np.full((5, 6, 7), np.nan), None, "a label map holds whole numbers, got nan"),
        (np.full((5, 6, 7), -3), None, "values of a label map are 0 to 65535, got -3"),
        (np.full((5, 6, 7), 70000), None, "values of a label map are 0 to 65535, got 70000"),
        (
            np.full((5, 6, 7), 4),
            {5: "liver"},
            "the table names value 5, but the label map has 4",
        ),
        (
            np.full((5, 6, 7), 4),
            {4: " "},
            "a label needs a name, got an empty one",
        ),
    ],
)
def test_wrong_label_maps(volume, array, names, expected):
    labels = Volume(array, volume.frame)
    assert message_of(from_labels, labels, volume, names=names) == expected


def segments_of(volume, *names):
    """Two boxes that overlap, both of value 3, and an object without voxels."""
    mask = np.ones((2, 2, 2), bool)
    places = [Window((1, 1, 1), (3, 3, 3)), Window((2, 2, 2), (4, 4, 4))]
    full = [Segment(name, 3, place, mask) for name, place in zip(names, places, strict=True)]
    return SegmentationFile(volume, (*full, Segment("cyst", 9, places[0], ~mask)), named=True)


def test_objects_of_one_name_and_one_value_are_told_apart(volume):
    objects, notes = prompts_from_labels(segments_of(volume, "lesion", "lesion"), volume)
    assert [(o.label, o.value, o.box.start) for o in objects] == [
        ("lesion", 1, (1, 1, 1)),
        ("lesion 2", 2, (2, 2, 2)),
    ]
    assert notes == [
        "object cyst of the prompts has no voxels: there is nothing to look for",
        "several objects of the prompts are called lesion: one is lesion 2 here",
        "objects of the prompts share a value: they are numbered 1 to 2 in their order",
    ]
    objects, _ = prompts_from_labels(segments_of(volume, "lesion", "ribs"), volume, use="mask")
    assert [(o.label, o.mask.mask.sum()) for o in objects] == [("lesion", 8), ("ribs", 8)]


def test_a_number_behind_a_name_is_never_another_objects_name(volume):
    file = segments_of(volume, "a", "a")
    mask = np.ones((1, 1, 1), bool)
    more = [Segment("a 2", 4 + n, Window((0, 0, n), (1, 1, n + 1)), mask) for n in range(2)]
    file = dataclasses.replace(file, segments=(*file.segments, *more))
    objects, _ = prompts_from_labels(file, volume)
    assert [o.label for o in objects] == ["a", "a 3", "a 2", "a 2 2"]


def test_a_table_cannot_tell_objects_of_one_value_apart(volume):
    file = segments_of(volume, "lesion", "lesion")
    assert message_of(prompts_from_labels, file, volume, names={3: "liver"}) == (
        "the table names value 3, which 2 objects of the prompts have: leave it out, they have "
        "names of their own"
    )
    empty = dataclasses.replace(file, segments=file.segments[2:])
    assert message_of(prompts_from_labels, empty, volume).startswith("the segmentation has no obj")


@pytest.mark.parametrize("suffix", [".seg.nrrd", ".seg.dcm", ".rtstruct.dcm"])
@pytest.mark.parametrize("use", ["box", "mask"])
def test_results_of_every_format_are_prompts(suffix, use, data, tmp_path):
    """Two objects that overlap, of which one has a number for a name."""
    scan = dicom_volumes.build("ct_small_rotated", data)
    mask = np.ones((3, 8, 10), bool)
    windows = [Window((2, 30, 40), (5, 38, 50)), Window((4, 34, 44), (7, 42, 54))]
    segments = [
        Segment(name, value, window, mask)
        for name, value, window in zip(("007", "ribs"), (300, 2), windows, strict=True)
    ]
    path = tmp_path / f"out{suffix}"
    write_outputs(segments, scan, path, [], Provenance("0", "m", "7", "planes", "a"))
    found = read_prompts(path, scan, use=use)
    assert [(o.label, o.value, o.box) for o in found.objects] == [
        ("ribs", 2, windows[1]),
        ("007", 300, windows[0]),
    ]
    assert [o.mask is not None for o in found.objects] == [use == "mask"] * 2
    # the name of a file is no part of a message
    path.write_bytes(path.read_bytes()[:900])
    assert "out" not in message_of(read_prompts, path, scan).replace("without", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"objects": [], "objects": []}', "the prompts: the field 'objects' is there twice in"),
        ('{"a": ' + "1" * 5000 + "}", "the prompts: no JSON: a number has too many digits"),
        ("[" * 100000, "the prompts: no JSON: nested too deeply"),
        ("\x00", "the prompts: no JSON: "),
    ],
)
def test_json_that_says_two_things_or_none(text, expected, volume, tmp_path):
    for name in ("a.json", "a.mrk.json"):
        (tmp_path / name).write_text(text)
        said = message_of(read_prompts, tmp_path / name, volume)
        assert said.startswith(
            expected.replace("the prompts", "the prompts" if name == "a.json" else "the markups")
        )


def test_markups_under_another_name(volume, tmp_path):
    (tmp_path / "a.json").write_text('{"@schema": "x", "markups": []}')
    assert message_of(read_prompts, tmp_path / "a.json", volume) == (
        "the prompts are markups of 3D Slicer: give the file a name in .mrk.json"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n.csv", "value;name\n2;liver\n7;left kidney\n;\n"),
        ("n.csv", "value\tname\n2\tliver\n7\tleft kidney\n\n"),
        ("n.json", '{"2": "liver", "7": "left kidney"}'),
        ("n.csv", "value,name\n2,liver\n7,left kidney\n"),
        ("n.csv", "\ufeffName,Index\nliver,2\nleft kidney,7\n"),
        ("n.tsv", "index\tname\tcolor\n2\tliver\t#f00\n7\tleft kidney\t#0f0\n"),
        ("n.csv", "label,structure\n2,liver\n7,left kidney\n"),
        ("n.csv", "id,label\n2,liver\n7,left kidney\n"),
        ("n.csv", "Label,ID\nliver,2\nleft kidney,7\n"),
        ("n.csv", "index,label,color\n2,liver,#f00\n7,left kidney,#0f0\n"),
        ("n.csv", "LabelValue,Name\n2,liver\n7,left kidney\n"),
        ("n.csv", "name,label\nliver,2\nleft kidney,7\n"),
    ],
)
def test_tables_of_names(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert read_names(path) == {2: "liver", 7: "left kidney"}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("n.json", "{", "the table of names: no JSON: Expecting property name enclosed in"),
        ("n.json", "[1]", "the table of names must be a JSON object, got a list"),
        (
            "n.json",
            '{"x": "a"}',
            "a value of the table of names must be a whole number, got 'x'",
        ),
        ("n.json", '{"1": 2}', "1 of the table of names must be a string, got a number"),
        (
            "n.csv",
            "a,b\n1,2\n",
            "the table of names needs the columns value and name, got a, b",
        ),
        ("n.csv", "", "the table of names needs the columns value and name, got none"),
        (
            "n.csv",
            "value,name\nx,liver\n",
            "a value of row 1 of the table of names must be a whole number, got 'x'",
        ),
        ("n.csv", "value,name\n1,a\n1,b\n", "the table of names has value 1 twice"),
        ("n.json", '{"1": "a", "01": "b"}', "the table of names has value 1 twice"),
        ("n.json", '{"1": "a", "1": "b"}', "the table of names: the field '1' is there twice"),
        ("n.json", '{"1_0": "a"}', "a value of the table of names must be a whole number"),
        (
            "n.csv",
            "value,name,Name\n1,a,b\n",
            "the table of names has 2 columns 'name': which one is meant?",
        ),
        ("n.csv", "value,,,name\n1,,,b\n", "the table of names has columns without a name"),
        ("n.csv", 'value,name\n1,"a\n', "the table of names: no CSV: unexpected end of data"),
        ("n.csv", "value,name\n1\n", "row 1 of the table of names has too few or too many cells"),
    ],
)
def test_wrong_tables_of_names(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text)
    assert message_of(read_names, path).startswith(expected)


def test_names_that_are_missing(tmp_path):
    assert message_of(read_names, tmp_path / "no.csv") == "no such file: the table of names"


def test_other_files(volume, tmp_path):
    path = tmp_path / "prompts.xlsx"
    path.write_bytes(b"PK")
    assert message_of(read_prompts, path, volume) == (
        "prompts are .json, .mrk.json, a label map (.nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd, .mgz, "
        ".mgh), a "
        "DICOM SEG or a DICOM RTSTRUCT, got a file of another kind"
    )
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(FULL))
    assert message_of(read_prompts, path, volume, names=path) == (
        "a table of names goes with a label map, but the prompts are JSON"
    )
    assert message_of(read_prompts, path, volume, use="mask") == (
        "masks to refine come from a label map, but the prompts are JSON"
    )
    path = tmp_path / "F.fcsv"
    path.write_text("# Markups fiducial file version = 4.10")
    assert "open them there and save them as .mrk.json" in message_of(read_prompts, path, volume)


def test_the_example_of_the_documentation_is_read(phantom):
    page = (Path(__file__).parents[3] / "docs" / "prompts-medical.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    liver, lesion = prompts_from_json(example, phantom)
    assert (liver.label, liver.value, liver.box is not None) == ("liver", 5, True)
    assert (lesion.label, len(lesion.slice_boxes), len(lesion.points)) == ("lesion 2", 1, 1)
