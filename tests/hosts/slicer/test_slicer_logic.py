from __future__ import annotations

import numpy as np
import pytest
import slicer
import slicer.util
from scenes import (
    BALL_BOX,
    FLIP,
    ball_volume,
    dicom_volume,
    ijk_to_ras,
    ras_of,
    roi,
    transform,
    turned_affine,
    voxels_of,
)
from SegmentAnythingLib.prompts import box_of_roi, slice_box_of_line, slice_box_of_roi
from SegmentAnythingLib.suite_client import ServerError
from SegmentAnythingLib.volumes import SceneError, VolumeImage


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (one.sum() + other.sum())


def test_a_ball_on_a_turned_grid_is_found_and_lies_on_the_voxels(logic):
    volume, ball = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    logic.setBox(segment, roi(volume, BALL_BOX))
    assert logic.propagate(segment)
    found = voxels_of(segmentation, segment, volume)
    assert dice(found, ball) > 0.85
    mask = logic.work.session.mask("o1")
    whole = np.zeros(ball.shape, bool)
    whole[tuple(slice(a, b) for a, b in zip(*mask.window, strict=True))] = mask.array
    assert np.array_equal(found, whole)
    # the labelmap's own grid is the volume's: its corner voxel lies where the volume's does
    label = segmentation.GetBinaryLabelmapInternalRepresentation(segment)
    import vtk

    matrix = vtk.vtkMatrix4x4()
    label.GetImageToWorldMatrix(matrix)
    # the internal labelmap may be cropped, never shifted by a part of a voxel
    first = slicer.util.arrayFromVTKMatrix(matrix)[:, 3]
    assert np.allclose(first, ijk_to_ras(volume)[:, 3], atol=1e-9)


def test_another_volume_takes_the_place_of_the_one_before_on_the_server(logic, client):
    one, _ = ball_volume(name="one")
    two, _ = ball_volume(name="two")
    logic.open(one)
    first = logic.work.session.id
    logic.open(two)
    assert first not in {each["session"] for each in client.sessions()}
    assert slicer.util.getNode("one segmentation") is not logic.work.view.node


def test_the_server_gets_the_exact_affine_in_lps(logic):
    volume, _ = ball_volume()
    logic.open(volume)
    sent = np.array(logic.work.session.frame["affine"])
    assert np.allclose(sent, FLIP @ turned_affine(), atol=1e-12)


def test_a_dicom_series_has_the_grid_that_the_suite_reads(logic, data):
    from oracle import suite

    folder = data / "med/dicom/ct_abdomen_dicom/series"
    volume = dicom_volume(folder)
    logic.open(volume)
    sent = np.array(logic.work.session.frame["affine"])
    code = (
        "import sys, json; from sam_med import read_volume; v = read_volume(sys.argv[1]);"
        "print(json.dumps(v.frame.array[:, [2, 1, 0, 3]].tolist()))"
    )
    own = np.array(suite(str(folder), code=code))
    # two corners of the volume, in mm
    size = np.array(logic.work.image.shape[::-1]) - 1
    for ijk in ((0, 0, 0), size):
        at = np.append(ijk, 1.0)
        assert np.allclose((sent @ at)[:3], (own @ at)[:3], atol=1e-3)


def test_a_linear_transform_above_the_volume_moves_prompts_and_result_with_it(logic):
    volume, ball = ball_volume()
    box = roi(volume, BALL_BOX)
    shift = np.eye(4)
    shift[:3, 3] = [5, -7, 11]
    parent = transform(matrix=shift)
    volume.SetAndObserveTransformNodeID(parent.GetID())
    box.SetAndObserveTransformNodeID(parent.GetID())
    segmentation = logic.open(volume, modality="MR")
    sent = np.array(logic.work.session.frame["affine"])
    assert np.allclose(sent, FLIP @ shift @ turned_affine(), atol=1e-12)
    segment = logic.addSegment("cyst")
    logic.setBox(segment, box)
    (shown,) = logic.work.session.objects()
    assert tuple(shown["boxes"][0]["box"]) == BALL_BOX
    # the middle slice of the box, until it is propagated
    assert dice(voxels_of(segmentation, segment, volume)[7], ball[7]) > 0.85
    assert segmentation.GetTransformNodeID() == parent.GetID()


