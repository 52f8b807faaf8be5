"""What goes wrong is told in words that say what to do."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import slicer
import slicer.util
from oracle import SUITE, VARIABLES
from scenes import BALL_BOX, ball_volume, ras_of, transform
from SegmentAnything import SegmentAnythingLogic
from SegmentAnythingLib import environment
from SegmentAnythingLib.environment import SetupError
from SegmentAnythingLib.suite_client import ServerError
from SegmentAnythingLib.volumes import SceneError


def test_without_an_environment_the_user_is_told_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    volume, _ = ball_volume()
    made = SegmentAnythingLogic()
    made.environment = ""
    with pytest.raises(
        SetupError, match=r"not on PATH: press 'Install the suite' .* 'Environment'"
    ):
        made.open(volume)
    made.environment = str(tmp_path / "nowhere")
    with pytest.raises(SetupError, match=r"no sam-common in .*nowhere"):
        made.open(volume)


def test_a_python_without_the_suite_is_told_with_its_last_words(tmp_path, monkeypatch):
    # python -m looks into the folder that it is started in first
    monkeypatch.chdir(tmp_path)
    volume, _ = ball_volume()
    made = SegmentAnythingLogic()
    made.environment, made.serverVariables = str(SUITE), {"PYTHONPATH": str(tmp_path)}
    (tmp_path / "sam_common").mkdir()
    (tmp_path / "sam_common/__init__.py").touch()
    with pytest.raises(SetupError, match=r"does not start: (?s:.*)No module named sam_common.cli"):
        made.open(volume)


def test_the_environment_is_found_in_the_settings_and_then_on_path(tmp_path, monkeypatch):
    program = tmp_path / "env/bin/sam-common"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    environment.store(f" {tmp_path / 'env'} ")
    assert environment.stored() == str(tmp_path / "env")
    assert environment.find_command(environment.stored()) == [str(program), "serve"]
    monkeypatch.setenv("PATH", str(program.parent))
    assert environment.find_command("") == [str(program), "serve"]
    environment.store("")
    assert environment.find_command(str(SUITE))[1:] == ["-m", "sam_common.cli", "serve"]


def test_a_model_of_boxes_refuses_points_in_the_servers_words(logic):
    volume, _ = ball_volume()
    logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "P")
    points.AddControlPointWorld(*ras_of(volume, (20, 16, 7)))
    with pytest.raises(ServerError, match=r"lite_medsam.*points") as refused:
        logic.addPoints(segment, points)
    assert refused.value.status == 422


def test_a_volume_that_was_deleted_meanwhile_is_told(logic):
    volume, _ = ball_volume()
    logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    slicer.mrmlScene.RemoveNode(volume)
    with pytest.raises(SceneError, match=r"ball is no longer in the scene"):
        logic.setBox(segment, BALL_BOX)


def test_a_volume_whose_grid_was_changed_is_told(logic):
    volume, _ = ball_volume()
    logic.open(volume, modality="MR")
    volume.SetSpacing(1, 1, 1)
    with pytest.raises(SceneError, match=r"grid of the volume ball was changed"):
        logic.addSegment("cyst")


def test_a_segment_that_was_deleted_is_told_and_comes_back_with_redo(logic):
    volume, _ = ball_volume()
    segmentation = logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    logic.setSliceBox(segment, "k", 7, (11, 6, 31, 26))
    segmentation.GetSegmentation().RemoveSegment(segment)
    with pytest.raises(SceneError, match=r"no segment cyst"):
        logic.setBox(segment, BALL_BOX)
    logic.undo()
    logic.redo()
    found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume)
    assert found.any()


def test_a_transform_that_is_not_linear_is_refused(logic):
    volume, _ = ball_volume()
    parent = transform("vtkMRMLBSplineTransformNode")
    volume.SetAndObserveTransformNodeID(parent.GetID())
    with pytest.raises(SceneError, match=r"which is not linear.*Harden"):
        logic.open(volume)


def test_a_segmentation_under_another_transform_is_refused(logic):
    volume, _ = ball_volume()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "S")
    node.SetAndObserveTransformNodeID(transform().GetID())
    with pytest.raises(SceneError, match="S lies under another transform than the volume ball"):
        logic.open(volume, segmentationNode=node)


def test_no_volume_and_no_painting_are_told(logic):
    with pytest.raises(SceneError, match=r"choose a scalar volume"):
        logic.open(None)
    with pytest.raises(SceneError, match=r"no volume is open"):
        logic.addSegment("cyst")
    volume, _ = ball_volume()
    logic.open(volume, modality="MR")
    segment = logic.addSegment("cyst")
    with pytest.raises(SceneError, match=r"nothing of cyst was changed"):
        logic.applyPainting(segment)
    with pytest.raises(ServerError, match=r"propagate the object first"):
        logic.review(segment)


def test_a_server_that_is_killed_in_a_job_is_told_and_started_again():
    volume, _ = ball_volume(np.diag([1.0, 1.0, 3.0, 1.0]))
    made = SegmentAnythingLogic()
    made.environment, made.serverVariables = str(SUITE), VARIABLES
    segmentation = made.open(volume, modality="MR")
    segment = made.addSegment("cyst")
    made.setBox(segment, BALL_BOX)
    killed = made.client.hello["pid"]

    def kill(_done, _total, _what):
        os.kill(killed, signal.SIGKILL)
        made.client._process.wait()
        return True

    with pytest.raises(ServerError, match=r"server has ended .*start again with the volume"):
        made.propagate(segment, progress=kill)
    try:
        again = made.open(volume, modality="MR", segmentationNode=segmentation)
        assert again is segmentation
        assert made.client.hello["pid"] != killed
        assert made.addSegment("cyst") != segment
    finally:
        made.close()
