from __future__ import annotations

import json

import numpy as np
import pytest

from sam_common.errors import PromptError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.corrections.files import (
    GivenCorrection,
    corrections_from_clicks,
    corrections_from_json,
    corrections_sha256,
    corrections_to_json,
    read_corrections,
)
from sam_med.corrections.marks import Mark
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume


@pytest.fixture
def volume():
    """10 x 20 x 30 voxels of 3 x 1 x 1 mm; i runs to the left, from 100 mm."""
    affine = np.array([[0, 0, 1, 100], [0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1.0]])
    return Volume(np.zeros((10, 20, 30), dtype=np.int16), Frame.from_array(affine), "CT")


GIVEN = [
    GivenCorrection("liver", Mark("click", ((4, 5, 6),), positive=False)),
    GivenCorrection(None, Mark("scribble", ((4, 5, 6), (4, 9.25, 6)), axis=2)),
    GivenCorrection("liver", Mark("lasso", ((4, 5, 6), (4, 5, 9), (4, 9, 9)), axis=0)),
    GivenCorrection("liver", Mark("line", ((4, 5, 6), (4, 9, 9)))),
    GivenCorrection("liver", Mark("not_this", ((4, 5, 6),), axis=1)),
    GivenCorrection("spleen", SliceBox(1, 7, Window((2, 3), (5, 9)))),
]


def test_what_is_written_is_read(volume, tmp_path):
    record = corrections_to_json(GIVEN)
    assert corrections_from_json(json.dumps(record), volume) == GIVEN
    path = tmp_path / "marks.json"
    path.write_text(json.dumps(record))
    assert read_corrections(path, volume) == GIVEN
    assert corrections_sha256(GIVEN) == corrections_sha256(list(GIVEN))
    assert corrections_sha256(GIVEN) != corrections_sha256(GIVEN[1:])


def document(*corrections, **more):
    head = {"format": "sam-med-corrections", "version": 1}
    return json.dumps({**head, **more, "corrections": list(corrections)})


def test_millimetres(volume):
    lps = {"kind": "click", "points": [[106, 5, 12]]}
    ras = {"kind": "click", "points": [[-106, -5, 12]]}
    box = {"kind": "box", "axis": "k", "corners": [[102.5, 2.5, 12], [108.5, 4.5, 12]]}
    (one, two) = corrections_from_json(document(lps, box, space="LPS"), volume)
    assert one.correction.points_kji == ((4, 5, 6),)
    assert two.correction == SliceBox(0, 4, Window((3, 3), (5, 9)))
    (other,) = corrections_from_json(document(ras, space="ras"), volume)
    assert other == one


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", "the corrections"),
        ("[]", "the corrections must be a JSON object, got a list"),
        (
            '{"format": "x", "version": 1}',
            "the corrections must have the format sam-med-corrections",
        ),
        (document(), "the file of corrections has no corrections"),
        (
            document({"kind": "dot", "points": []}),
            "kind of corrections 1 of the corrections must be",
        ),
        (
            document({"kind": "click", "points": [[1, 2, 3]], "posititve": False}),
            "corrections 1 of the corrections has an unknown field 'posititve'",
        ),
        (
            document({"kind": "line", "points": [[1, 2, 3], [1, 2, 3]]}),
            "corrections 1 of the corrections: a line of length zero says nothing: both ends are",
        ),
        (
            document({"kind": "lasso", "points": [[1, 2, 3]]}),
            "corrections 1 of the corrections: a lasso takes three or more points around",
        ),
        (document({"kind": "click", "points": [[1, 2]]}), "points of corrections 1 of"),
        (document({"kind": "click", "points": 3}), "points of corrections 1 of"),
        (document({"kind": "click"}), "corrections 1 of the corrections has no 'points'"),
        (document(space="xyz"), "space of the corrections must be ijk, LPS, RAS, got 'xyz'"),
        (document({"kind": "box", "axis": "k", "box": [1, 2, 3, 4]}), "corrections 1 of"),
        (document({"kind": "click", "points": [[1, 2, 3]], "axis": "q"}), "the axis of a slice is"),
    ],
)
def test_what_is_no_correction_is_told(text, expected, volume):
    with pytest.raises(PromptError) as caught:
        corrections_from_json(text, volume)
    assert str(caught.value).startswith(expected)


