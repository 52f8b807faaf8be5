"""Algorithm `sam_geomed:prompts`: a layer of boxes, polygons or points to one polygon each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qgis.core import (
    NULL,
    QgsFeatureRequest,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .algorithm import RasterAlgorithm
from .placement import Placement
from .raster_source import wkt_of
from .translation import translate

if TYPE_CHECKING:
    from qgis.core import QgsFeature, QgsGeometry, QgsProcessingContext, QgsProcessingFeatureSource

    from .suite_client import Job, RasterSession

DIGITS = 17
"""Of coordinates: none is lost."""
HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """For each feature of a layer, the outline of the object that it points at.

A polygon counts as a box around the object, a point as a click on it. Points with the same value
in a field object_id belong to one object; a field label with 1 and 0 tells clicks on the object
from clicks beside it. Any reference system will do.

One feature in, one row out, in the raster's reference system: where nothing was found the row has
no geometry, and the field status says why (empty, outside, nodata, invalid).

A raster file of this machine may have any size. Of other layers the pixels are sent, at most 16
million; save a part of larger ones as a GeoTIFF.

For research and mapping.""",
)


class FromPrompts(RasterAlgorithm):
    """A raster and prompts in, one polygon for each out."""

    NAME = "prompts"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Segment objects from boxes or points")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP("SamGeomed", "segment,SAM,boxes,points,polygons,prompt")
    PROMPTS = "PROMPTS"
    CLASS_FIELD = "CLASS_FIELD"

    def add_own_parameters(self) -> None:
        """The prompts."""
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                self.PROMPTS,
                translate("SamGeomed", "Boxes, polygons or points"),
                [QgsProcessing.TypeVectorPolygon, QgsProcessing.TypeVectorPoint],
            )
        )
        self.addParameter(
            QgsProcessingParameterField(
                self.CLASS_FIELD,
                translate("SamGeomed", "Field with the class (class or label where not given)"),
                parentLayerParameterName=self.PROMPTS,
                optional=True,
            )
        )

    def start(
        self,
        session: RasterSession,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
    ) -> Job:
        """The job with the layer's features."""
        prompts = self.parameterAsSource(parameters, self.PROMPTS, context)
        if prompts is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, self.PROMPTS))
        chosen = self.parameterAsFields(parameters, self.CLASS_FIELD, context)
        place = Placement.of(session.frame, self.source)
        # the server projects as its command line does; what only QGIS knows, QGIS does
        is_known = place.crs == self.source.crs and prompts.sourceCrs().isValid()
        if is_known and self.source.crs.isValid():
            features, crs = (
                _features(prompts, QgsFeatureRequest(), None),
                wkt_of(prompts.sourceCrs()),
            )
        else:
            request = QgsFeatureRequest()
            if self.source.crs.isValid():
                request.setDestinationCrs(self.source.crs, context.transformContext())
            features, crs = _features(prompts, request, place), "pixel"
        for feature in features if chosen else ():
            feature["properties"]["class"] = feature["properties"].get(chosen[0])
        return session.prompts_job({"type": "FeatureCollection", "features": features}, crs)


def _features(
    prompts: QgsProcessingFeatureSource, request: QgsFeatureRequest, place: Placement | None
) -> list[dict[str, Any]]:
    """GeoJSON features; in pixel corners where a placement is given."""
    return [
        {
            "type": "Feature",
            "properties": _properties(feature),
            "geometry": _geometry(feature.geometry(), place) if feature.hasGeometry() else None,
        }
        for feature in prompts.getFeatures(request)
    ]


def _geometry(shape: QgsGeometry, place: Placement | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (shape if place is None else place.to_pixel_corners(shape)).asJson(DIGITS)
    )
    return found


def _properties(feature: QgsFeature) -> dict[str, Any]:
    """Numbers and texts; None for what JSON does not have."""
    values = zip(feature.fields().names(), feature.attributes())
    return {
        name: value if isinstance(value, (str, int, float)) and value != NULL else None
        for name, value in values
    }
