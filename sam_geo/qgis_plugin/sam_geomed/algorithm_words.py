"""Algorithm `sam_geomed:words`: what words describe in a raster, one polygon each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessingException,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .algorithm import RasterAlgorithm
from .translation import translate

if TYPE_CHECKING:
    from qgis.core import QgsProcessingContext

    from .suite_client import Job, RasterSession

DETECTORS = ("grounding_dino_tiny", "grounding_dino_base", "owlv2_base", "sam3")
"""Names of detectors, the usual one first."""
HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """Outlines of the objects that words describe, such as solar panel.

A detector looks for the words in windows that overlap and gives boxes; the model outlines the
object in each box. Separate several phrases by semicolons: each is a class, in the field class, and
the field text_score says how well an object goes with it, 0 to 1.

Detectors need the library transformers in the suite's environment (extra hf), and are fetched from
the Hugging Face Hub when they are first used. For sam3 you have to accept its terms there and to
log in. They learned from photographs: look at what they find from above before you trust it.

Small objects are found in smaller windows. A least score of 0 takes that of the detector.

For research and mapping.""",
)


class FromWords(RasterAlgorithm):
    """A raster and words in, one polygon for each object out."""

    NAME = "words"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Segment objects by words")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP("SamGeomed", "segment,SAM,text,words,detect,polygons")
    TEXT = "TEXT"
    DETECTOR = "DETECTOR"
    THRESHOLD = "THRESHOLD"
    WINDOW = "WINDOW"

    def add_own_parameters(self) -> None:
        """The words, and how they are looked for."""
        kinds = QgsProcessingParameterNumber.Type
        self.addParameter(
            QgsProcessingParameterString(
                self.TEXT, translate("SamGeomed", "Words, several separated by semicolons")
            )
        )
        self.addParameter(
            QgsProcessingParameterEnum(
                self.DETECTOR,
                translate("SamGeomed", "Detector"),
                options=list(DETECTORS),
                defaultValue=DETECTORS[0],
                usesStaticStrings=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterNumber(
                self.THRESHOLD,
                translate("SamGeomed", "Least score, 0 for that of the detector"),
                type=kinds.Double,
                defaultValue=0,
                minValue=0,
                maxValue=1,
            )
        )
        self.add_advanced(
            QgsProcessingParameterNumber(
                self.WINDOW,
                translate(
                    "SamGeomed",
                    "Side of the windows in pixels, what the detector is made for where not given",
                ),
                type=kinds.Integer,
                optional=True,
                minValue=32,
            )
        )

    def start(
        self,
        session: RasterSession,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
    ) -> Job:
        """The job with its words."""
        given = self.parameterAsString(parameters, self.TEXT, context).split(";")
        text = [phrase.strip() for phrase in given if phrase.strip()]
        if not text:
            raise QgsProcessingException(
                translate("SamGeomed", "Give words to look for, such as solar panel.")
            )
        has_window = parameters.get(self.WINDOW) is not None
        return session.words_job(
            text,
            detector=self.parameterAsEnumString(parameters, self.DETECTOR, context),
            threshold=self.parameterAsDouble(parameters, self.THRESHOLD, context) or None,
            window=self.parameterAsInt(parameters, self.WINDOW, context) if has_window else None,
        )
