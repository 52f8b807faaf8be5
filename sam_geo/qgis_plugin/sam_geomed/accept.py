"""Accept: an outline becomes a feature of a polygon layer, which may be made for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qgis.core import (
    NULL,
    QgsCoordinateTransform,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsProject,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QDateTime, QVariant

from .outline_style import draw_outlines
from .translation import translate

if TYPE_CHECKING:
    from qgis.core import QgsCoordinateReferenceSystem

    from .layer_session import Outline

TABLE = "objects"
"""Name of the table in a GeoPackage that is made here."""


class AcceptError(Exception):
    """A feature could not be saved; the message says what to do."""


def fields() -> QgsFields:
    """Columns of a layer that is made here; of another one, those that it has are filled."""
    made = QgsFields()
    made.append(QgsField("class", QVariant.String))
    made.append(QgsField("score", QVariant.Double))
    made.append(QgsField("model", QVariant.String))
    made.append(QgsField("created", QVariant.DateTime))
    return made


def create_layer(path: str, crs: QgsCoordinateReferenceSystem) -> QgsVectorLayer:
    """A GeoPackage without features, as a layer that is not yet in the project.

    Args:
        path: Of the file, which must not be there: nothing is ever written over.
        crs: Its reference system.

    Raises:
        AcceptError: It is there already, or cannot be written.
    """
    if Path(path).exists():
        raise AcceptError(
            translate(
                "SamGeomed",
                "{path} is there already: add it to the project and choose it, or take another "
                "name.",
            ).format(path=path)
        )
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerName = TABLE
    context = QgsProject.instance().transformContext()
    writer = QgsVectorFileWriter.create(
        path, fields(), QgsWkbTypes.MultiPolygon, crs, context, options
    )
    problem = writer.errorMessage() if writer.hasError() else ""
    # the file is closed when its writer goes
    del writer
    layer = QgsVectorLayer(f"{path}|layername={TABLE}", Path(path).stem, "ogr")
    if problem or not layer.isValid():
        why = problem or translate("SamGeomed", "QGIS cannot open it")
        raise AcceptError(
            translate("SamGeomed", "{path} cannot be written: {why}.").format(path=path, why=why)
        )
    draw_outlines(layer)
    return layer


def accept(
    outline: Outline,
    crs: QgsCoordinateReferenceSystem,
    target: QgsVectorLayer | None,
    *,
    class_name: str,
    model: str,
) -> QgsFeature:
    """Add an outline to a layer.

    Args:
        outline: With a geometry.
        crs: Of its coordinates.
        target: A layer of polygons; one that is being edited gets it into its edit buffer, so that
            undo of QGIS works too, any other at once.
        class_name: Empty for none.
        model: Name of the model.

    Raises:
        AcceptError: The layer does not take it.
    """
    if target is None or not target.isValid():
        raise AcceptError(
            translate("SamGeomed", "Choose a layer of polygons to save to, or press New.")
        )
    feature = QgsFeature(target.fields())
    feature.setGeometry(_ready(outline, crs, target))
    values = {
        "class": class_name or NULL,
        "score": NULL if outline.score is None else outline.score,
        "model": model,
        "created": QDateTime.currentDateTimeUtc(),
    }
    for name, value in values.items():
        if (index := target.fields().lookupField(name)) >= 0:
            feature.setAttribute(index, value)
    if target.isEditable():
        is_saved = target.addFeature(feature)
    else:
        is_saved, _ = target.dataProvider().addFeatures([feature])
        target.updateExtents()
    if not is_saved:
        errors = "; ".join(target.dataProvider().errors())
        raise AcceptError(
            translate("SamGeomed", "{layer} does not take the object: {why}.").format(
                layer=target.name(), why=errors or translate("SamGeomed", "it may be read-only")
            )
        )
    target.triggerRepaint()
    return feature


def _ready(
    outline: Outline, crs: QgsCoordinateReferenceSystem, target: QgsVectorLayer
) -> QgsGeometry:
    """Valid, of several parts, in the layer's reference system."""
    if outline.geometry is None:
        raise AcceptError(translate("SamGeomed", "There is no outline to save."))
    shape = QgsGeometry(outline.geometry)
    # raises where a corner has no place there
    shape.transform(QgsCoordinateTransform(crs, target.crs(), QgsProject.instance()))
    if not shape.isGeosValid():
        shape = shape.makeValid()
    # making valid may leave lines beside the polygons
    shape.convertGeometryCollectionToSubclass(QgsWkbTypes.PolygonGeometry)
    if QgsWkbTypes.isMultiType(target.wkbType()):
        shape.convertToMultiType()
    elif shape.constGet().partCount() > 1:
        raise AcceptError(
            translate(
                "SamGeomed",
                "The object has %n parts and {layer} takes one: choose a layer of multipolygons.",
                "",
                shape.constGet().partCount(),
            ).format(layer=target.name())
        )
    else:
        shape.convertToSingleType()
    return shape
