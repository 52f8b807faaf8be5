"""Segment Anything: one box, and the organ in all slices, on the exact grid of the volume.

The networks run in an environment of their own; this module starts a local server there.
For research. This is not a medical device.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import qt
import slicer
import slicer.util
from SegmentAnythingLib import environment
from SegmentAnythingLib.learning import Learned, learning
from SegmentAnythingLib.panel import Panel
from SegmentAnythingLib.prompts import AXIS_NAMES, SliceBox
from SegmentAnythingLib.steps import Progress, Step, silent
from SegmentAnythingLib.suite_client import Client, ServerError
from SegmentAnythingLib.volumes import SceneError
from SegmentAnythingLib.work import ReviewedSlice, VolumeWork
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

POLL_MS = 100
EFFECT = Path(__file__).parent / "SegmentAnythingEditor/SegmentEditorEffect.py"
"""In a folder of its own, whose name Slicer takes for that of its module."""


class SegmentAnything(ScriptedLoadableModule):
    """What Slicer's list of modules shows."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Segment Anything"
        parent.categories = ["Segmentation"]
        parent.dependencies = ["Segmentations", "Markups", "Volumes"]
        parent.contributors = ["sam-geomed maintainers"]
        parent.helpText = (
            "Draw one box (ROI) around an organ, or one on a slice, and follow it through the "
            "volume. Correct it by clicks, strokes, painting or a box. For research: this is not a "
            "medical device."
        )
        parent.acknowledgementText = "Segment Anything, MobileSAM, LiteMedSAM (Apache-2.0)."
        slicer.app.connect("startupCompleted()", register_effect)


def register_effect() -> None:
    """Make the effect known to Segment Editor, whose classes are there once Slicer has started."""
    import qSlicerSegmentationsEditorEffectsPythonQt as api  # noqa: N813, PLC0415  # see above

    effect = api.qSlicerSegmentEditorScriptedEffect(None)
    effect.setPythonSource(EFFECT.as_posix())
    effect.self().register()


class SegmentAnythingWidget(ScriptedLoadableModuleWidget):
    """The module's window: a panel, and a timer that looks for answers of the server."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.logic: SegmentAnythingLogic | None = None
        self.panel: Panel | None = None
        self.timer: Any = None

    def setup(self) -> None:
        """Build the window."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = SegmentAnythingLogic()
        self.panel = Panel(self.logic)
        self.layout.addWidget(self.panel.root)
        self.layout.addStretch(1)
        self.timer = qt.QTimer()
        self.timer.interval = POLL_MS
        self.timer.timeout.connect(self.panel.poll)
        self.timer.start()

    def cleanup(self) -> None:
        """Slicer ends, or the module is loaded anew: so does the server."""
        if self.timer is not None:
            self.timer.stop()
        if self.panel is not None:
            self.panel.close()
        if self.logic is not None:
            self.logic.close()