def markup(kind, points, name="liver", described="", **more):
    controls = [
        {"position": list(at), "positionStatus": "defined", "description": described}
        for at in points
    ]
    return {"type": kind, "name": name, "controlPoints": controls, **more}


def saved(folder, *markups):
    path = folder / "marks.mrk.json"
    path.write_text(json.dumps({"markups": list(markups)}))
    return path


def test_markups_of_slicer(volume, tmp_path):
    # RAS: x and y change their signs
    path = saved(
        tmp_path,
        markup("Fiducial", [(106, 5, 12), (107, 5, 12)]),
        markup("Fiducial", [(-106, -5, 12)], described="Background", coordinateSystem="RAS"),
        markup("Curve", [(106, 5, 12), (109, 5, 12)], name="spleen"),
        markup("ClosedCurve", [(106, 5, 12), (109, 5, 12), (109, 9, 12)], described="background"),
        markup("Line", [(106, 5, 12), (109, 5, 12)]),
    )
    found = read_corrections(path, volume)
    assert [one.label for one in found] == ["liver", "liver", "liver", "spleen", "liver", "liver"]
    marks = [one.correction for one in found]
    assert [mark.kind for mark in marks] == ["click"] * 3 + ["scribble", "lasso", "line"]
    assert [mark.positive for mark in marks] == [True, True, False, True, False, True]
    assert marks[2].points_kji == marks[0].points_kji == ((4, 5, 6),)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            markup("Plane", [(106, 5, 12)]),
            "markups 1 of the markups file is a Plane: only Fiducial,",
        ),
        (markup("ROI", [(106, 5, 12)]), "markups 1 of the markups file is a ROI: only Fiducial,"),
        (markup("Line", [(106, 5, 12)]), "markups 1 of the markups file: a line takes two points"),
        (
            markup("ClosedCurve", [(106, 5, 12)] * 2),
            "markups 1 of the markups file: a lasso takes three or more",
        ),
        (markup("Curve", []), "markups 1 of the markups file has no control points"),
    ],
)
def test_markups_that_are_no_corrections(entry, expected, volume, tmp_path):
    with pytest.raises(PromptError) as caught:
        read_corrections(saved(tmp_path, entry), volume)
    assert str(caught.value).startswith(expected)


def test_other_files(volume, tmp_path):
    with pytest.raises(PromptError, match=r"^corrections are \.json or \.mrk\.json, got a file"):
        read_corrections(tmp_path / "marks.csv", volume)
    with pytest.raises(PromptError, match="no such file"):
        read_corrections(tmp_path / "marks.json", volume)
    with pytest.raises(PromptError, match="the markups file has no markups"):
        read_corrections(saved(tmp_path), volume)


def test_clicks_of_the_command_line(volume):
    texts = ["6,5,4", "left kidney@6,5,4,0"]
    one, two = corrections_from_clicks("--click-ijk", texts, volume, "ijk")
    assert one == GivenCorrection(None, Mark("click", ((4, 5, 6),)))
    assert two == GivenCorrection("left kidney", Mark("click", ((4, 5, 6),), positive=False))
    (mm,) = corrections_from_clicks("--click-lps", ["106,5,12"], volume, "LPS")
    assert mm == one
    for text, expected in (
        ("1,2", "--click-ijk must be three numbers"),
        ("@1,2,3", "a label needs"),
    ):
        with pytest.raises(PromptError) as caught:
            corrections_from_clicks("--click-ijk", [text], volume, "ijk")
        assert str(caught.value).startswith(expected)
