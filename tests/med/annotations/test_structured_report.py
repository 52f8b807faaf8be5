"""Points, lines and outlines of reports that highdicom wrote."""

from __future__ import annotations

import copy

import highdicom
import numpy as np
import pytest
from annotation_phantoms import group, line, region, report, source, tracked
from highdicom import sr
from numpy.testing import assert_allclose
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from sam_med.annotations.structured_report import read_report

LONG, SHORT = [[20.5, 30.5], [60.5, 30.5]], [[40.5, 20.5], [40.5, 40.5]]


def test_two_lines_of_a_lesion(images, places):
    lines = [line(images[2], LONG), line(images[2], SHORT, codes.SCT.ShortAxis)]
    file = read_report(report(images, [group("lesion 1", lines)]), places)
    (found,) = file.annotations
    assert found.name == "lesion 1"
    assert [drawing.kind for drawing in found.drawings] == ["line", "line"]
    assert_allclose(found.drawings[0].points_kji, [[2, 30, 20], [2, 30, 60]])
    assert_allclose(found.drawings[1].points_kji, [[2, 20, 40], [2, 40, 40]])
    assert file.notes == ()


@pytest.mark.parametrize(
    ("kind", "points", "expected"),
    [
        ("POINT", [[7.5, 9.5]], ("point", [[1, 9, 7]])),
        (
            "POLYLINE",
            [[1.5, 2.5], [9.5, 2.5], [9.5, 7.5], [1.5, 2.5]],
            ("outline", [[1, 2, 1], [1, 2, 9], [1, 7, 9], [1, 2, 1]]),
        ),
        (
            "CIRCLE",
            [[10.5, 20.5], [13.5, 24.5]],
            ("ellipse", [[1, 20, 5], [1, 20, 15], [1, 15, 10], [1, 25, 10]]),
        ),
        (
            "ELLIPSE",
            [[1.5, 5.5], [9.5, 5.5], [5.5, 3.5], [5.5, 7.5]],
            ("ellipse", [[1, 5, 1], [1, 5, 9], [1, 3, 5], [1, 7, 5]]),
        ),
    ],
)
def test_graphics_on_an_image(kind, points, expected, images, places):
    file = read_report(report(images, [region("a", images[1], kind, points)]), places)
    (drawing,) = file.annotations[0].drawings
    assert drawing.kind == expected[0]
    assert_allclose(drawing.points_kji, expected[1])


def test_several_points_of_one_measurement(images, places):
    drawn = sr.CoordinatesForMeasurement(
        "MULTIPOINT", np.array([[7.5, 9.5], [1.5, 2.5]]), source(images[1])
    )
    measured = sr.Measurement(
        codes.SCT.Length, 1.0, codes.UCUM.Millimeter, referenced_coordinates=[drawn]
    )
    (found,) = read_report(report(images, [group("a", [measured])]), places).annotations
    assert found.drawings[0].kind == "point"
    assert_allclose(found.drawings[0].points_kji, [[1, 9, 7], [1, 2, 1]])


def test_graphics_in_the_patient(scan, images, places):
    index = np.array([[3.0, 10.0, 20.0], [3.0, 14.0, 20.0], [3.0, 14.0, 28.0], [3.0, 10.0, 20.0]])
    lps, uid = scan.to_world(index), images[0].FrameOfReferenceUID
    groups = [
        sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracked(name), sr.ImageRegion3D("POLYGON", lps, frame)
        )
        for name, frame in (("here", uid), ("elsewhere", highdicom.UID()))
    ]
    file = read_report(report(images, groups), places)
    (found,) = file.annotations
    assert (found.name, found.drawings[0].kind) == ("here", "outline")
    assert_allclose(found.drawings[0].points_kji, index, atol=1e-4)
    (note,) = file.notes
    assert note.endswith("a drawing in another frame of reference than that of the images")


def test_groups_of_one_identifier_are_one_object(images, places):
    uid = highdicom.UID()
    groups = [group("lesion", [line(images[k], LONG)], uid=uid) for k in (1, 4)] + [
        group("lesion", [line(images[2], SHORT)])
    ]
    file = read_report(report(images, groups), places)
    assert [len(one.drawings) for one in file.annotations] == [2, 1]


@pytest.mark.parametrize(
    ("identifier", "more", "name"),
    [
        ("web annotation", {"finding_type": codes.SCT.Nodule}, "Nodule"),
        ("Cornerstone3DTools@^0.1.0:Bidirectional", {"finding_type": codes.SCT.Liver}, "Liver"),
        (
            "cornerstoneTools@^4.0.0:Length",
            {"finding_sites": [sr.FindingSite(codes.SCT.Spleen)]},
            "Spleen",
        ),
        ("Cornerstone3DTools@^0.1.0:Length", {}, None),
        ("Target lesion 1", {"finding_type": codes.SCT.Nodule}, "Target lesion 1"),
    ],
)
def test_a_tool_is_no_name(identifier, more, name, images, places):
    groups = [group(identifier, [line(images[0], LONG)], **more)]
    assert [one.name for one in read_report(report(images, groups), places).annotations] == [name]


def test_what_does_not_lie_on_the_volume_is_left_out_and_said(images, places):
    other = copy.deepcopy(images[0])
    other.SOPInstanceUID = highdicom.UID()
    groups = [group("a", [line(other, LONG)]), group("b", [line(images[0], LONG)])]
    file = read_report(report([*images, other], groups), places)
    assert [one.name for one in file.annotations] == ["b"]
    assert file.notes == ("left out of the report: an image that is not of this volume",)


def test_an_image_that_is_named_once_for_all(images, places):
    """By reference: coordinates point to an image elsewhere in the tree (PS3.3, C.17.3.2.5)."""
    pointer, drawn, root = Dataset(), Dataset(), Dataset()
    pointer.ReferencedContentItemIdentifier = [1, 1]
    drawn.ValueType, drawn.GraphicType, drawn.GraphicData = "SCOORD", "POINT", [5.5, 6.5]
    drawn.ContentSequence = [pointer]
    root.ContentSequence = [source(images[3]), drawn]
    (found,) = read_report(root, places).annotations
    assert found.drawings[0].points_kji.tolist() == [[3, 6, 5]]
    for lost in ([1, 9], [1, 1, 1], [1, 0]):
        pointer.ReferencedContentItemIdentifier = lost
        assert read_report(root, places).notes == (
            "left out of the report: coordinates that do not say on which image they lie",
        )


def test_coordinates_outside_of_any_group(images, places):
    """Reports of other templates have no measurement groups; each region is an object."""
    drawn = sr.ImageRegion("POINT", np.array([[5.5, 6.5]]), source(images[0]))
    root = Dataset()
    root.ContentSequence = [
        drawn,
        sr.ImageRegion("POINT", np.array([[1.5, 1.5]]), source(images[1])),
    ]
    found = read_report(root, places).annotations
    assert [(one.name, one.drawings[0].points_kji.tolist()) for one in found] == [
        (None, [[0, 6, 5]]),
        (None, [[1, 1, 1]]),
    ]
