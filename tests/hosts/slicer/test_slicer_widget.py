"""The window, driven as a user would; what is asserted was read back from widgets and scene."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
import slicer.util
from oracle import SUITE, VARIABLES
from scenes import BALL_BOX, ball_volume, roi, voxels_of
from SegmentAnything import POLL_MS, SegmentAnything, SegmentAnythingWidget
from SegmentAnythingLib import environment


@pytest.fixture
def window():
    made = qt.QWidget()
    qt.QVBoxLayout(made)
    return made


@pytest.fixture
def widget(window, client):
    environment.store(str(SUITE))
    made = SegmentAnythingWidget(window)
    made.setup()
    made.logic.serverVariables, made.logic.client = VARIABLES, client
    yield made
    # the server is the session's
    made.logic.client = None
    made.cleanup()
    environment.store("")


def press(widget, text):
    """Press a button, and let Qt run until its answer is there."""
    button = next(b for b in widget.panel._busy if b.text == text)
    assert button.enabled is True
    button.click()
    wait(widget)


def wait(widget):
    loop = qt.QEventLoop()
    check = qt.QTimer()
    check.interval = POLL_MS // 2
    check.timeout.connect(lambda: None if widget.panel.worker.is_busy else loop.quit())
    check.start()
    loop.exec()
    check.stop()


def test_properties_are_those_of_pythonqt(widget):
    # otherwise `label.text = ...` would make a new attribute, and every test here pass
    assert isinstance(widget.panel.status.text, str)
    widget.panel.status.text = "said"
    assert widget.panel.status.grab().width() > 0
    assert type(widget.panel.status).text.__get__(widget.panel.status) == "said"


def test_properties_can_be_set_as_often_as_a_slow_machine_needs():
    # PySide6 drops a reference to None each time; without the stand-in's care Python aborts here
    label = qt.QLabel()
    for number in range(30_000):
        label.text = str(number)
    assert label.text == "29999"


def test_the_module_names_itself():
    class Parent:
        pass

    parent = Parent()
    SegmentAnything(parent)
    assert parent.title == "Segment Anything"
    assert parent.categories == ["Segmentation"]
    assert "not a medical device" in parent.helpText


def test_a_segmentation_that_is_chosen_brings_its_model_and_is_gone_on_with(widget):
    panel = widget.panel
    ball_volume()
    panel.poll()
    panel.model.currentIndex = panel.model.findText("mobile_sam")
    press(widget, "Start")
    panel.name.text = "cyst"
    press(widget, "Add")
    node = panel.segmentation.node
    assert node is widget.logic.work.view.node
    # a new segmentation with the model that is chosen, and back to the one before
    panel.segmentation.box.currentIndex = 0
    panel.model.currentIndex = panel.model.findText("lite_medsam")
    panel.poll()
    assert panel.model.currentText == "lite_medsam"
    panel.segmentation.choose(node)
    panel.poll()
    assert panel.model.currentText == "mobile_sam"
    press(widget, "Start")
    assert widget.logic.work.view.node is node
    assert panel.segments.count == 1
    assert panel.status.text.endswith("Gone on with mobile_sam.")


def test_a_user_finds_an_organ_corrects_reviews_and_undoes(widget):
    panel = widget.panel
    assert panel.environment.text == str(SUITE)
    volume, ball = ball_volume()
    box = roi(volume, BALL_BOX)
    panel.poll()
    assert panel.volume.box.currentText == "ball"
    assert panel.roi.node is box
    panel.modality.currentIndex = 2
    press(widget, "Start")
    assert panel.status.text == "Name a segment and press 'Add'."
    assert widget.logic.work.session.client is widget.logic.client
    panel.name.text = "left kidney"
    press(widget, "Add")
    assert panel.segments.count == 1
    segment = panel.segment_id
    segmentation = widget.logic.work.view.node
    press(widget, "3-D box from the ROI")
    shown = voxels_of(segmentation, segment, volume)
    assert np.flatnonzero(shown.any(axis=(1, 2))).tolist() == [7]
    press(widget, "Propagate")
    wait(widget)
    found = voxels_of(segmentation, segment, volume)
    assert 2 * (found & ball).sum() / (found.sum() + ball.sum()) > 0.85
    assert panel.slices.count == len(panel.reviewed) > 5
    first = panel.slices.item(0).text()
    assert first.startswith(f"{panel.reviewed[0].confidence:.2f}   k = {panel.reviewed[0].index}")
    view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
    panel.slices.currentRow = 1
    centre = [view.GetSliceToRAS().GetElement(n, 3) for n in range(3)]
    at = widget.logic.work.image.to_index([centre])[0]
    assert at[2] == pytest.approx(panel.reviewed[1].index, abs=1e-6)
    press(widget, "Remove")
    assert panel.segments.count == 0
    press(widget, "Undo")
    assert panel.segments.count == 1
    assert panel.segment_id == segment
    press(widget, "Take over what I painted")
    assert "nothing of left kidney was changed" in panel.status.text
    press(widget, "Undo")
    assert panel.status.text == "Undone."
    assert panel.slices.count == 0
    assert np.array_equal(voxels_of(segmentation, segment, volume), shown)
    press(widget, "Redo")
    assert np.array_equal(voxels_of(segmentation, segment, volume), found)


def test_a_segment_is_locked_and_unlocked(widget):
    panel = widget.panel
    ball_volume()
    panel.poll()
    press(widget, "Start")
    press(widget, "Lock / unlock")
    assert "no segment" in panel.status.text
    panel.name.text = "left kidney"
    press(widget, "Add")
    press(widget, "Lock / unlock")
    assert panel.segments.item(0).text() == "left kidney (locked)"
    press(widget, "Remove")
    assert panel.status.text == "left kidney is locked: unlock it to change it"
    press(widget, "Lock / unlock")
    assert panel.status.text == "Unlocked."
    assert panel.segments.item(0).text() == "left kidney"


def test_a_job_is_cancelled_and_changes_nothing(widget):
    panel = widget.panel
    volume, _ = ball_volume(np.diag([1.0, 1.0, 3.1, 1.0]))
    roi(volume, BALL_BOX)
    panel.poll()
    press(widget, "Start")
    panel.name.text = "cyst"
    press(widget, "Add")
    press(widget, "3-D box from the ROI")
    before = voxels_of(widget.logic.work.view.node, panel.segment_id, volume)
    propagate = next(b for b in panel._busy if b.text == "Propagate")
    propagate.click()
    assert panel.worker.is_busy
    assert propagate.enabled is False
    assert panel.cancel.enabled is True
    panel.cancel.click()
    wait(widget)
    assert panel.status.text == "Cancelled."
    after = voxels_of(widget.logic.work.view.node, panel.segment_id, volume)
    assert np.array_equal(after, before)
    panel.poll()
    assert propagate.enabled is True


def test_what_is_wrong_is_shown_in_the_window(widget, tmp_path):
    panel = widget.panel
    press(widget, "Undo")
    assert panel.status.text == "no volume is open: choose one and press 'Start'"
    press(widget, "Start")
    assert panel.status.text.startswith("choose a scalar volume")
    ball_volume()
    panel.poll()
    panel.environment.text = str(tmp_path)
    press(widget, "Start")
    assert panel.status.text.startswith(f"there is no sam-common in {tmp_path}: press 'Install")


def test_a_view_that_is_turned_against_the_voxels_is_told(widget):
    panel = widget.panel
    volume, _ = ball_volume()
    roi(volume, BALL_BOX)
    panel.poll()
    press(widget, "Start")
    panel.name.text = "cyst"
    press(widget, "Add")
    red = slicer.vtkMRMLSliceNode()
    red.SetLayoutName("Red")
    red.SetSingletonTag("Red")
    red.SetName("Red")
    red = slicer.mrmlScene.AddNode(red)
    assert red.GetID() == "vtkMRMLSliceNodeRed"
    press(widget, "Box on the red slice from the ROI")
    assert "turned against the slices" in panel.status.text
    # as 'Rotate to volume plane' does
    affine = widget.logic.work.image.to_world()
    turned = np.eye(4)
    turned[:3, :3] = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    turned[:3, 3] = widget.logic.work.image.to_ras([[20, 16, 8]])[0]
    red.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(turned))
    red.UpdateMatrices()
    press(widget, "Box on the red slice from the ROI")
    assert panel.status.text == "The box on the slice was taken."
    found = voxels_of(widget.logic.work.view.node, panel.segment_id, volume)
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == [8]