def test_two_segments_that_overlap_keep_their_voxels(logic):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    one, two = logic.addSegment("cyst"), logic.addSegment("liver")
    logic.setSliceBox(one, "k", 7, (11, 6, 31, 26))
    before = voxels_of(segmentation, one, volume)
    logic.setSliceBox(two, "k", 7, (15, 8, 36, 30))
    assert (before & voxels_of(segmentation, two, volume)).any()
    assert np.array_equal(voxels_of(segmentation, one, volume), before)


def test_a_locked_segment_keeps_its_voxels_and_gives_none_away(logic):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    one, two = logic.addSegment("cyst"), logic.addSegment("liver")
    logic.setSliceBox(one, "k", 7, (11, 6, 31, 26))
    before = voxels_of(segmentation, one, volume)
    logic.lock(one)
    assert (logic.isLocked(one), logic.isLocked(two)) == (True, False)
    for change in (
        lambda: logic.setSliceBox(one, "k", 7, (15, 8, 36, 30)),
        lambda: logic.setBox(one, BALL_BOX),
        lambda: logic.propagate(one),
        lambda: logic.applyPainting(one),
        lambda: logic.remove(one),
    ):
        with pytest.raises(SceneError, match=r"^cyst is locked: unlock it to change it$"):
            change()
    logic.setSliceBox(two, "k", 7, (15, 8, 36, 30))
    beside = voxels_of(segmentation, two, volume)
    assert beside.any()
    assert not (before & beside).any()
    assert np.array_equal(voxels_of(segmentation, one, volume), before)
    # the other one can be undone, and then the next edit is that of the locked one
    logic.undo()
    with pytest.raises(SceneError, match="cyst is locked"):
        logic.undo()
    assert np.array_equal(voxels_of(segmentation, one, volume), before)
    logic.redo()
    assert np.array_equal(voxels_of(segmentation, two, volume), beside)
    logic.undo()
    logic.unlock(one)
    logic.undo()
    assert not voxels_of(segmentation, one, volume).any()


def test_a_locked_segment_that_a_person_drew_counts_and_the_rest_is_propagated(logic):
    volume, ball = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    drawn = segmentation.GetSegmentation().AddEmptySegment("mine", "mine")
    half = ball.copy()
    half[:, :, :18] = False
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        half.astype(np.uint8), segmentation, drawn, volume
    )
    logic.work.view.lock(drawn, locked=True)
    one, two = logic.addSegment("cyst"), logic.addSegment("liver")
    for segment in (one, two):
        logic.setBox(segment, BALL_BOX)
    logic.lock(two)
    assert logic.propagate()
    found = voxels_of(segmentation, one, volume)
    assert found.any()
    assert not (found & half).any()
    assert dice(found, ball & ~half) > 0.8
    # locked, so only the middle slice of its box is shown
    assert voxels_of(segmentation, two, volume).any(axis=(1, 2)).sum() == 1
    assert not logic.work.view.is_painted(one)


@pytest.mark.parametrize("degrees", [0, 30])
def test_an_roi_becomes_the_box_that_the_suite_makes_of_the_same_markup(tmp_path, degrees):
    import json

    from oracle import suite

    volume, _ = ball_volume()
    node = roi(volume, BALL_BOX)
    turn = slicer.util.arrayFromVTKMatrix(node.GetObjectToNodeMatrix())
    angle = np.radians(degrees)
    spin = np.eye(4)
    spin[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    node.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(turn @ spin))
    box, note = box_of_roi(node, VolumeImage.from_node(volume))
    storage = slicer.vtkMRMLMarkupsROIJsonStorageNode()
    storage.SetFileName(str(tmp_path / "R.mrk.json"))
    assert storage.WriteData(node)
    lps = (FLIP @ ijk_to_ras(volume)).tolist()
    code = """
import sys, json, numpy as np
from sam_common.frame import Frame
from sam_med.prompts.markups import prompts_from_markups
from sam_med.geometry.volume import Volume
from sam_med.geometry.voxel_box import window_ijk
lps = np.array(json.loads(sys.argv[2]))
volume = Volume(np.zeros((14, 34, 40), np.int16), Frame.from_array(lps[:, [2, 1, 0, 3]]))
objects, notes = prompts_from_markups(open(sys.argv[1]).read(), volume)
print(json.dumps([window_ijk(objects[0].box), notes]))
"""
    own, notes = suite(str(tmp_path / "R.mrk.json"), json.dumps(lps), code=code)
    assert list(box) == own
    assert bool(note) == bool(notes) == (degrees != 0)
    if degrees == 0:
        assert box == BALL_BOX


