"""Documents as 3D Slicer 5.13's own storage nodes wrote them, and what they must become."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.prompts.files import read_prompts
from sam_med.prompts.markups import prompts_from_markups

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/"
    "Schema/markups-schema-v1.0.4.json#"
)


def control_point(number, label, position, description=""):
    return {
        "id": str(number),
        "label": label,
        "description": description,
        "associatedNodeID": "",
        "position": position,
        "orientation": [-1.0, -0.0, -0.0, -0.0, -1.0, -0.0, 0.0, 0.0, 1.0],
        "selected": True,
        "locked": False,
        "visibility": True,
        "positionStatus": "defined",
    }


# vtkMRMLMarkupsROINode "lesion", size 40 x 30 x 20, moved to RAS (10, -20, 35), turned by 30
# degrees about S and then by 10 degrees about its own R
ROI = {
    "type": "ROI",
    "coordinateSystem": "LPS",
    "coordinateUnits": "mm",
    "locked": False,
    "fixedNumberOfControlPoints": False,
    "labelFormat": "%N-%d",
    "lastUsedControlPointNumber": 1,
    "roiType": "Box",
    "center": [-10.0, 20.0, 35.0],
    "orientation": [
        *(-0.8660254037844387, 0.492403876506104, -0.08682408883346515),
        *(-0.49999999999999994, -0.8528685319524434, 0.1503837331804353),
        *(0.0, 0.17364817766693033, 0.9848077530122081),
    ],
    "size": [40.0, 30.0, 20.0],
    "insideOut": False,
    "controlPoints": [control_point(1, "lesion-1", [-10.0, 20.0, 35.0])],
    "measurements": [
        {"name": "volume", "enabled": False, "units": "cm3", "printFormat": "%-#4.4g%s"}
    ],
}
RAS_BOUNDS = (
    *(-15.574807111614989, 35.57480711161499),
    *(-44.296865311091004, 4.296865311091005),
    *(22.547199804873962, 47.45280019512604),
)
"""What vtkMRMLMarkupsROINode.GetRASBounds said of it."""

# vtkMRMLMarkupsFiducialNode "kidney", points at RAS (1.25, 2.5, -3.75) and (-10, 20, 30)
POINTS = {
    "type": "Fiducial",
    "coordinateSystem": "LPS",
    "coordinateUnits": "mm",
    "locked": False,
    "fixedNumberOfControlPoints": False,
    "labelFormat": "%N-%d",
    "lastUsedControlPointNumber": 2,
    "controlPoints": [
        control_point(1, "kidney-1", [-1.25, -2.5, -3.75]),
        control_point(2, "kidney-2", [10.0, -20.0, 30.0], "background"),
    ],
    "measurements": [],
}


def document(*markups):
    return json.dumps({"@schema": SCHEMA, "markups": list(markups)})


def changed(markup, **fields):
    return {**copy.deepcopy(markup), **fields}


def volume_of(spacing, origin, direction=(1, 0, 0, 0, 1, 0, 0, 0, 1), shape=(200, 200, 200)):
    return Volume(np.zeros(shape, np.int8), frames.from_itk(origin, spacing, direction))


@pytest.fixture
def half_mm():
    """Voxels of 0.5 mm whose outer corner lies at LPS (-50, -40, 0)."""
    return volume_of((0.5,) * 3, (-49.75, -39.75, 0.25))


def test_a_turned_roi_is_enclosed_as_slicer_says(half_mm):
    found, notes = prompts_from_markups(document(ROI), half_mm)
    assert [prompt.label for prompt in found] == ["lesion"]
    # LPS is minus RAS in x and y
    r0, r1, a0, a1, s0, s1 = RAS_BOUNDS
    low, high = np.array([-r1, -a1, s0]), np.array([-r0, -a0, s1])
    corner = np.array([-50, -40, 0])
    first = np.floor((low - corner) / 0.5).astype(int)
    last = np.ceil((high - corner) / 0.5).astype(int) - 1
    assert found[0].ijk == (*first.tolist(), *last.tolist())
    voxels = np.prod(last - first + 1)
    around = voxels * 0.125
    expected = (
        "the ROI of label lesion is turned against the voxels: the smallest voxel box around it "
        f"is {around / 24000:.2f} times as large ({around / 1000:.3g} ml instead of 24 ml)"
    )
    assert notes == [expected]


def test_a_roi_along_a_turned_scan_is_exact():
    """The scan is turned as the ROI is: nothing is added, nothing is said."""
    direction = np.array(ROI["orientation"]).reshape(3, 3)
    # voxel (0, 0, 0) has its outer corner 60, 50, 40 mm before the centre of the ROI
    origin = np.array(ROI["center"]) + direction @ (np.array([-60, -50, -40]) + 0.5)
    volume = volume_of((1, 1, 1), origin.tolist(), direction.ravel().tolist())
    found, notes = prompts_from_markups(document(ROI), volume)
    assert found[0].ijk == (40, 35, 30, 79, 64, 49)
    assert notes == []


def test_points_of_slicer(half_mm):
    found, notes = prompts_from_markups(document(POINTS), half_mm)
    assert notes == []
    (kidney,) = found
    assert (kidney.label, kidney.value, kidney.box) == ("kidney", 1, None)
    inside, outside = kidney.points
    assert (inside.positive, outside.positive) == (True, False)
    np.testing.assert_allclose(half_mm.to_world(inside.index_kji), (-1.25, -2.5, -3.75), atol=1e-9)
    np.testing.assert_allclose(half_mm.to_world(outside.index_kji), (10, -20, 30), atol=1e-9)


def test_ras_is_turned():
    volume = volume_of((1, 1, 1), (-100, -100, -100))
    in_lps, _ = prompts_from_markups(document(ROI, POINTS), volume)
    flip = np.array([-1, -1, 1])
    roi = changed(
        ROI,
        coordinateSystem="RAS",
        center=(np.array(ROI["center"]) * flip).tolist(),
        orientation=(np.array(ROI["orientation"]).reshape(3, 3) * flip[:, None]).ravel().tolist(),
    )
    points = changed(POINTS, coordinateSystem="RAS")
    for point in points["controlPoints"]:
        point["position"] = (np.array(point["position"]) * flip).tolist()
    in_ras, _ = prompts_from_markups(document(roi, points), volume)
    assert in_ras == in_lps


@given(st.tuples(*[st.floats(-180, 180)] * 3), st.tuples(*[st.floats(5, 60)] * 3))
def test_any_roi_is_held_by_its_voxel_box(degrees, size):
    volume = volume_of((0.7, 0.9, 3), (-80, -80, -80))
    a, b, c = np.radians(degrees)
    turn_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn_y = np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
    axes = turn_z @ turn_x @ turn_y
    roi = changed(ROI, size=list(size), orientation=axes.ravel().tolist())
    found, notes = prompts_from_markups(document(roi), volume)
    rng = np.random.default_rng(0)
    inside = np.array(ROI["center"]) + (rng.uniform(-0.5, 0.5, (500, 3)) * size) @ axes.T
    voxels = np.rint(volume.to_index(inside))
    window = found[0].box
    assert (voxels >= np.array(window.start)).all()
    assert (voxels < np.array(window.stop)).all()
    ratio = np.prod(window.shape) * 0.7 * 0.9 * 3 / np.prod(size)
    assert not notes or f"{ratio:.2f} times as large" in notes[0]


def test_one_name_is_one_object(half_mm):
    seeds = changed(POINTS, name="lesion")
    found, _ = prompts_from_markups(document(ROI, POINTS, seeds), half_mm)
    assert [(p.label, p.value, p.box is not None, len(p.points)) for p in found] == [
        ("lesion", 1, True, 2),
        ("kidney", 2, False, 2),
    ]


def test_names(half_mm):
    bare = changed(POINTS, controlPoints=[{"position": [0.0, 0.0, 30.0]}])
    spaced = changed(POINTS, controlPoints=[control_point(1, "left kidney 12", [0.0, 0.0, 30.0])])
    found, _ = prompts_from_markups(document(changed(ROI, name=" liver "), bare, spaced), half_mm)
    assert [prompt.label for prompt in found] == ["liver", "object_2", "left kidney"]


def test_a_minimal_document(half_mm):
    """The example of 3D Slicer's manual has little more than positions."""
    text = document(
        {"type": "Fiducial", "controlPoints": [{"label": "F-1", "position": [1, 2, 3]}]}
    )
    found, _ = prompts_from_markups(text, half_mm)
    assert found[0].label == "F"
    np.testing.assert_allclose(half_mm.to_world(found[0].points[0].index_kji), (1, 2, 3))