class SegmentAnythingLogic(ScriptedLoadableModuleLogic):
    """For scripts: everything here and now, without a window.

    Axes of slices are "k", "j", "i" (axial, coronal and sagittal in an axial scan) or array axes 0,
    1, 2. Voxels are (i, j, k) as Slicer shows them, boxes include their ends.
    """

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.environment: str | None = None
        """Folder of the suite's Python environment; as in the settings where not given."""
        self.serverVariables: dict[str, str] = {}
        """Environment variables for the server."""
        self.client: Client | None = None
        self.work: VolumeWork | None = None
        self.models: list[str] = []
        """Models of the server, tuned ones too, as it told when a volume was opened."""

    def opening(self, volumeNode: Any, **options: Any) -> Step:
        """The step that starts the server where it does not run, and opens a volume."""
        place = environment.stored() if self.environment is None else self.environment
        environment.find_command(place)
        prepared = VolumeWork.opening(lambda: self._started(place), volumeNode, **options)

        def ask(progress: Progress) -> Any:
            before, opened = self.work, prepared.ask(progress)
            self.models = [each["name"] for each in opened.session.client.models()]
            if before is not None and before.session.client is self.client:
                # it may have expired, and nothing depends on it
                with contextlib.suppress(ServerError):
                    before.session.close()
            return opened

        def apply(opened: Any) -> Any:
            self.work = prepared.apply(opened)
            return self.work.view.node

        return Step(ask, apply)

    def open(
        self,
        volumeNode: Any,
        model: str | None = None,
        modality: str | None = None,
        segmentationNode: Any = None,
    ) -> Any:
        """Start with a volume; gives the segmentation node that shows its objects.

        Args:
            volumeNode: vtkMRMLScalarVolumeNode.
            model: Name of a model: "lite_medsam" takes boxes, "mobile_sam" points too. Where not
                given that of the segmentation's edits, else "lite_medsam".
            modality: "CT", "MR" and so on; by the voxels where not given.
            segmentationNode: Add to this one, and go on with its edits where the scene has them
                and they were made with the same model; a new one where not given.
        """
        options = {"model": model, "modality": modality, "segmentation": segmentationNode}
        return self._run(self.opening(volumeNode, **options))

    def addSegment(self, name: str) -> str:
        """A new object; gives the ID of its segment."""
        return self._run(self.current.adding(name))

    def setBox(self, segmentId: str, roi: Any) -> None:
        """The 3-D box of an object: an ROI node, or voxels (i0, j0, k0, i1, j1, k1)."""
        self._run(self.current.boxing(segmentId, roi))

    def setSliceBox(self, segmentId: str, axis: Any, index: int, box: Any) -> None:
        """A box on a slice: voxels (x0, y0, x1, y1), x before y (i before j before k).

        After `propagate` it is a correction.
        """
        found = SliceBox(_axis(axis), int(index), tuple(int(v) for v in box))
        self._run(self.current.slice_boxing(segmentId, found))

    def setSliceBoxFromRoi(self, segmentId: str, roi: Any, axis: Any, index: int) -> None:
        """The same where an ROI node crosses a slice."""
        self._run(self.current.boxing_on_slice(segmentId, roi, _axis(axis), int(index)))

    def setSliceBoxFromLine(self, segmentId: str, line: Any) -> None:
        """The same with a line node as its diagonal."""
        self._run(self.current.boxing_by_line(segmentId, line))

    def addPoints(self, segmentId: str, fiducials: Any) -> None:
        """Points from a point list; those whose description is "background" are outside."""
        self._run(self.current.pointing(segmentId, fiducials))

    def correctBy(self, segmentId: str, markups: Any) -> None:
        """Correct by points (clicks), a curve (scribble), a closed curve (lasso) or a line.

        What is described as "background" is not in the segment. Any network will do.
        """
        self._run(self.current.marking(segmentId, markups))

    def notThis(self, segmentId: str, axis: Any, index: int) -> None:
        """Show the next best mask of a segment on a slice."""
        self._run(self.current.refusing(segmentId, _axis(axis), int(index)))

    def applyPainting(self, segmentId: str) -> None:
        """Take over slices that were painted in the segment; their neighbours follow."""
        self._run(self.current.painting(segmentId))

    def propagate(
        self, segmentId: str | None = None, method: str = "planes", progress: Progress = silent
    ) -> bool:
        """Follow an object, or all, through the volume; False where `progress` cancelled it."""
        return self._run(self.current.propagating(segmentId, method), progress)

    def rename(self, segmentId: str, name: str) -> None:
        """Another name, and its terminology."""
        self._run(self.current.renaming(segmentId, name))

    def remove(self, segmentId: str) -> None:
        """An object and its segment go."""
        self._run(self.current.removing(segmentId))

    def lock(self, segmentId: str) -> None:
        """Finish a segment: it keeps its voxels, whatever is found beside it."""
        self.current.lock(segmentId, locked=True)

    def unlock(self, segmentId: str) -> None:
        """A segment may be changed again."""
        self.current.lock(segmentId, locked=False)

    def isLocked(self, segmentId: str) -> bool:
        """Whether a segment keeps its voxels."""
        return self.current.view.is_locked(segmentId)

    def undo(self) -> None:
        """One edit back."""
        self._run(self.current.undoing())

    def redo(self) -> None:
        """One edit forth."""
        self._run(self.current.redoing())

    def review(self, segmentId: str) -> list[ReviewedSlice]:
        """The slices of a propagated object, the least certain first."""
        return self._run(self.current.reviewing(segmentId))

    def jumpTo(self, segmentId: str, reviewed: ReviewedSlice) -> tuple[float, float, float]:
        """Show a slice of the review in all slice views; gives its place in RAS mm."""
        return self.current.jump(segmentId, reviewed.axis, reviewed.index)

    def learn(
        self,
        name: str,
        segmentIds: Any = None,
        progress: Progress = silent,
        **options: Any,
    ) -> Learned | None:
        """Teach a network the segments as they are now; None where `progress` cancelled it.

        Args:
            name: Of the new model, which `open` then takes.
            segmentIds: Segments of the segmentation; all that have voxels where not given.
            progress: Called with steps done, steps in all and what they are.
            options: overwrite (a tuned model of the name is replaced), keep_anyway (a model that is
                not better, too), parts ("decoder", "encoder", "both"), epochs, patience, views,
                seed.
        """
        step = learning(self.current, name, segmentIds, **options)
        return self._run(step, progress)

    @property
    def current(self) -> VolumeWork:
        """The volume that was opened.

        Raises:
            SceneError: None was.
        """
        if self.work is None:
            raise SceneError("no volume is open: choose one and press 'Start'")
        return self.work

    def explain(self, error: Exception) -> str:
        """An error in words, with what to do."""
        lost = isinstance(error, ServerError) and error.status == 0 and self.client is not None
        if lost and not self.client.is_running:
            return f"the local server has ended ({error}): start again with the volume"
        return str(error)

    def close(self) -> None:
        """End the server; the segmentation stays."""
        client, self.client, self.work = self.client, None, None
        if client is not None:
            client.close()

    def _started(self, place: str) -> Client:
        """The server, started where it does not run; called beside the window."""
        if self.client is not None and not self.client.is_running:
            # of one that has ended, the pipes are left
            self.client.close()
            self.client = None
        if self.client is None:
            self.client = environment.start_server(place, self.serverVariables)
        return self.client

    def _run(self, step: Step, progress: Progress = silent) -> Any:
        try:
            return step.run(progress)
        except ServerError as error:
            told = self.explain(error)
            raise ServerError(told, status=error.status, kind=error.kind) from error


