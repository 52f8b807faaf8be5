"""Segment Anything as an effect of Segment Editor: a box by a drag, points by clicks.

Slicer loads this file by its path, and takes the class from it by the name of the file. What is
asked goes through the module's window: one server, one queue, the same words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qSlicerSegmentationsEditorEffectsPythonQt
import qt
import slicer.util
import vtk
from SegmentAnythingLib.button import button
from SegmentAnythingLib.editor import EditorRequests, Selection
from SegmentAnythingLib.panel import (
    BOX_TAKEN,
    CANCEL,
    NOTICE,
    PAINTING_TAKEN,
    POINT_TAKEN,
    PROPAGATE,
)
from SegmentAnythingLib.prompts import Point, slice_box_of_corners, slice_of_view
from SegmentAnythingLib.rubber_band import RubberBand
from SegmentAnythingLib.steps import TOLD
from SegmentAnythingLib.work import TAKE_OVER
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect

if TYPE_CHECKING:
    from collections.abc import Callable

    from SegmentAnythingLib.panel import Panel

NAME = "Segment Anything"
ICON = Path(__file__).parents[1] / "Resources/Icons/SegmentAnything.png"
HELP = f"""<html>Find the selected segment in the source volume.<br>
<ul style="margin: 0">
<li><b>Left-button drag on a slice:</b> a box around it there.
<li><b>Left-click:</b> it is here. <b>Ctrl + left-click:</b> it is not here. Before {PROPAGATE} only
models that take points do this; after it, it corrects the segment with any model.
<li><b>{PROPAGATE}:</b> follow it through the volume.
</ul>{NOTICE}</html>"""
SHOW_MS = 100
"""Milliseconds between two looks at how far the module's queue is."""
CLICK_PX = 4
"""Pixels that the mouse may move in a click."""


@dataclass(frozen=True)
class Drag:
    """A left button that is held."""

    view: Any
    """Widget of the slice view."""
    start: tuple[int, int]
    """Pixels of the view."""
    is_inside: bool
    """Whether a click means the segment; the background otherwise."""
    band: RubberBand
    """Its rectangle."""