def test_an_roi_crosses_a_slice_in_its_own_part_of_it():
    volume, _ = ball_volume()
    image = VolumeImage.from_node(volume)
    found = slice_box_of_roi(roi(volume, BALL_BOX), image, 1, 10)
    i0, _, k0, i1, _, k1 = BALL_BOX
    assert found.box == (i0, k0, i1, k1)


def test_a_line_on_a_slice_is_the_diagonal_of_a_box():
    volume, _ = ball_volume()
    line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "L")
    for ijk in ((30.2, 5.0, 9.1), (15.0, 20.4, 8.9)):
        line.AddControlPointWorld(*ras_of(volume, ijk))
    found = slice_box_of_line(line, VolumeImage.from_node(volume))
    assert (found.axis, found.index, found.box) == (0, 9, (15, 5, 30, 20))


def test_undo_and_redo_bring_segments_voxels_and_names_back(logic):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    logic.setBox(segment, BALL_BOX)
    logic.propagate(segment)
    whole = voxels_of(segmentation, segment, volume)
    logic.rename(segment, "liver")
    logic.undo()
    assert segmentation.GetSegmentation().GetSegment(segment).GetName() == "cyst"
    logic.undo()
    # what a 3-D box alone shows: its middle slice
    assert np.flatnonzero(voxels_of(segmentation, segment, volume).any(axis=(1, 2))).size == 1
    logic.undo()
    assert not voxels_of(segmentation, segment, volume).any()
    logic.undo()
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 0
    for _ in range(4):
        logic.redo()
    assert np.array_equal(voxels_of(segmentation, segment, volume), whole)
    assert segmentation.GetSegmentation().GetSegment(segment).GetName() == "liver"


def test_a_painted_slice_is_taken_as_painted_and_far_slices_stay(logic):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    logic.setBox(segment, BALL_BOX)
    logic.propagate(segment, method="litemedsam")
    before = voxels_of(segmentation, segment, volume)
    painted = before.copy()
    painted[7, 6, 20:23] = ~painted[7, 6, 20:23]
    painted[7, 12, 18:20] = False
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        painted.astype(np.uint8), segmentation, segment, volume
    )
    for lost in (logic.undo, logic.propagate, lambda: logic.setBox(segment, BALL_BOX)):
        with pytest.raises(SceneError, match="cyst was painted: press 'Take over"):
            lost()
    logic.applyPainting(segment)
    after = voxels_of(segmentation, segment, volume)
    assert np.array_equal(after[7], painted[7])
    assert np.array_equal(after[[2, 3, 11, 12]], before[[2, 3, 11, 12]])
    row = next(each for each in logic.review(segment) if each.index == 7)
    assert row.confidence == 1
    logic.undo()
    assert np.array_equal(voxels_of(segmentation, segment, volume), before)


def test_a_box_on_a_slice_corrects_that_slice(logic):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    logic.setBox(segment, BALL_BOX)
    logic.propagate(segment)
    before = voxels_of(segmentation, segment, volume)
    logic.setSliceBoxFromRoi(segment, roi(volume, (16, 11, 8, 26, 21, 10)), "k", 9)
    after = voxels_of(segmentation, segment, volume)
    assert not np.array_equal(after[9], before[9])
    row = next(each for each in logic.review(segment) if each.index == 9)
    assert row.confidence == 1
    logic.undo()
    assert np.array_equal(voxels_of(segmentation, segment, volume), before)


