"""The effect of Segment Editor, driven by events of the mouse in a slice view.

Server, networks, scene, history of Undo and events are real; `standin_editor` says what is not.
"""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import qt
import slicer
import slicer.util
from oracle import SUITE, VARIABLES
from scenes import ball_volume, ijk_to_ras, ras_of, transform, voxels_of
from SegmentAnything import SegmentAnything, SegmentAnythingWidget
from SegmentAnythingLib import environment
from standin import ModuleOf
from standin_editor import SegmentEditor, SliceWidget

WAIT_MS = 20
PIXELS, PER_PIXEL = 600, 0.1
"""A view of 60 x 60 mm."""
AXES = "kji"
BOX = (11, 6, 31, 26)
"""Around the ball on slice k=7, i and j."""


@pytest.fixture
def prototype():
    """The effect as the module registers it when Slicer has started."""
    registered = slicer.qSlicerSegmentEditorEffectFactory.instance().registered
    registered.clear()
    slicer.app.connected.clear()
    SegmentAnything(SimpleNamespace())
    ((signal_name, slot),) = slicer.app.connected
    assert signal_name == "startupCompleted()"
    assert not registered
    slot()
    (effect,) = registered
    return effect


@pytest.fixture
def window():
    made = qt.QWidget()
    qt.QVBoxLayout(made)
    return made


@pytest.fixture
def widget(window):
    """The module's window, which finds the suite, and has no server yet."""
    environment.store(str(SUITE))
    made = SegmentAnythingWidget(window)
    made.setup()
    made.logic.serverVariables = VARIABLES
    ModuleOf.named["SegmentAnything"] = ModuleOf(made)
    yield made
    del ModuleOf.named["SegmentAnything"]
    made.cleanup()
    environment.store("")


@pytest.fixture
def shared(widget, client):
    """The same with the session's server."""
    widget.logic.client = client
    yield widget
    widget.logic.client = None


@pytest.fixture
def editor(shared, prototype):
    """Segment Editor with the effect active, a ball, and two segments that a user added."""
    made = SegmentEditor(prototype)
    made.volume, made.ball = ball_volume()
    made.segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "S")
    for name in ("cyst", "other"):
        made.segmentation.GetSegmentation().AddEmptySegment(name, name)
    made.select(made.volume, made.segmentation, "cyst")
    made.activate()
    yield made
    made.deactivate()
    wait(made)


def wait(editor):
    """Let Qt run until nothing is asked any more, and the effect shows what came of it."""
    loop, check = qt.QEventLoop(), qt.QTimer()
    effect = editor.effect.self()

    def look():
        panel = effect.panel
        shown = not editor.active or effect.status.text == panel.status.text
        if not panel.worker.is_busy and shown:
            loop.quit()

    check.interval = WAIT_MS
    check.timeout.connect(look)
    check.start()
    loop.exec()
    check.stop()


def status(editor):
    return editor.effect.self().status.text


def view_on(editor, axis=0, index=7, volume=None):
    """A slice view that shows a slice of the volume, whose pixels are finer than voxels."""
    volume = volume or editor.volume
    image_axis = 2 - axis
    across = [at for at in range(3) if at != image_axis]
    affine = ijk_to_ras(volume)
    parent = volume.GetParentTransformNode()
    if parent is not None:
        affine = slicer.util.arrayFromTransformMatrix(parent) @ affine
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    middle = np.array(slicer.util.arrayFromVolume(volume).shape[::-1]) / 2
    middle[image_axis] = index
    turned = np.eye(4)
    for column, at in enumerate((*across, image_axis)):
        turned[:3, column] = unit[:, at]
    turned[:3, 3] = affine[:3, :3] @ middle + affine[:3, 3]
    view = SliceWidget(editor)
    view.affine = affine
    view.node.SetDimensions(PIXELS, PIXELS, 1)
    view.node.SetFieldOfView(PIXELS * PER_PIXEL, PIXELS * PER_PIXEL, 1)
    view.node.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(turned))
    view.node.UpdateMatrices()
    return view


def pixel(view, ijk):
    """Where a voxel lies in a view."""
    to_xy = np.linalg.inv(slicer.util.arrayFromVTKMatrix(view.node.GetXYToRAS()))
    ras = view.affine[:3, :3] @ np.asarray(ijk, float) + view.affine[:3, 3]
    x, y, z, _ = to_xy @ np.append(ras, 1.0)
    assert abs(z) < 1e-6
    return round(x), round(y)


def drag(view, start, end, **keys):
    """Drag between two voxels, and wait for the answer."""
    kept = view.drag(pixel(view, start), pixel(view, end), **keys)
    wait(view.editor)
    return kept


