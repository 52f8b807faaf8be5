"""Files of prompts: told apart by their suffixes, written and read again."""

from __future__ import annotations

import json

import dicom_volumes
import numpy as np
import pydicom
import pytest
from annotation_phantoms import graphics, group, line, presentation_state, report
from prompt_phantoms import FULL, message_of

from sam_common.errors import OutputError
from sam_common.window import Window
from sam_med.geometry.slice_box import SliceBox
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.prompts.files import read_prompts, write_prompts
from sam_med.prompts.json_prompts import prompts_from_json
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint
from sam_med.write.results import write_outputs


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
    assert message_of(read_prompts, deep, volume) == (
        "the prompts: no text in UTF-8 (save it in UTF-8; spreadsheets have the format CSV UTF-8)"
    )
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


def test_other_files(volume, tmp_path):
    path = tmp_path / "prompts.xlsx"
    path.write_bytes(b"PK")
    assert message_of(read_prompts, path, volume) == (
        "prompts are .json, .mrk.json, a label map (.nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd, .mgz, "
        ".mgh), a "
        "DICOM SEG, RTSTRUCT, SR or presentation state, got a file of another kind"
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


def test_lines_of_a_report_are_boxes_on_its_images(data, tmp_path):
    scan = dicom_volumes.build("ct_small_rotated", data)
    images = [pydicom.dcmread(path) for path in scan.files]
    lines = [line(images[3], [[20.0, 30.0], [60.0, 30.0]]), line(images[3], [[40, 25], [40, 41]])]
    report(images, [group("lesion 1", lines)]).save_as(tmp_path / "sr.dcm")
    found = read_prompts(tmp_path / "sr.dcm", scan)
    (prompt,) = found.objects
    assert (prompt.label, found.notes) == ("lesion 1", ())
    assert prompt.slice_boxes == (SliceBox(0, 3, Window((25, 20), (41, 60))),)
    state = presentation_state(images, [graphics(images[:1], ("POINT", [[7.5, 9.5]]), text="a")])
    state.save_as(tmp_path / "pr.dcm")
    (prompt,) = read_prompts(tmp_path / "pr.dcm", scan).objects
    assert (prompt.label, prompt.points[0].index_kji) == ("a", (0, 9, 7))
    expected = "masks to refine and names of values come from a label map, but the prompts are"
    assert message_of(read_prompts, tmp_path / "sr.dcm", scan, use="mask").startswith(expected)
    volume = dicom_volumes.build("ct_tiny_seg_overlap", data)
    assert message_of(read_prompts, tmp_path / "sr.dcm", volume) == (
        "the prompts: nothing in the file was drawn on these images: left out of the report: an "
        "image that is not of this volume"
    )
