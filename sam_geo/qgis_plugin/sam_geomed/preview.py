"""Preview: the object that is worked on and its prompts, drawn over the map.

Everything is kept in the layer's coordinates and projected anew when the project's reference system
changes; the canvas itself takes care of zoom and rotation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.core import QgsCoordinateTransform, QgsGeometry, QgsProject, QgsWkbTypes
from qgis.gui import QgsRubberBand, QgsVertexMarker
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor

if TYPE_CHECKING:
    from qgis.core import QgsCoordinateReferenceSystem, QgsPointXY
    from qgis.gui import QgsMapCanvas

    from .layer_session import Outline

FILL = QColor(255, 165, 0, 70)
EDGE = QColor(255, 120, 0)
BOX = QColor(30, 130, 255)
POSITIVE = QColor(30, 170, 70)
NEGATIVE = QColor(215, 40, 40)
HALO = QColor(255, 255, 255, 200)


class Preview:
    """Items of a canvas; `remove` them before the canvas goes."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas
        self._outline: Outline | None = None
        self._crs: QgsCoordinateReferenceSystem | None = None
        self._mask = self._band(EDGE, FILL, 2)
        self._box = self._band(BOX, QColor(0, 0, 0, 0), 2)
        self._drag = self._band(BOX, QColor(30, 130, 255, 30), 1)
        self._drag.setLineStyle(Qt.PenStyle.DashLine)
        self._markers: list[QgsVertexMarker] = []
        canvas.destinationCrsChanged.connect(self._draw)

    @property
    def geometry(self) -> QgsGeometry:
        """The mask as it is drawn, in the map's coordinates."""
        return self._mask.asGeometry()

    def show(self, outline: Outline, crs: QgsCoordinateReferenceSystem) -> None:
        """Draw an object of a layer in some reference system."""
        self._outline, self._crs = outline, crs
        self._draw()

    def show_drag(self, box: QgsGeometry | None, crs: QgsCoordinateReferenceSystem) -> None:
        """The box that is being dragged; None where none is."""
        self._put(self._drag, box, self._transform(crs))

    def remove(self) -> None:
        """Take everything off the canvas."""
        self._canvas.destinationCrsChanged.disconnect(self._draw)
        for item in (self._mask, self._box, self._drag, *self._markers):
            self._canvas.scene().removeItem(item)
        self._markers.clear()

    def _draw(self) -> None:
        for marker in self._markers:
            self._canvas.scene().removeItem(marker)
        self._markers.clear()
        if self._outline is None or self._crs is None:
            return
        transform = self._transform(self._crs)
        self._put(self._mask, self._outline.geometry, transform)
        self._put(self._box, self._outline.box, transform)
        for point, is_positive in self._outline.points:
            at = QgsGeometry.fromPointXY(point)
            at.transform(transform)
            self._mark(at.asPoint(), is_positive=is_positive)

    def _mark(self, point: QgsPointXY, *, is_positive: bool) -> None:
        # a cross on a disc: seen on bright and on dark images, and without colours too
        for icon, size, width, colour in (
            (QgsVertexMarker.IconType.ICON_CIRCLE, 12, 3, HALO),
            (QgsVertexMarker.IconType.ICON_CIRCLE, 10, 2, POSITIVE if is_positive else NEGATIVE),
            (
                QgsVertexMarker.IconType.ICON_CROSS
                if is_positive
                else QgsVertexMarker.IconType.ICON_X,
                6,
                2,
                POSITIVE if is_positive else NEGATIVE,
            ),
        ):
            marker = QgsVertexMarker(self._canvas)
            marker.setIconType(icon)
            marker.setIconSize(size)
            marker.setPenWidth(width)
            marker.setColor(colour)
            marker.setCenter(point)
            self._markers.append(marker)

    def _put(
        self, band: QgsRubberBand, shape: QgsGeometry | None, transform: QgsCoordinateTransform
    ) -> None:
        band.reset(QgsWkbTypes.PolygonGeometry)
        if shape is None:
            return
        moved = QgsGeometry(shape)
        moved.transform(transform)
        band.setToGeometry(moved, None)

    def _band(self, edge: QColor, fill: QColor, width: int) -> QgsRubberBand:
        band = QgsRubberBand(self._canvas, QgsWkbTypes.PolygonGeometry)
        band.setStrokeColor(edge)
        band.setFillColor(fill)
        band.setWidth(width)
        return band

    def _transform(self, crs: QgsCoordinateReferenceSystem) -> QgsCoordinateTransform:
        to = self._canvas.mapSettings().destinationCrs()
        return QgsCoordinateTransform(crs, to, QgsProject.instance())