def click(view, ijk, **keys):
    """Click on a voxel, and wait for the answer."""
    kept = view.click(pixel(view, ijk), **keys)
    wait(view.editor)
    return kept


def box_drag(editor, index=7, box=BOX):
    """Drag a box on a slice of k."""
    view = view_on(editor, 0, index)
    return drag(view, (*box[:2], index), (*box[2:], index))


def press(editor, name):
    """Press a button of the effect, and wait for the answer."""
    button = getattr(editor.effect.self(), f"{name}_button")
    assert button.enabled is True
    button.click()
    wait(editor)


def found(editor, segment_id="cyst"):
    return voxels_of(editor.segmentation, segment_id, editor.volume)


def paint(editor, segment_id, place):
    """As another effect would, with a state to undo."""
    array = found(editor, segment_id).astype(np.uint8)
    array[place] = 1
    editor.history.SaveState()
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        array, editor.segmentation, segment_id, editor.volume
    )


def states(editor):
    return editor.history.GetNumberOfStates()


@pytest.fixture
def by_logic(client):
    """What the module's logic finds on the same ball with a fresh segment."""
    from SegmentAnything import SegmentAnythingLogic

    def find(volume, act, **options):
        logic = SegmentAnythingLogic()
        logic.environment, logic.serverVariables, logic.client = str(SUITE), VARIABLES, client
        segmentation = logic.open(volume, **options)
        segment = logic.addSegment("cyst")
        act(logic, segment)
        return voxels_of(segmentation, segment, volume)

    return find


def test_the_effect_is_registered_after_startup_with_icon_help_and_clones(prototype, widget):
    assert prototype.name == "Segment Anything"
    assert prototype.perSegment is True
    assert not prototype.call("icon").isNull()
    assert "not a medical device" in prototype.call("helpText")
    clone = prototype.call("clone")
    assert clone is not prototype
    assert clone.self() is not prototype.self()
    assert type(clone.self()) is type(prototype.self())


def test_an_effect_that_is_activated_asks_nothing_and_one_that_is_not_leaves_the_mouse(
    editor, widget
):
    effect, view = editor.effect.self(), view_on(editor)
    assert widget.logic.work is None
    assert effect.model.currentText == "lite_medsam"
    assert effect.model.count == widget.panel.model.count
    view.send("LeftButtonPressEvent", (100, 100))
    view.send("MouseMoveEvent", (200, 150))
    assert view.renderer.GetViewProps().GetNumberOfItems() == 1
    editor.deactivate()
    assert view.renderer.GetViewProps().GetNumberOfItems() == 0
    editor.activate()
    assert view.send("MouseMoveEvent", (210, 150)) is False
    assert view.send("LeftButtonReleaseEvent", (210, 150)) is False
    assert not widget.panel.worker.is_busy
    assert widget.logic.work is None


def test_no_server_is_started_before_something_is_asked(widget, prototype):
    made = SegmentEditor(prototype)
    volume, _ = ball_volume()
    made.select(volume, None)
    made.activate()
    assert widget.logic.client is None
    made.deactivate()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_drag_is_the_box_of_the_logic_on_slices_of_all_axes(editor, by_logic, axis):
    boxes = {0: (7, (11, 6, 31, 26)), 1: (16, (11, 2, 31, 12)), 2: (21, (6, 2, 26, 12))}
    index, box = boxes[axis]
    first, last = list(box[:2]), list(box[2:])
    for corner in (first, last):
        corner.insert(2 - axis, index)
    # from any corner to the opposite one
    assert drag(view_on(editor, axis, index), last, first) == [True] * 4
    assert status(editor) == "The box on the slice was taken."
    expected = by_logic(editor.volume, lambda one, it: one.setSliceBox(it, AXES[axis], index, box))
    assert expected.any()
    assert np.array_equal(found(editor), expected)
    assert not found(editor, "other").any()
    assert editor.segmentation.GetSegmentation().GetNumberOfSegments() == 2


def test_a_volume_under_a_transform_is_met_where_the_view_shows_it(editor, by_logic):
    shift = np.eye(4)
    shift[:3, 3] = [5, -7, 11]
    parent = transform(matrix=shift)
    for node in (editor.volume, editor.segmentation):
        node.SetAndObserveTransformNodeID(parent.GetID())
    box_drag(editor)
    assert status(editor) == "The box on the slice was taken."
    expected = by_logic(editor.volume, lambda one, it: one.setSliceBox(it, "k", 7, BOX))
    assert np.array_equal(found(editor), expected)