def test_points_of_a_list_are_in_the_object_or_outside_of_it(logic):
    volume, ball = ball_volume()
    segmentation = logic.open(volume, model="mobile_sam", modality="MR")
    segment = logic.addSegment("cyst")
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "P")
    points.AddControlPointWorld(*ras_of(volume, (21, 16, 7)))
    points.AddControlPointWorld(*ras_of(volume, (3, 3, 7)))
    points.SetNthControlPointDescription(1, "background")
    for _ in range(2):
        # a second time there is nothing new
        logic.addPoints(segment, points)
    (shown,) = logic.work.session.objects()
    assert [each["label"] for each in shown["points"]] == [1, 0]
    assert np.allclose(shown["points"][0]["point"], (21, 16, 7), atol=1e-6)
    assert dice(voxels_of(segmentation, segment, volume)[7], ball[7]) > 0.85
    # of several, those before one that is refused are shown
    before = voxels_of(segmentation, segment, volume)
    points.AddControlPointWorld(*ras_of(volume, (10, 9, 7)))
    points.AddControlPointWorld(*ras_of(volume, (500, 9, 7)))
    with pytest.raises(ServerError, match="the point lies outside the volume"):
        logic.addPoints(segment, points)
    assert len(logic.work.session.objects()[0]["points"]) == 3
    assert not np.array_equal(voxels_of(segmentation, segment, volume), before)


def test_the_review_is_worst_first_and_jumps_the_slice_views(logic):
    volume, _ = ball_volume()
    logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    logic.setBox(segment, BALL_BOX)
    logic.propagate(segment)
    rows = logic.review(segment)
    assert [r.confidence for r in rows] == sorted(r.confidence for r in rows)
    views = [slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode") for _ in range(2)]
    middle = next(r for r in rows if r.index == 7)
    place = logic.jumpTo(segment, middle)
    index = VolumeImage.from_node(volume).to_index([place])[0]
    assert index[2] == pytest.approx(7, abs=1e-6)
    assert np.linalg.norm(index[:2] - (21, 16)) < 3
    for view in views:
        centre = [view.GetSliceToRAS().GetElement(n, 3) for n in range(3)]
        assert np.allclose(centre, place)


def drawn(volume, kind, *places, background=False):
    """Markups of a kind through voxels (i, j, k)."""
    node = slicer.mrmlScene.AddNewNodeByClass(f"vtkMRMLMarkups{kind}Node", kind)
    for ijk in places:
        node.AddControlPointWorld(*ras_of(volume, ijk))
    if background:
        node.SetNthControlPointDescription(0, "background")
    return node


def test_marks_correct_a_segment_of_a_network_that_takes_boxes_only(logic):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    points = drawn(volume, "Fiducial", (34, 16, 7))
    with pytest.raises(ServerError, match="propagate it first"):
        logic.correctBy(segment, points)
    logic.setBox(segment, BALL_BOX)
    logic.propagate(segment)
    before = voxels_of(segmentation, segment, volume)
    assert not before[7, 16, 34]
    for _ in range(2):
        # a second time there is nothing new
        logic.correctBy(segment, points)
    assert voxels_of(segmentation, segment, volume)[7, 16, 34]
    logic.correctBy(segment, drawn(volume, "Curve", (14, 12, 5), (18, 12, 5), background=True))
    assert not voxels_of(segmentation, segment, volume)[5, 12, 14:19].any()
    corners = ((5, 3, 9), (9, 3, 9), (9, 8, 9), (5, 8, 9))
    logic.correctBy(segment, drawn(volume, "ClosedCurve", *corners))
    assert voxels_of(segmentation, segment, volume)[9, 5:7, 6:8].all()
    logic.correctBy(segment, drawn(volume, "Line", (12, 16, 8), (30, 16, 8)))
    assert voxels_of(segmentation, segment, volume)[8, 16, 12:31].all()
    (shown,) = logic.work.session.objects()
    assert [each["mark"] for each in shown["marks"]] == ["click", "scribble", "lasso", "line"]
    for _ in range(4):
        logic.undo()
    assert np.array_equal(voxels_of(segmentation, segment, volume), before)


def test_markups_that_are_no_marks_are_told(logic):
    volume, _ = ball_volume()
    logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    with pytest.raises(SceneError, match="choose points, a curve, a closed curve or a line"):
        logic.correctBy(segment, roi(volume, BALL_BOX))
    with pytest.raises(SceneError, match="ClosedCurve has 2 of at least 3 points"):
        logic.correctBy(segment, drawn(volume, "ClosedCurve", (1, 1, 1), (5, 5, 1)))
    with pytest.raises(SceneError, match="Curve has no points: place one"):
        logic.correctBy(segment, drawn(volume, "Curve"))