def test_points_that_were_not_placed_are_left_out(half_mm):
    points = changed(POINTS)
    points["controlPoints"][1]["positionStatus"] = "undefined"
    found, _ = prompts_from_markups(document(points), half_mm)
    assert len(found[0].points) == 1


def test_a_file_is_told_by_its_suffix(half_mm, tmp_path):
    path = tmp_path / "R.mrk.json"
    path.write_text(document(ROI))
    given_prompts = read_prompts(path, half_mm)
    assert given_prompts.objects[0].label == "lesion"
    assert len(given_prompts.notes) == 1


def test_a_sheared_scan_is_said_to_be_enclosed():
    """With a tilted gantry an upright ROI is a slanted box of voxels."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[0, 0, 1], [0.4, 1, 0], [1, 0, 0]], dtype=float)
    matrix[:3, 3] = -100
    volume = Volume(np.zeros((200,) * 3, np.int8), frames.Frame.from_array(matrix))
    roi = changed(ROI, orientation=[1, 0, 0, 0, 1, 0, 0, 0, 1], center=[0.5, 0.5, 0.5])
    found, notes = prompts_from_markups(document(roi), volume)
    # slices 91..110 (edges 90.5 and 110.5) are shifted by 0.4 of their number, 36.2 to 44.2 rows,
    # so that rows 85.5..115.5 of the patient become 41.3..79.3
    assert found[0].box == Window((91, 41, 81), (111, 80, 121))
    assert len(notes) == 1
    assert "1.30 times as large" in notes[0]


@pytest.mark.parametrize(
    ("markups", "expected"),
    [
        ([], "the markups file has no markups"),
        (
            [{"type": "Curve", "controlPoints": []}],
            (
                "markups 1 of the markups file is a Curve: only Fiducial, ROI, Line, ClosedCurve "
                "are prompts (delete it from the file)"
            ),
        ),
        ([{}], "markups 1 of the markups file has no 'type'"),
        (
            [changed(POINTS, coordinateSystem="SAR")],
            "coordinateSystem of markups 1 of the markups file must be LPS or RAS, got 'SAR'",
        ),
        (
            [changed(POINTS, coordinateUnits="um")],
            "coordinateUnits of markups 1 of the markups file must be mm, got 'um'",
        ),
        (
            [changed(POINTS, controlPoints=[])],
            "markups 1 of the markups file has no control points that were placed",
        ),
        (
            [changed(POINTS, controlPoints=[{"position": [1, 2]}])],
            "position of controlPoints 1 of markups 1 of the markups file must be 3 numbers, got 2",
        ),
        (
            [changed(POINTS, controlPoints=[control_point(1, "F-1", [1, 2, 3], "Background")])],
            "label F has points of the background only",
        ),
        (
            [changed(ROI, insideOut=True)],
            "markups 1 of the markups file is inside out: a box cannot stand for what is around it",
        ),
        (
            [changed(ROI, roiType="Sphere")],
            "roiType of markups 1 of the markups file must be Box or BoundingBox, got 'Sphere'",
        ),
        (
            [changed(ROI, size=[1, 0, 1])],
            "size of markups 1 of the markups file must be above 0 mm, got [1.0, 0.0, 1.0]",
        ),
        (
            [changed(ROI, orientation=[1, 0, 0, 0, 1, 0, 0, 0, 2])],
            (
                "orientation of markups 1 of the markups file must be three perpendicular unit "
                "vectors, got [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0]"
            ),
        ),
        (
            [changed(ROI, center=None)],
            "markups 1 of the markups file has no 'center'",
        ),
        ([ROI, ROI], "label lesion has two ROIs: an object takes one box (rename one)"),
    ],
)
def test_wrong_markups(half_mm, markups, expected):
    with pytest.raises(PromptError) as caught:
        prompts_from_markups(document(*markups), half_mm)
    assert str(caught.value) == expected


def test_units_as_a_code(half_mm):
    coded = changed(POINTS, coordinateUnits=["mm", "UCUM", "millimeter"])
    found, _ = prompts_from_markups(document(coded), half_mm)
    assert len(found[0].points) == 2


def test_no_json(half_mm):
    with pytest.raises(PromptError) as caught:
        prompts_from_markups("{", half_mm)
    assert str(caught.value).startswith("the markups: no JSON: Expecting property name")


def drawn(kind, name, *points):
    placed = [control_point(n, f"{name}-{n}", list(at)) for n, at in enumerate(points, start=1)]
    return {**changed(POINTS, controlPoints=placed), "type": kind, "name": name}


def test_lines_and_closed_curves_are_boxes_on_their_slices():
    frame = frames.from_itk((0, 0, 0), (1, 1, 2), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    volume = Volume(np.zeros((20, 60, 60), dtype=np.int16), frame, "CT")
    long, short = ((10, 30, 8), (30, 30, 8)), ((20, 24, 8), (20, 36, 8))
    text = document(
        drawn("Line", "lesion", *long),
        drawn("Line", "cross", *long),
        drawn("Line", "cross", *short),
        drawn("ClosedCurve", "node", (10, 20, 8), (22, 20, 8), (16, 25, 8)),
    )
    objects, notes = prompts_from_markups(text, volume)
    assert notes == []
    boxes = {one.label: one.slice_boxes for one in objects}
    assert all(
        len(found) == 1 and (found[0].axis, found[0].index) == (0, 4) for found in boxes.values()
    )
    # three quarters as wide as long
    assert boxes["lesion"][0].ijk == (10, 23, 30, 37)
    assert boxes["cross"][0].ijk == (10, 24, 30, 36)
    assert boxes["node"][0].ijk == (10, 20, 22, 25)


@pytest.mark.parametrize(
    ("markups", "expected"),
    [
        ([drawn("Line", "a", (1, 1, 1))], "markups 1 of the markups file is a line, which has two"),
        (
            [drawn("Line", "a", *[(1, 1, 1)] * 2)],
            "markups 1 of the markups file is a line, which has",
        ),
        (
            [drawn("ClosedCurve", "a", *[(1, 1, 1)] * 2)],
            "markups 1 of the markups file is a closed",
        ),
    ],
)
def test_drawings_that_say_nothing(markups, expected, half_mm):
    with pytest.raises(PromptError) as caught:
        prompts_from_markups(document(*markups), half_mm)
    assert str(caught.value).startswith(expected)