def test_clicks_are_points_for_a_model_that_takes_them(editor, by_logic):
    effect = editor.effect.self()
    effect.model.currentIndex = effect.model.findText("mobile_sam")
    view = view_on(editor)
    assert click(view, (20, 16, 7)) == [True, True]
    assert status(editor) == "The points were taken."
    click(view, (5, 5, 7), ctrl=True)
    session = effect.panel.logic.work.session
    assert session.model == "mobile_sam"
    (shown,) = session.objects()
    assert [point["label"] for point in shown["points"]] == [1, 0]
    assert np.allclose([p["point"] for p in shown["points"]], [(20, 16, 7), (5, 5, 7)], atol=0.1)

    def point(logic, segment):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "P")
        for number, one in enumerate(shown["points"]):
            node.AddControlPointWorld(*ras_of(editor.volume, one["point"]))
            node.SetNthControlPointDescription(number, "" if one["label"] else "background")
        logic.addPoints(segment, node)

    expected = by_logic(editor.volume, point, model="mobile_sam")
    assert expected.any()
    assert np.array_equal(found(editor), expected)


def test_a_model_of_boxes_tells_so_and_takes_clicks_once_it_has_propagated(editor):
    click(view_on(editor), (20, 16, 7))
    assert "lite_medsam" in status(editor)
    assert "points" in status(editor)
    # nothing was changed, so there is nothing to undo
    assert not found(editor).any()
    assert states(editor) == 0
    box_drag(editor)
    press(editor, "propagate")
    outside, inside = (6, 16, 7), (21, 16, 7)
    assert not found(editor)[outside[::-1]]
    assert found(editor)[inside[::-1]]
    view = view_on(editor)
    click(view, outside)
    assert status(editor) == "The points were taken."
    assert found(editor)[outside[::-1]]
    click(view, inside, ctrl=True)
    assert not found(editor)[inside[::-1]]


def test_propagate_changes_the_selected_segment_alone_and_no_locked_one(editor):
    effect = editor.effect.self()
    paint(editor, "other", (slice(5, 9), slice(4, 12), slice(14, 24)))
    before = found(editor, "other")
    locked = editor.segmentation.GetSegmentation().AddEmptySegment("locked", "locked")
    paint(editor, locked, (slice(6, 9), slice(20, 30), slice(20, 30)))
    kept = found(editor, locked)
    box_drag(editor)
    effect.panel.logic.work.view.lock(locked, locked=True)
    press(editor, "propagate")
    assert status(editor) == "The slices are listed, the least certain first."
    cyst = found(editor)
    assert 2 * (cyst & editor.ball).sum() / (cyst.sum() + editor.ball.sum()) > 0.75
    assert cyst.any(axis=(1, 2)).sum() > 5
    assert not (cyst & kept).any()
    assert (cyst & before).any()
    assert np.array_equal(found(editor, "other"), before)
    assert np.array_equal(found(editor, locked), kept)
    # and a locked one is not touched when it is selected itself
    editor.select(editor.volume, editor.segmentation, locked)
    box_drag(editor)
    assert status(editor) == "locked is locked: unlock it to change it"
    assert np.array_equal(found(editor, locked), kept)
    assert locked not in effect.panel.logic.work.segment_ids


def test_a_job_that_is_cancelled_changes_nothing_and_leaves_nothing_to_undo(editor):
    effect = editor.effect.self()
    box_drag(editor)
    before, kept = found(editor), states(editor)
    effect.propagate_button.click()
    assert effect.panel.worker.is_busy
    assert effect.propagate_button.enabled is False
    assert effect.cancel_button.enabled is True
    # the mouse waits
    assert view_on(editor).drag((100, 100), (300, 300))[0] is True
    assert effect.drag is None
    effect.cancel_button.click()
    wait(editor)
    assert status(editor) == "Cancelled."
    assert np.array_equal(found(editor), before)
    assert states(editor) == kept


def test_undo_of_segment_editor_is_followed_by_the_server(editor):
    shown = [found(editor)]
    for index in (5, 7, 9):
        box_drag(editor, index)
        shown.append(found(editor))
    assert [np.flatnonzero(one.any(axis=(1, 2))).tolist() for one in shown] == [
        [], [5], [5, 7], [5, 7, 9],
    ]  # fmt: skip
    session = editor.effect.self().panel.logic.work.session
    editor.undo()
    editor.undo()
    assert np.array_equal(found(editor), shown[1])
    box_drag(editor, 8)
    assert status(editor) == "The box on the slice was taken."
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [5, 8]
    (about,) = session.objects()
    assert [box["index"] for box in about["boxes"]] == [5, 8]


