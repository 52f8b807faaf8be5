"""Panel: the window of the module, in plain Qt.

What takes time runs in a `Worker`; `poll`, which a timer calls, shows how far it is and applies its
answer. Choosers follow the scene at the same pace.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import qt
import slicer

from . import environment
from .button import button
from .chooser import NodeChooser
from .installing import Installing
from .learning import Learning
from .opened import model_of
from .prompts import AXIS_NAMES, slice_of_view
from .record import SceneRecord
from .steps import TOLD, Step, Worker
from .work import TAKE_OVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from .work import ReviewedSlice

MODELS = ("lite_medsam", "mobile_sam", "medsam", "sam_vit_b", "sam_vit_l", "sam_vit_h")
MODALITIES = ("by the voxels", "CT", "MR", "PT", "US")
LOCK_MARK = " (locked)"
RED = "vtkMRMLSliceNodeRed"
PROPAGATE, CANCEL = "Propagate", "Cancel"
BOX_TAKEN, POINT_TAKEN = "The box on the slice was taken.", "The points were taken."
PAINTING_TAKEN = "The painting was taken."
NOTICE = "For research. This is not a medical device."


class Panel:
    """All widgets, and what they do.

    Args:
        logic: `SegmentAnythingLogic`.
    """

    def __init__(self, logic: Any) -> None:
        self.logic = logic
        self.worker = Worker()
        self.reviewed: list[ReviewedSlice] = []
        self.volume = NodeChooser("vtkMRMLScalarVolumeNode")
        self.segmentation = NodeChooser("vtkMRMLSegmentationNode", none="a new one")
        self.roi = NodeChooser("vtkMRMLMarkupsROINode")
        self.line = NodeChooser("vtkMRMLMarkupsLineNode")
        self.points = NodeChooser("vtkMRMLMarkupsFiducialNode")
        self.curve = NodeChooser("vtkMRMLMarkupsCurveNode")
        self.outline = NodeChooser("vtkMRMLMarkupsClosedCurveNode")
        self._choosers = (
            self.volume, self.segmentation, self.roi, self.line, self.points, self.curve,
            self.outline,
        )  # fmt: skip
        self.environment = qt.QLineEdit()
        self.environment.text = environment.stored()
        self.environment.toolTip = (
            "Folder of a Python environment; empty: the one that this module made"
        )
        self.model, self.modality = _choices(MODELS), _choices(MODALITIES)
        self.name = qt.QLineEdit()
        self.segments, self.slices = qt.QListWidget(), qt.QListWidget()
        self.bar = qt.QProgressBar()
        self.status = qt.QLabel()
        self.status.wordWrap = True
        self.learning = Learning(logic, self.use_model)
        self.installing = Installing(logic.close)
        self._segment_ids: list[str] = []
        self._followed: Any = None
        self._busy: list[Any] = []
        self.root = qt.QWidget()
        self._build()
        self.refresh()

    def poll(self) -> None:
        """Called by a timer."""
        for chooser in self._choosers:
            chooser.refresh()
        self._follow_segmentation()
        self.learning.poll()
        self.installing.poll()
        self.worker.poll()
        if self.worker.is_busy:
            done, total, what = self.worker.progress
            # a bar without an end moves by itself
            self.bar.maximum, self.bar.value = total, done
            self.status.text = f"{what} {done} of {total}" if total else "working …"
        self.cancel.enabled = self.worker.is_busy
        for each in self._busy:
            each.enabled = not self.worker.is_busy

    def close(self) -> None:
        """Nobody looks any more."""
        self.worker.close()
        self.learning.close()
        self.installing.close()

    def refresh(self) -> None:
        """Show the segments of the volume that is open, and the models of the server."""
        self._offer_models(self.logic.models)
        work = self.logic.work
        chosen = self.segment_id
        ids = [] if work is None else work.segment_ids
        self._segment_ids = ids
        self.segments.clear()
        for one in ids:
            mark = LOCK_MARK if work.view.is_locked(one) else ""
            self.segments.addItem(work.view.name(one) + mark)
        if ids:
            self.segments.currentRow = ids.index(chosen) if chosen in ids else len(ids) - 1
        self.poll()

    @property
    def segment_id(self) -> str:
        """The segment that is chosen; empty where none is."""
        row = self.segments.currentRow
        return self._segment_ids[row] if 0 <= row < len(self._segment_ids) else ""

    def start(self) -> None:
        """Open the volume that is chosen, and go on with the segmentation that is."""
        told = "Name a segment and press 'Add'."
        self.open(self.volume.node, self.segmentation.node, told)

    def open(
        self,
        volume: Any,
        segmentation: Any,
        told: str = "",
        then: Callable[[Any], None] | None = None,
    ) -> None:
        """Open a volume with the model and the modality that are chosen.

        Args:
            volume: vtkMRMLScalarVolumeNode.
            segmentation: vtkMRMLSegmentationNode to go on with; None for a new one.
            told: What to say then.
            then: Called with the segmentation node.
        """
        environment.store(self.environment.text)
        at = self.modality.currentIndex

        def opened(node: Any) -> None:
            # where the server is lost, the next start goes on with it
            self.segmentation.choose(node)
            if then is not None:
                then(node)

        self.run(
            lambda: self.logic.opening(
                volume,
                model=self.model.currentText,
                modality=MODALITIES[at] if at else None,
                segmentation=segmentation,
            ),
            told,
            opened,
        )

    def choose(self, segment_id: str) -> None:
        """Choose a segment of the volume that is open."""
        if segment_id in self._segment_ids:
            self.segments.currentRow = self._segment_ids.index(segment_id)

    @property
    def models(self) -> list[str]:
        """Names of the models that are offered."""
        return [self.model.itemText(n) for n in range(self.model.count)]

    def use_model(self, name: str) -> None:
        """Choose a model that was taught; 'Start' opens the volume with it."""
        self._offer_models([name])
        self.model.currentIndex = self.model.findText(name)
        self.status.text = f"{name} is chosen: press 'Start' to segment with it."

    def _follow_segmentation(self) -> None:
        """Choose the model of the segmentation that was chosen just now, where the scene has it."""
        node = self.segmentation.node
        if node is self._followed:
            return
        self._followed = node
        record = None if node is None else SceneRecord.find(node)
        if record is not None and record.log is not None:
            self._offer_models([model_of(record.log)])
            self.model.currentIndex = self.model.findText(model_of(record.log))

    def _offer_models(self, names: list[str]) -> None:
        for name in names:
            if self.model.findText(name) < 0:
                self.model.addItem(name)

    def add(self) -> None:
        """A new segment."""

        def then(segment_id: str) -> None:
            self.refresh()
            self.choose(segment_id)

        told = "Draw an ROI around it, or a line across it on a slice."
        self.run(lambda: self.logic.current.adding(self.name.text), told, then)

    def remove(self) -> None:
        """The segment goes; 'Undo' brings it back."""
        self.run(
            lambda: self.logic.current.removing(self.segment_id), "Removed.", self._forget_review
        )

    def lock(self) -> None:
        """The segment keeps its voxels, or does so no longer."""
        try:
            work, chosen = self.logic.current, self.segment_id
            work.lock(chosen, locked=not (chosen and work.view.is_locked(chosen)))
        except TOLD as error:
            self.tell(error)
            return
        self.refresh()
        told = "Locked: it keeps its voxels." if work.view.is_locked(chosen) else "Unlocked."
        self.status.text = told

    def box(self) -> None:
        """The 3-D box of the segment, from the ROI."""
        self.run(
            lambda: self.logic.current.boxing(self.segment_id, self.roi.node),
            "Press 'Propagate' to follow it through the volume.",
        )

    def slice_box(self) -> None:
        """A box on the slice of the red view, from the ROI."""

        def make() -> Step:
            work = self.logic.current
            view = slicer.mrmlScene.GetNodeByID(RED)
            return work.boxing_on_slice(
                self.segment_id, self.roi.node, *slice_of_view(view, work.image)
            )

        self.run(make, BOX_TAKEN)

    def line_box(self) -> None:
        """A box on a slice, from the line."""
        self.run(
            lambda: self.logic.current.boxing_by_line(self.segment_id, self.line.node),
            BOX_TAKEN,
        )

    def point(self) -> None:
        """Points in the segment."""
        self.run(
            lambda: self.logic.current.pointing(self.segment_id, self.points.node),
            POINT_TAKEN,
        )

    def correct_by(self, chooser: NodeChooser) -> None:
        """A correction by the markups that a chooser shows."""
        self.run(
            lambda: self.logic.current.marking(self.segment_id, chooser.node),
            "The correction was taken.",
        )

    def not_this(self) -> None:
        """Another mask on the slice of the red view."""

        def make() -> Step:
            work = self.logic.current
            view = slicer.mrmlScene.GetNodeByID(RED)
            return work.refusing(self.segment_id, *slice_of_view(view, work.image))

        self.run(make, "The next best mask is shown.")

    def paint(self) -> None:
        """What was painted in the segment."""
        self.run(lambda: self.logic.current.painting(self.segment_id), PAINTING_TAKEN)

    def propagate(self) -> None:
        """Follow the segment through the volume."""
        self.run(lambda: self.logic.current.propagating(self.segment_id), "", self.propagated)

    def propagated(self, finished: Any) -> None:
        """Say what came of it, and list the slices of the segment that is chosen."""
        self.status.text = "Look at the doubtful slices." if finished else "Cancelled."
        if finished:
            self.review()

    def undo(self) -> None:
        """One edit back."""
        # there may be no work yet, which `run` tells
        step = lambda: self.logic.current.undoing()  # noqa: E731, PLW0108  # for that reason
        self.run(step, "Undone.", self._forget_review)

    def redo(self) -> None:
        """One edit forth."""
        # there may be no work yet, which `run` tells
        step = lambda: self.logic.current.redoing()  # noqa: E731, PLW0108  # for that reason
        self.run(step, "Done again.", self._forget_review)

    def review(self) -> None:
        """List the slices of the segment, worst first."""

        def then(rows: list[ReviewedSlice]) -> None:
            self.reviewed = rows
            self.slices.clear()
            for row in rows:
                why = "; ".join(row.reasons)
                if row.at_least is not None:
                    why = f"Dice at least {row.at_least:.2f} (90 %)   {why}"
                self.slices.addItem(
                    f"{row.confidence:.2f}   {AXIS_NAMES[row.axis]} = {row.index}   {why}"
                )

        self.run(
            lambda: self.logic.current.reviewing(self.segment_id),
            "The slices are listed, the least certain first.",
            then,
        )

    def jump(self, row: int) -> None:
        """Show a slice of the review in the slice views."""
        if not 0 <= row < len(self.reviewed):
            return
        try:
            self.logic.jumpTo(self.segment_id, self.reviewed[row])
        except TOLD as error:
            self.tell(error)

    def _forget_review(self, _answer: Any) -> None:
        self.reviewed = []
        self.slices.clear()

    def run(
        self,
        make: Callable[[], Step | None],
        told: str,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        """Start a step beside the window; whatever is wrong with it is shown.

        Args:
            make: Makes the step, or gives None where there is nothing to do.
            told: What to say when it is done.
            then: Called with what the step gave.
        """

        def ended(answer: Any, error: Exception | None) -> None:
            self.bar.maximum, self.bar.value = 1, 0
            if error is not None:
                self.tell(error)
                return
            self.refresh()
            work = self.logic.work
            self.status.text = " ".join(t for t in (told, work.note if work else "") if t)
            if then is not None:
                then(answer)

        try:
            step = make()
            if step is None:
                if then is not None:
                    then(None)
                return
            self.worker.start(step, ended)
        except TOLD as error:
            self.tell(error)
        self.poll()

    def tell(self, error: Exception) -> None:
        """Show what is wrong."""
        if not isinstance(error, TOLD):
            logging.getLogger(__name__).error("unexpected", exc_info=error)
        self.status.text = self.logic.explain(error)

    def _build(self) -> None:
        rows = qt.QVBoxLayout(self.root)
        _add_form(
            rows, "Volume",
            (("Environment", self.environment), ("Volume", self.volume.box),
             ("Segmentation", self.segmentation.box),
             ("Model", self.model), ("Modality", self.modality),
             ("", self._button("Start", self.start))),
        )  # fmt: skip
        _add_form(
            rows, "Segment",
            (("Name", self.name), ("", self._button("Add", self.add)), ("", self.segments),
             ("", self._button("Lock / unlock", self.lock)),
             ("", self._button("Remove", self.remove))),
        )  # fmt: skip
        _add_form(
            rows, "Prompts, and corrections after 'Propagate'",
            (("ROI", self.roi.box), ("", self._button("3-D box from the ROI", self.box)),
             ("", self._button("Box on the red slice from the ROI", self.slice_box)),
             ("Line", self.line.box),
             ("", self._button("Box on a slice from the line", self.line_box)),
             ("Points", self.points.box), ("", self._button("Points", self.point)),
             ("", self._button(TAKE_OVER, self.paint))),
        )  # fmt: skip
        _add_form(
            rows, "Corrections on any slice, after 'Propagate'",
            (("", self._button("Clicks from the points", lambda: self.correct_by(self.points))),
             ("Curve", self.curve.box),
             ("", self._button("Scribble from the curve", lambda: self.correct_by(self.curve))),
             ("Closed curve", self.outline.box),
             ("", self._button("Lasso from it", lambda: self.correct_by(self.outline))),
             ("", self._button("Long axis from the line", lambda: self.correct_by(self.line))),
             ("", self._button("Not this (red slice)", self.not_this))),
        )  # fmt: skip
        self.cancel = button(CANCEL, self.worker.cancel)
        _add_form(
            rows, "Whole organ",
            (("", self._button(PROPAGATE, self.propagate)), ("", self.bar), ("", self.cancel),
             ("", self._button("Undo", self.undo)), ("", self._button("Redo", self.redo))),
        )  # fmt: skip
        self.slices.currentRowChanged.connect(self.jump)
        _add_form(
            rows, "Review, worst first",
            (("", self._button("List", self.review)), ("", self.slices)),
        )  # fmt: skip
        _add_form(rows, "Teach a network", self.learning.rows)
        _add_form(rows, "Installation", self.installing.rows)
        rows.addWidget(self.status)
        rows.addWidget(qt.QLabel(NOTICE))

    def _button(self, text: str, slot: Callable[[], None]) -> Any:
        made = button(text, slot)
        self._busy.append(made)
        return made


def _choices(texts: tuple[str, ...]) -> Any:
    box = qt.QComboBox()
    for text in texts:
        box.addItem(text)
    return box


def _add_form(rows: Any, title: str, fields: tuple[tuple[str, Any], ...]) -> None:
    group = qt.QGroupBox(title)
    form = qt.QFormLayout(group)
    for label, widget in fields:
        form.addRow(label, widget)
    rows.addWidget(group)
