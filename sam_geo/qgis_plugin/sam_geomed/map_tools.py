"""Map tool: clicks, dragged boxes and keys on the canvas become prompts.

left click       on the object            Z          undo
right click,     does not belong to it    Shift+Z    redo
or Ctrl+left                              Enter      accept
left drag        box                      Escape     clear
                                          Delete     the prompt under the pointer goes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsGeometry, QgsProject, QgsRectangle
from qgis.gui import QgsMapTool
from qgis.PyQt.QtCore import QPoint, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QApplication

from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from qgis.core import QgsCoordinateReferenceSystem
    from qgis.gui import QgsMapCanvas, QgsMapMouseEvent
    from qgis.PyQt.QtGui import QKeyEvent

NEAR_PX = 10
"""How near the pointer must be to a prompt to delete it."""


class PromptTool(QgsMapTool):
    """Tells what is asked, in the coordinates of a layer.

    Args:
        canvas: Where the clicks are.
        crs: Gives the layer's reference system as it is now; None where there is no layer.
    """

    clicked = pyqtSignal(object, bool)
    """Point, and whether it is on the object."""
    dragged = pyqtSignal(object)
    """The box so far; None when it is over."""
    drawn = pyqtSignal(object)
    """A whole box."""
    delete_near = pyqtSignal(object, float)
    """Point, and how far away a prompt may be."""
    undo = pyqtSignal()
    redo = pyqtSignal()
    clear = pyqtSignal()
    accept = pyqtSignal()
    unusable = pyqtSignal(str)
    """Why a place cannot be used."""

    def __init__(
        self, canvas: QgsMapCanvas, crs: Callable[[], QgsCoordinateReferenceSystem | None]
    ) -> None:
        super().__init__(canvas)
        self._crs = crs
        self._start: QPoint | None = None
        self._pointer = QPoint()
        self.setCursor(Qt.CursorShape.CrossCursor)

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        """The beginning of a click or a box."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = event.pos()

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:
        """The pointer moves; a box grows."""
        self._pointer = event.pos()
        if self._start is not None and self._is_drag(event.pos()):
            self.dragged.emit(self._box(event.pos()))

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:
        """The end of a click or a box."""
        start, end = self._start, event.pos()
        self._pointer = end
        is_left = event.button() == Qt.MouseButton.LeftButton
        if is_left and start is not None and self._is_drag(end):
            if (box := self._box(end)) is not None:
                self.drawn.emit(box)
        elif is_left or event.button() == Qt.MouseButton.RightButton:
            with_ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            if (point := self._placed(end)) is not None:
                self.clicked.emit(point.asPoint(), is_left and not with_ctrl)
        if is_left:
            self._cancel_drag()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the module's docstring."""
        key = event.key()
        if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.accept.emit()
        elif key == Qt.Key.Key_Escape:
            self._escape()
        elif key in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self._delete()
        elif key == Qt.Key.Key_Z and not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier:
            is_back = event.modifiers() == Qt.KeyboardModifier.NoModifier
            (self.undo if is_back else self.redo).emit()
        else:
            return
        # QGIS takes an accepted key for one that no tool wanted, and deletes selected features
        event.ignore()

    def deactivate(self) -> None:
        """Another tool was chosen."""
        self._cancel_drag()
        super().deactivate()

    def _escape(self) -> None:
        if self._start is not None:
            self._cancel_drag()
        else:
            self.clear.emit()

    def _delete(self) -> None:
        at = self._pointer
        here, there = self._placed(at), self._placed(at + QPoint(NEAR_PX, 0))
        if here is not None and there is not None:
            self.delete_near.emit(here.asPoint(), here.distance(there))

    def _cancel_drag(self) -> None:
        self._start = None
        self.dragged.emit(None)

    def _is_drag(self, end: QPoint) -> bool:
        start = self._start or end
        return (end - start).manhattanLength() >= QApplication.startDragDistance()

    def _box(self, end: QPoint) -> QgsRectangle | None:
        """Around the corners on the screen, along the layer's axes: what the network will get."""
        start = self._start or end
        corners = [start, QPoint(end.x(), start.y()), end, QPoint(start.x(), end.y())]
        points = [self._placed(corner) for corner in corners]
        if any(point is None for point in points):
            return None
        xs, ys = zip(*((p.asPoint().x(), p.asPoint().y()) for p in points if p is not None))
        return QgsRectangle(min(xs), min(ys), max(xs), max(ys))

    def _placed(self, at: QPoint) -> QgsGeometry | None:
        """A place on the screen in the layer's coordinates; None where that has none there."""
        crs = self._crs()
        if crs is None:
            self.unusable.emit(translate("SamGeomed", "Choose a raster layer first."))
            return None
        # not event.mapPoint(): that may be snapped to features
        place = QgsGeometry.fromPointXY(self.toMapCoordinates(at))
        settings = self.canvas().mapSettings()
        try:
            place.transform(
                QgsCoordinateTransform(settings.destinationCrs(), crs, QgsProject.instance())
            )
        except QgsCsException:
            self.unusable.emit(
                translate("SamGeomed", "This place does not exist in the layer's reference system.")
            )
            return None
        return place
