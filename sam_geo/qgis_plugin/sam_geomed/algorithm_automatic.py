"""Algorithm `sam_geomed:automatic`: everything in a raster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import QgsProcessingParameterBoolean, QgsProcessingParameterNumber
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .algorithm import RasterAlgorithm
from .translation import translate

if TYPE_CHECKING:
    from qgis.core import QgsProcessingContext

    from .suite_client import Job, RasterSession

HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """Outlines of everything that stands out in a raster of any size.

The raster is gone through in windows that overlap, and objects across windows become one. On a
plain processor a window of 1024 x 1024 pixels takes about a minute; fewer points along each side of
a window are faster and find fewer small objects.

Quality and stability are thresholds of the network's own estimates: lower values find more objects,
and more that are none. Regions of fewer pixels than the least size are holes that are filled and
islands that are removed.

A raster file of this machine may have any size. Of other layers the pixels are sent, at most 16
million; save a part of larger ones as a GeoTIFF.

For research and mapping.""",
)


class Automatic(RasterAlgorithm):
    """A raster in, polygons of everything out."""

    NAME = "automatic"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Segment everything")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP("SamGeomed", "segment,SAM,automatic,everything,polygons")
    POINTS = "POINTS_PER_SIDE"
    QUALITY = "QUALITY"
    STABILITY = "STABILITY"
    LEAST = "LEAST_SIZE"
    SUPERPIXELS = "SUPERPIXELS"

    def add_own_parameters(self) -> None:
        """The server's options that matter most, with its defaults."""
        kinds = QgsProcessingParameterNumber.Type
        number, real = kinds.Integer, kinds.Double
        for name, text, kind, default, most in (
            (
                self.POINTS,
                translate("SamGeomed", "Points along each side of a window"),
                number,
                32,
                128,
            ),
            (
                self.QUALITY,
                translate("SamGeomed", "Least quality as the network estimates it"),
                real,
                0.88,
                1,
            ),
            (self.STABILITY, translate("SamGeomed", "Least stability"), real, 0.95, 1),
            (
                self.LEAST,
                translate("SamGeomed", "Least size of holes and islands in pixels"),
                number,
                0,
                None,
            ),
        ):
            limits = {} if most is None else {"maxValue": most}
            least = 1 if name == self.POINTS else 0
            self.addParameter(
                QgsProcessingParameterNumber(
                    name, text, type=kind, defaultValue=default, minValue=least, **limits
                )
            )
        self.add_advanced(
            QgsProcessingParameterBoolean(
                self.SUPERPIXELS,
                translate("SamGeomed", "Try the boxes of superpixels in place of points"),
                False,
            )
        )

    def start(
        self,
        session: RasterSession,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
    ) -> Job:
        """The job with its options."""
        return session.automatic(
            points_per_side=self.parameterAsInt(parameters, self.POINTS, context),
            pred_iou_thresh=self.parameterAsDouble(parameters, self.QUALITY, context),
            stability_score_thresh=self.parameterAsDouble(parameters, self.STABILITY, context),
            min_mask_region_area=self.parameterAsInt(parameters, self.LEAST, context),
            superpixels=self.parameterAsBool(parameters, self.SUPERPIXELS, context),
        )