class SegmentAnythingTest(ScriptedLoadableModuleTest):
    """Slicer's own test of the module; needs an environment in the settings or on PATH."""

    def setUp(self) -> None:
        """An empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """All tests."""
        self.setUp()
        self.test_a_ball_is_found()

    def test_a_ball_is_found(self) -> None:
        """A bright ball on a turned grid, by one box."""
        k, j, i = np.ogrid[:14, :34, :36]
        ball = (2 * (k - 7)) ** 2 + (j - 16) ** 2 + (i - 18) ** 2 < 10**2
        voxels = np.where(ball, 200, 40).astype(np.int16)
        matrix = np.array([[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 2, 7], [0, 0, 0, 1.0]])
        volume = slicer.util.addVolumeFromArray(voxels, matrix, "ball")
        logic = SegmentAnythingLogic()
        try:
            segmentation = logic.open(volume, modality="MR")
            segment = logic.addSegment("cyst")
            logic.setBox(segment, (8, 6, 2, 28, 26, 12))
            logic.propagate(segment, method="litemedsam")
            found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume) > 0
        finally:
            logic.close()
        dice = 2 * np.count_nonzero(found & ball) / (found.sum() + ball.sum())
        if dice < 0.85:  # noqa: PLR2004  # what LiteMedSAM reaches easily
            raise AssertionError(f"the ball was found with Dice {dice:.3f}, expected 0.85 or more")
        self.delayDisplay(f"Test passed: Dice {dice:.3f}")


def _axis(axis: Any) -> int:
    """An array axis by its name or its number."""
    if axis in {0, 1, 2}:
        return int(axis)
    if isinstance(axis, str) and axis in set(AXIS_NAMES):
        return AXIS_NAMES.index(axis)
    raise SceneError(f"an axis is 'k', 'j' or 'i', got {axis!r}")
