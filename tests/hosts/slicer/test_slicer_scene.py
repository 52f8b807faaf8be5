"""A scene that is saved in the middle of the work, loaded again and gone on with."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import slicer.util
from scenes import BALL_BOX, ball_volume, voxels_of
from SegmentAnythingLib.record import CLASS, SceneRecord
from SegmentAnythingLib.suite_client import ServerError
from SegmentAnythingLib.volumes import SceneError


def saved_and_loaded(folder):
    """Write the scene with its data as Slicer does, empty it, and read it again."""
    scene = slicer.mrmlScene
    for class_name, suffix, storage in (
        ("vtkMRMLScalarVolumeNode", ".nrrd", "vtkMRMLNRRDStorageNode"),
        ("vtkMRMLSegmentationNode", ".seg.nrrd", "vtkMRMLSegmentationStorageNode"),
    ):
        for n in range(scene.GetNumberOfNodesByClass(class_name)):
            node = scene.GetNthNodeByClass(n, class_name)
            kept = scene.AddNewNodeByClass(storage)
            kept.SetFileName(str(folder / f"{node.GetID()}{suffix}"))
            node.SetAndObserveStorageNodeID(kept.GetID())
            assert kept.WriteData(node)
    scene.SetRootDirectory(str(folder))
    scene.SetURL(str(folder / "scene.mrml"))
    assert scene.Commit()
    scene.Clear()
    assert scene.GetNumberOfNodesByClass(CLASS) == 0
    assert scene.Connect()
    return slicer.util.getNode("ball"), slicer.util.getNode("ball segmentation")


def worked(logic):
    """A ball that was found and corrected, a named empty segment, and a painting taken over."""
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    cyst, liver = logic.addSegment("cyst"), logic.addSegment("liver")
    logic.setBox(cyst, BALL_BOX)
    assert logic.propagate(cyst)
    paint(segmentation, cyst, volume, (7, slice(8, 12), slice(4, 9)))
    logic.applyPainting(cyst)
    return volume, segmentation, cyst, liver


def paint(segmentation, segment, volume, place):
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume)
    array[place] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, segmentation, segment, volume)


def test_a_scene_goes_on_where_it_was_saved(logic, tmp_path):
    volume, segmentation, cyst, liver = worked(logic)
    before = voxels_of(segmentation, cyst, volume)
    asked = logic.work.session.objects()
    volume, segmentation = saved_and_loaded(tmp_path)
    assert logic.open(volume, segmentationNode=segmentation) is segmentation
    assert logic.work.note == "Gone on with lite_medsam."
    assert logic.work.session.model == "lite_medsam"
    assert logic.work.session.objects() == asked
    assert logic.work.segment_ids == [cyst, liver]
    assert np.array_equal(voxels_of(segmentation, cyst, volume), before)
    assert not logic.work.view.is_painted(cyst)
    # what was done can be undone, and done on
    logic.undo()
    assert not voxels_of(segmentation, cyst, volume)[7, 8:12, 4:9].all()
    logic.redo()
    assert np.array_equal(voxels_of(segmentation, cyst, volume), before)
    logic.setSliceBox(liver, "k", 7, (15, 8, 36, 30))
    assert voxels_of(segmentation, liver, volume)[7].any()


def test_what_was_painted_before_the_scene_was_saved_stays(logic, tmp_path):
    volume, segmentation, cyst, _ = worked(logic)
    paint(segmentation, cyst, volume, (6, slice(9, 11), slice(30, 38)))
    before = voxels_of(segmentation, cyst, volume)
    volume, segmentation = saved_and_loaded(tmp_path)
    logic.open(volume, segmentationNode=segmentation)
    assert logic.work.note == "Gone on with lite_medsam. Painted since then: cyst."
    assert np.array_equal(voxels_of(segmentation, cyst, volume), before)
    with pytest.raises(SceneError, match="cyst was painted"):
        logic.undo()
    logic.applyPainting(cyst)
    assert voxels_of(segmentation, cyst, volume)[6, 9:11, 30:38].all()


def test_voxels_that_a_locked_segment_kept_are_no_painting(logic, tmp_path):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    first, second = logic.addSegment("cyst"), logic.addSegment("liver")
    logic.setSliceBox(first, "k", 7, (11, 6, 31, 26))
    logic.lock(first)
    logic.setSliceBox(second, "k", 7, (15, 8, 36, 30))
    before = [voxels_of(segmentation, one, volume) for one in (first, second)]
    assert not (before[0] & before[1]).any()
    volume, segmentation = saved_and_loaded(tmp_path)
    logic.open(volume, segmentationNode=segmentation)
    assert logic.isLocked(first)
    assert [logic.work.view.is_painted(one) for one in (first, second)] == [False, False]
    assert np.array_equal(voxels_of(segmentation, second, volume), before[1])


def test_a_segment_that_was_removed_by_hand_comes_back_and_can_be_removed(logic, tmp_path):
    volume, segmentation, cyst, liver = worked(logic)
    before = voxels_of(segmentation, cyst, volume)
    segmentation.GetSegmentation().RemoveSegment(cyst)
    volume, segmentation = saved_and_loaded(tmp_path)
    logic.open(volume, segmentationNode=segmentation)
    (again,) = set(logic.work.segment_ids) - {liver}
    assert logic.work.view.name(again) == "cyst"
    assert np.array_equal(voxels_of(segmentation, again, volume), before)


def test_a_lost_server_loses_no_prompt(logic):
    volume, segmentation, cyst, _ = worked(logic)
    before = voxels_of(segmentation, cyst, volume)
    logic.work.session.close()
    with pytest.raises(ServerError):
        logic.propagate(cyst)
    logic.open(volume, segmentationNode=segmentation)
    assert np.array_equal(voxels_of(segmentation, cyst, volume), before)
    assert [one["name"] for one in logic.work.session.objects()] == ["cyst", "liver"]


def test_the_segmentation_of_another_volume_is_refused(logic):
    volume, segmentation, *_ = worked(logic)
    other, _ = ball_volume(name="other")
    with pytest.raises(SceneError) as told:
        logic.open(other, segmentationNode=segmentation)
    assert str(told.value) == (
        "ball segmentation belongs to the volume ball: choose that volume, or a new segmentation"
    )
    # where the volume is gone, its voxels decide
    slicer.mrmlScene.RemoveNode(volume)
    array = slicer.util.arrayFromVolume(other)
    array[0, 0, 0] += 1
    with pytest.raises(ServerError, match="another source: its fingerprint differs"):
        logic.open(other, segmentationNode=segmentation)
    array[0, 0, 0] -= 1
    logic.open(other, segmentationNode=segmentation)
    assert SceneRecord.find(segmentation).volume is other


def test_with_another_model_the_segments_stay_and_are_added_to(logic):
    volume, segmentation, cyst, _ = worked(logic)
    before = voxels_of(segmentation, cyst, volume)
    logic.open(volume, "mobile_sam", segmentationNode=segmentation)
    assert logic.work.note == "Segments that were made with lite_medsam stay as they are."
    assert logic.work.session.model == "mobile_sam"
    assert logic.work.segment_ids == []
    assert np.array_equal(voxels_of(segmentation, cyst, volume), before)
    logic.addSegment("spleen")
    assert SceneRecord.find(segmentation).log["model"]["name"] == "mobile_sam"
    assert logic.open(volume, segmentationNode=segmentation) is segmentation
    assert logic.work.note == "Gone on with mobile_sam."


def test_a_plain_segmentation_is_added_to(logic):
    volume, _ = ball_volume()
    plain = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    assert logic.open(volume, segmentationNode=plain) is plain
    assert logic.work.segment_ids == []
    assert SceneRecord.find(plain).log is None
    logic.addSegment("cyst")
    assert len(SceneRecord.find(plain).log["edits"]) == 1