def test_redo_of_segment_editor_is_followed_by_the_server(editor):
    for index in (5, 7, 9):
        box_drag(editor, index)
    editor.undo()
    editor.undo()
    # the server has followed when the slice is asked for, and is led forth again
    press(editor, "paint")
    assert "nothing of cyst was changed" in status(editor)
    session = editor.effect.self().panel.logic.work.session
    (about,) = session.objects()
    assert [box["index"] for box in about["boxes"]] == [5]
    editor.redo()
    box_drag(editor, 8)
    assert status(editor) == "The box on the slice was taken."
    (about,) = session.objects()
    assert [box["index"] for box in about["boxes"]] == [5, 7, 8]
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [5, 7, 8]


def test_undo_of_edits_of_two_segments_and_of_a_propagation_is_followed(editor):
    box_drag(editor)
    press(editor, "propagate")
    whole = found(editor)
    editor.parameters.SetSelectedSegmentID("other")
    box_drag(editor, 7, (15, 8, 36, 30))
    assert found(editor, "other").any()
    editor.undo()
    editor.undo()
    assert not found(editor, "other").any()
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [7]
    editor.parameters.SetSelectedSegmentID("cyst")
    press(editor, "propagate")
    assert np.array_equal(found(editor), whole)
    # what was made after the state that was gone back to is made anew
    editor.parameters.SetSelectedSegmentID("other")
    box_drag(editor, 8)
    assert status(editor) == "The box on the slice was taken."
    assert np.flatnonzero(found(editor, "other").any(axis=(1, 2))).tolist() == [8]
    assert np.array_equal(found(editor), whole)


def test_a_painted_segment_is_taken_over_first_and_nothing_of_it_is_lost(editor):
    place = (4, slice(10, 14), slice(18, 24))
    paint(editor, "cyst", place)
    box_drag(editor)
    assert status(editor) == (
        "cyst was painted: press 'Take over what I painted' first (and 'Undo' after it, to be rid "
        "of the painting)"
    )
    press(editor, "paint")
    assert status(editor) == "The painting was taken."
    box_drag(editor)
    assert found(editor)[place].all()
    assert found(editor)[7].any()
    # the painting itself can be undone as any other
    for _ in range(3):
        editor.undo()
    assert not found(editor).any()


def test_what_is_painted_while_the_server_is_busy_is_not_overwritten(editor):
    box_drag(editor)
    effect = editor.effect.self()
    effect.propagate_button.click()
    # another effect in the meantime
    editor.deactivate()
    place = (7, slice(2, 4), slice(2, 6))
    paint(editor, "cyst", place)
    before = found(editor)
    wait(editor)
    assert np.array_equal(found(editor), before)
    editor.activate()
    assert status(editor).startswith("cyst was painted: press 'Take over")
    press(editor, "paint")
    assert found(editor)[place].all()
    assert found(editor).any(axis=(1, 2)).sum() > 5


def test_an_answer_comes_to_the_segment_that_was_asked_for(editor):
    view = view_on(editor)
    view.drag(pixel(view, (11, 6, 7)), pixel(view, (31, 26, 7)))
    assert editor.effect.self().panel.worker.is_busy
    editor.parameters.SetSelectedSegmentID("other")
    view.node.GetSliceToRAS().SetElement(0, 3, 1e3)
    view.node.UpdateMatrices()
    wait(editor)
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [7]
    assert not found(editor, "other").any()


def test_another_source_volume_in_the_middle_drops_the_drag_and_is_opened_by_the_next(editor):
    box_drag(editor)
    before = found(editor)
    session = editor.effect.self().panel.logic.work.session.id
    second, _ = ball_volume(name="second")
    view = view_on(editor)
    view.send("LeftButtonPressEvent", pixel(view, (11, 6, 7)))
    editor.select(second, editor.segmentation, "cyst")
    assert view.renderer.GetViewProps().GetNumberOfItems() == 0
    assert view.send("LeftButtonReleaseEvent", pixel(view, (31, 26, 7))) is False
    box_drag(editor, 8)
    # as the module's own 'Start' tells
    assert status(editor) == (
        "S belongs to the volume ball: choose that volume, or a new segmentation"
    )
    assert np.array_equal(found(editor), before)
    fresh = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "T")
    fresh.GetSegmentation().AddEmptySegment("cyst", "cyst")
    editor.select(second, fresh, "cyst")
    box_drag(editor, 8)
    assert status(editor) == "The box on the slice was taken."
    assert voxels_of(fresh, "cyst", second)[8].any()
    assert editor.effect.self().panel.logic.work.session.id != session
    # and back, where the edits go on
    editor.select(editor.volume, editor.segmentation, "cyst")
    box_drag(editor, 9)
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [7, 9]


