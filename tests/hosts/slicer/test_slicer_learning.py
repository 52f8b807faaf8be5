"""Teaching a network the segments of the scene; server, network and figures are real."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
import slicer.util
from oracle import SUITE, VARIABLES
from SegmentAnything import POLL_MS, SegmentAnythingWidget
from SegmentAnythingLib import environment
from SegmentAnythingLib.suite_client import ServerError
from SegmentAnythingLib.volumes import SceneError

QUICK = {"epochs": 1, "patience": 1, "views": 1}


@pytest.fixture
def name():
    """A name of a model that nobody has, and that nobody has afterwards."""
    return f"slicer-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def tubes():
    """A volume in the scene, and two tubes through 22 of its slices."""
    j, i = np.ogrid[:40, :48]
    masks = []
    for row, col in ((14, 14), (24, 32)):
        mask = np.zeros((24, 40, 48), bool)
        mask[1:23] = (j - row) ** 2 + (i - col) ** 2 < 9**2
        masks.append(mask)
    voxels = np.random.default_rng(0).integers(0, 20, masks[0].shape)
    voxels = (voxels + 150 * (masks[0] | masks[1])).astype(np.int16)
    return slicer.util.addVolumeFromArray(voxels, np.diag([1.0, 1, 2, 1]), "tubes"), masks


def paint(logic, mask, segment_id):
    view = logic.work.view
    array = mask.astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, view.node, segment_id, view.image.node)


@pytest.fixture
def painted(logic, tubes):
    """The volume is open, and both tubes are painted: one of the module, one of another."""
    volume, masks = tubes
    logic.open(volume, modality="MR")
    mine = logic.addSegment("left kidney")
    other = logic.work.view.node.GetSegmentation().AddEmptySegment("drawn", "drawn")
    for mask, one in zip(masks, (mine, other), strict=True):
        paint(logic, mask, one)
    return logic, mine, other


def test_segments_are_taught_and_only_what_is_better_makes_a_model(painted, client, name):
    logic, _mine, _other = painted
    told = []
    learned = logic.learn(name, progress=lambda *step: told.append(step), **QUICK)
    is_better = learned.summary["verdict"]["is_better"]
    assert learned.model == (name if is_better else None)
    known = {each["name"] for each in client.models()}
    if learned.path is not None:
        Path(learned.path).unlink()
    assert (name in known) == is_better
    counts = learned.summary["data"]["objects"]
    # slices of both, also of the one that the module did not make
    assert sum(counts.values()) > 30
    boxes = learned.summary["figures"]["boxes"]
    assert learned.lines[0].startswith(f"{counts['learn']} slices of objects were learned")
    assert f"{boxes['before']:.3f} before, {boxes['after']:.3f} after" in learned.lines[1]
    assert learned.lines[-1] == learned.summary["verdict"]["text"]
    assert any(what == "epochs" for _, _, what in told)


def test_some_segments_alone_are_taught_and_too_few_slices_are_told(painted):
    logic, mine, other = painted
    masks = logic.work.view.masks([mine])
    assert list(masks) == ["left kidney"]
    assert masks["left kidney"].window == ((1, 6, 6), (23, 23, 23))
    assert list(logic.work.view.masks()) == ["left kidney", "drawn"]
    logic.work.view.node.GetSegmentation().GetSegment(other).SetName("left kidney")
    assert list(logic.work.view.masks()) == ["left kidney", f"left kidney ({other})"]
    thin = np.zeros(logic.work.image.shape, bool)
    thin[4:7, 5:20, 5:20] = True
    paint(logic, thin, mine)
    with pytest.raises(ServerError, match="too few objects"):
        logic.learn("thin", [mine], **QUICK)


def test_what_cannot_be_taught_is_told(logic, tubes):
    logic.open(tubes[0], modality="MR")
    with pytest.raises(SceneError, match=r"^no segment to learn from"):
        logic.learn("liver-2")
    segment = logic.addSegment("liver")
    with pytest.raises(SceneError, match=r"^no segment to learn from"):
        logic.learn("liver-2")
    paint(logic, tubes[1][0], segment)
    with pytest.raises(SceneError, match=r"^a model needs a name"):
        logic.learn(" ")
    with pytest.raises(ServerError, match='"lite_medsam" is a published model'):
        logic.learn("lite_medsam")


@pytest.fixture
def widget(client):
    window = qt.QWidget()
    qt.QVBoxLayout(window)
    environment.store(str(SUITE))
    made = SegmentAnythingWidget(window)
    made.setup()
    made.logic.serverVariables, made.logic.client = VARIABLES, client
    yield made
    # the server is the session's
    made.logic.client = None
    made.cleanup()
    environment.store("")


def wait(worker):
    """Let Qt, and so the timer of the module, run until a worker has its answer."""
    loop = qt.QEventLoop()
    check = qt.QTimer()
    check.interval = POLL_MS // 2
    check.timeout.connect(lambda: None if worker.is_busy else loop.quit())
    check.start()
    loop.exec()
    check.stop()


def test_a_user_teaches_goes_on_working_and_takes_the_new_model(widget, tubes, name):
    panel, learning = widget.panel, widget.panel.learning
    learning.learn.click()
    assert learning.state.text == "no volume is open: choose one and press 'Start'"
    panel.poll()
    panel.start()
    wait(panel.worker)
    for mask, label in zip(tubes[1], ("one", "two"), strict=True):
        panel.name.text = label
        panel.add()
        wait(panel.worker)
        paint(widget.logic, mask, panel.segment_id)
    learning.name.text, learning.options = name, {"keep_anyway": True, **QUICK}
    learning.which.currentIndex = 1
    learning.learn.click()
    assert learning.state.text.startswith("no segment to learn from")
    learning.which.currentIndex = 0
    assert learning.use.enabled is False
    learning.learn.click()
    assert learning.worker.is_busy
    assert (learning.learn.enabled, learning.cancel.enabled) == (False, True)
    # the rest of the window goes on, and its job does not wait for the training
    panel.lock()
    assert panel.status.text == "Locked: it keeps its voxels."
    panel.name.text = "three"
    panel.add()
    wait(panel.worker)
    assert panel.segments.count == 3
    wait(learning.worker)
    assert learning.learned.model == name, learning.state.text
    try:
        assert learning.state.text.splitlines()[-1] == f"The new model is {name}."
        assert "mean IoU by box:" in learning.state.text
        learning.use.click()
        assert panel.model.currentText == name
        assert panel.status.text == f"{name} is chosen: press 'Start' to segment with it."
        # beside the segments that are there, not in their place
        assert panel.segmentation.node is widget.logic.work.view.node
        panel.start()
        wait(panel.worker)
        assert widget.logic.work.session.model == name
        assert panel.status.text.endswith("made with lite_medsam stay as they are.")
    finally:
        Path(learning.learned.path).unlink()


def test_a_training_is_cancelled(widget, tubes, name):
    panel, learning = widget.panel, widget.panel.learning
    panel.poll()
    panel.start()
    wait(panel.worker)
    for mask, label in zip(tubes[1], ("one", "two"), strict=True):
        panel.name.text = label
        panel.add()
        wait(panel.worker)
        paint(widget.logic, mask, panel.segment_id)
    learning.name.text, learning.options = name, {"epochs": 100_000, "patience": 100_000}
    learning.learn.click()
    learning.cancel.click()
    wait(learning.worker)
    assert learning.state.text == "Cancelled: nothing was learned."
    assert learning.learned is None
    assert learning.learn.enabled is True
