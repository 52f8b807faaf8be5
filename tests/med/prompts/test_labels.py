"""Segmentations as prompts, and tables of the names of their values."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from prompt_phantoms import message_of

from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment
from sam_med.prompts.files import read_prompts
from sam_med.prompts.labels import prompts_from_labels, read_names
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.segmentations.objects import SegmentationFile, label_map


def from_labels(labels, volume, **options):
    objects, notes = prompts_from_labels(label_map(labels), volume, **options)
    assert notes == []
    return objects


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
        (
            "n.csv",
            "value,name\n1\n",
            (
                "row 1 of the table of names has 1 cells, and its header 2: empty cells need their "
                "separator, and text with one needs quotes"
            ),
        ),
    ],
)
def test_wrong_tables_of_names(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text)
    assert message_of(read_names, path).startswith(expected)


def test_names_that_are_missing(tmp_path):
    assert message_of(read_names, tmp_path / "no.csv") == "no such file: the table of names"