def test_a_grid_that_was_changed_is_opened_anew(editor):
    box_drag(editor)
    first = editor.effect.self().panel.logic.work
    editor.volume.SetOrigin(1, 2, 3)
    box_drag(editor, 8)
    assert editor.effect.self().panel.logic.work is first
    assert "the log was made on another source" in status(editor)


def test_without_a_selected_segment_or_a_volume_the_user_is_told(editor):
    editor.select(editor.volume, editor.segmentation, None)
    view = view_on(editor)
    drag(view, (11, 6, 7), (31, 26, 7))
    assert status(editor) == "no segment is chosen: choose one, or add one"
    press(editor, "propagate")
    assert status(editor) == "no segment is chosen: choose one, or add one"
    editor.select(None, editor.segmentation, "cyst")
    drag(view, (11, 6, 7), (31, 26, 7))
    assert status(editor).startswith("choose a scalar volume")
    assert editor.effect.self().panel.logic.work is None


def test_a_view_that_is_turned_or_a_drag_beside_the_volume_is_told(editor):
    view = view_on(editor)
    drag(view, (-30, -30, 7), (-10, -10, 7))
    assert "outside the slice" in status(editor)
    view.node.SetOrientationToAxial()
    view.node.UpdateMatrices()
    view.drag((100, 100), (300, 300))
    wait(editor)
    assert status(editor).startswith("the view Red is turned against the slices of the volume")
    assert not found(editor).any()


def test_the_mouse_is_slicers_where_the_effect_has_no_use_for_it(editor):
    view = view_on(editor)
    panel = editor.effect.self().panel
    assert drag(view, (11, 6, 7), (31, 26, 7), shift=True) == [False] * 4
    view.kind = "qMRMLThreeDWidget"
    assert drag(view, (11, 6, 7), (31, 26, 7)) == [False] * 4
    view.kind = "qMRMLSliceWidget"
    # a hidden segment, where the user said no; or was asked, and let the mouse go meanwhile
    for answer in (editor.effect.NotConfirmed, editor.effect.ConfirmedWithDialog):
        editor.effect.confirmation = answer
        assert drag(view, (11, 6, 7), (31, 26, 7)) == [True, False, False, False]
    editor.effect.confirmation = editor.effect.ConfirmedWithoutDialog
    # a view that is scrolled in the middle
    view.send("LeftButtonPressEvent", (100, 100))
    view.moved()
    assert view.send("LeftButtonReleaseEvent", (300, 300)) is False
    # the background is a place, and no box
    assert drag(view, (11, 6, 7), (31, 26, 7), ctrl=True) == [True] * 4
    assert not panel.worker.is_busy
    assert panel.logic.work is None
    assert not found(editor).any()


def test_a_drag_shows_its_rectangle_and_takes_it_away(editor):
    view = view_on(editor)
    view.send("LeftButtonPressEvent", (100, 120))
    (actor,) = (view.renderer.GetViewProps().GetItemAsObject(0),)
    assert not actor.GetVisibility()
    renders = view.renders
    view.send("MouseMoveEvent", (300, 200))
    assert actor.GetVisibility()
    assert actor.GetMapper().GetInput().GetBounds()[:4] == (100, 300, 120, 200)
    assert view.renders > renders
    view.send("LeftButtonReleaseEvent", (300, 200))
    assert view.renderer.GetViewProps().GetNumberOfItems() == 0


def test_a_server_that_has_ended_is_started_again_and_goes_on(widget, prototype):
    editor = SegmentEditor(prototype)
    editor.volume, editor.ball = ball_volume()
    editor.segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "S")
    editor.segmentation.GetSegmentation().AddEmptySegment("cyst", "cyst")
    editor.select(editor.volume, editor.segmentation, "cyst")
    editor.activate()
    box_drag(editor)
    first = widget.logic.client
    os.kill(first.hello["pid"], signal.SIGKILL)
    first._process.wait()
    box_drag(editor, 9)
    assert status(editor) == "The box on the slice was taken."
    assert widget.logic.client.hello["pid"] != first.hello["pid"]
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [7, 9]
    # and Undo of Segment Editor reaches back to what was made before
    editor.undo()
    box_drag(editor, 5)
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [5, 7]
    # while it answers
    second = widget.logic.client
    editor.effect.self().propagate_button.click()
    os.kill(second.hello["pid"], signal.SIGKILL)
    wait(editor)
    assert "the local server has ended" in status(editor)
    assert np.flatnonzero(found(editor).any(axis=(1, 2))).tolist() == [5, 7]
    editor.deactivate()