class SegmentEditorEffect(AbstractScriptedSegmentEditorEffect):
    """The effect; what Slicer calls has Slicer's names."""

    def __init__(self, scriptedEffect: Any) -> None:
        scriptedEffect.name = NAME
        scriptedEffect.perSegment = True
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        self.requests: EditorRequests | None = None
        """None until the effect is activated first."""
        self.drag: Drag | None = None
        self._followed: Any = None
        self._timer = qt.QTimer()
        self._timer.interval = SHOW_MS
        self._timer.timeout.connect(self.show)

    def clone(self) -> Any:
        """Another one, as each editor has its own."""
        api = qSlicerSegmentationsEditorEffectsPythonQt
        cloned = api.qSlicerSegmentEditorScriptedEffect(None)
        cloned.setPythonSource(Path(__file__).as_posix())
        return cloned

    def icon(self) -> Any:
        """The module's."""
        return qt.QIcon(str(ICON))

    def helpText(self) -> str:
        """What the mouse does."""
        return HELP

    def setupOptionsFrame(self) -> None:
        """Build the widgets under the row of effects."""
        self.model = qt.QComboBox()
        self.bar = qt.QProgressBar()
        self.status = qt.QLabel()
        self.status.wordWrap = True
        self.propagate_button = button(PROPAGATE, self.propagate)
        self.cancel_button = button(CANCEL, self.cancel)
        self.paint_button = button(TAKE_OVER, self.take_over)
        self.scriptedEffect.addLabeledOptionsWidget("Model", self.model)
        for widget in (
            self.propagate_button, self.bar, self.cancel_button, self.paint_button, self.status
        ):  # fmt: skip
            self.scriptedEffect.addOptionsWidget(widget)

    @property
    def panel(self) -> Panel | None:
        """The module's window; None until the effect is activated first."""
        return None if self.requests is None else self.requests.panel

    def activate(self) -> None:
        """The effect was chosen: nothing is asked yet, and no server started."""
        # this builds the module's window where nobody has opened it
        window = slicer.util.getModuleWidget("SegmentAnything")
        self.requests = EditorRequests(self.scriptedEffect, window.panel)
        self._follow_segmentation()
        self._timer.start()
        self.show()

    def deactivate(self) -> None:
        """Another effect was chosen; what was asked goes on."""
        self._drop()
        self._timer.stop()

    def cleanup(self) -> None:
        """The effect is deleted."""
        self.deactivate()

    def sourceVolumeNodeChanged(self) -> None:
        """Another source volume: what is asked next is asked on that one."""
        self._drop()

    def updateGUIFromMRML(self) -> None:
        """The parameters of Segment Editor changed."""
        if not self._timer.active:
            return
        node = self.scriptedEffect.parameterSetNode().GetSegmentationNode()
        if node is not self._followed:
            self._follow_segmentation()

    def processInteractionEvents(
        self, callerInteractor: Any, eventId: int, viewWidget: Any
    ) -> bool:
        """The mouse in a view; gives whether nobody else may have the event."""
        if self.panel is None or viewWidget.className() != "qMRMLSliceWidget":
            return False
        at = tuple(callerInteractor.GetEventPosition())
        if eventId == vtk.vtkCommand.LeftButtonPressEvent:
            # with these Slicer moves the view
            if callerInteractor.GetShiftKey() or callerInteractor.GetAltKey():
                return False
            self._press(viewWidget, at, is_inside=not callerInteractor.GetControlKey())
            return True
        if self.drag is None or viewWidget != self.drag.view:
            return False
        if eventId == vtk.vtkCommand.MouseMoveEvent:
            self.drag.band.stretch(self.drag.start, at)
        elif eventId == vtk.vtkCommand.LeftButtonReleaseEvent:
            self._release(self.drag, at)
        else:
            return False
        return True

    def processViewNodeEvents(self, _callerViewNode: Any, _eventId: int, viewWidget: Any) -> None:
        """A view was moved: its pixels are other places now."""
        if self.drag is not None and viewWidget == self.drag.view:
            self._drop()

    def propagate(self) -> None:
        """Follow the selected segment through the volume."""
        self._ask(lambda work, one: work.propagating(one), "", self.panel.propagated)

    def take_over(self) -> None:
        """What was painted in the selected segment."""
        self._ask(lambda work, one: work.painting(one), PAINTING_TAKEN, of_painting=True)

    def cancel(self) -> None:
        """Stop what runs."""
        self.panel.worker.cancel()

    def show(self) -> None:
        """Show how far the module's queue is; called by a timer."""
        panel = self.panel
        self.bar.maximum, self.bar.value = panel.bar.maximum, panel.bar.value
        self.status.text = panel.status.text
        is_busy = panel.worker.is_busy
        self.cancel_button.enabled = is_busy
        self.propagate_button.enabled = self.paint_button.enabled = not is_busy

    def _follow_segmentation(self) -> None:
        """Offer the models of the module's window, where that of the segmentation is chosen."""
        node, panel = self.scriptedEffect.parameterSetNode().GetSegmentationNode(), self.panel
        if node is not None:
            panel.segmentation.choose(node)
            panel.poll()
        self._followed = node
        self.model.clear()
        for name in panel.models:
            self.model.addItem(name)
        self.model.currentIndex = panel.model.currentIndex

    def _press(self, view: Any, at: tuple[int, int], *, is_inside: bool) -> None:
        self._drop()
        if self.panel.worker.is_busy:
            return
        sure = self.scriptedEffect.confirmCurrentSegmentVisible()
        # a question that was asked has taken the mouse away
        if sure == self.scriptedEffect.ConfirmedWithoutDialog:
            self.drag = Drag(view, at, is_inside, RubberBand(self.scriptedEffect, view))

    def _release(self, drag: Drag, at: tuple[int, int]) -> None:
        self._drop()
        is_click = math.dist(drag.start, at) < CLICK_PX
        if not is_click and not drag.is_inside:
            return
        try:
            # now, because the view may show another slice before the server is there
            image = Selection.of(self.scriptedEffect.parameterSetNode()).image()
            place = slice_of_view(self.scriptedEffect.viewNode(drag.view), image)
            corners = [self.xyToRas(one, drag.view) for one in (drag.start, at)]
            box = slice_box_of_corners(corners, image, *place)
        except TOLD as error:
            self.panel.tell(error)
            self.show()
            return
        if not is_click:
            self._ask(lambda work, one: work.slice_boxing(one, box), BOX_TAKEN)
            return
        (ijk,) = image.to_index(corners[:1])
        point = Point(tuple(float(v) for v in ijk), drag.is_inside)
        self._ask(lambda work, one: work.clicking(one, point), POINT_TAKEN)

    def _ask(self, make: Callable[..., Any], told: str, *then: Any, **options: Any) -> None:
        panel = self.panel
        panel.model.currentIndex = panel.model.findText(self.model.currentText)
        self.requests.ask(make, told, *then, **options)
        self.show()

    def _drop(self) -> None:
        """Forget a drag, and take its rectangle away."""
        if self.drag is not None:
            self.drag.band.remove()
        self.drag = None
