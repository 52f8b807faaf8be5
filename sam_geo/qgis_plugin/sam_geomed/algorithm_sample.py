"""Algorithm `sam_geomed:sample`: points of a class map whose true class is to be looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsEditorWidgetSetup,
    QgsProcessing,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .post_processor import PostProcessor
from .program_algorithm import ProgramAlgorithm
from .suite_algorithm import Sink
from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qgis.core import QgsMapLayer

    from .suite_algorithm import Run

FILE = "points.gpkg"
ALLOCATIONS = ("proportional", "equal", "neyman")
"""Names of allocations, the default first."""
REFERENCE, STRATUM = "reference", "stratum"
"""Columns of the true class and of the map's."""
HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """Draws a random sample of a class map, to find out how right the map is and how large its
classes really are.

Look up the true class of each point over a better image, and choose it in the column reference. The
map's own class stands in the column stratum, which forms do not show: do not look at it, as it
would lead you. Save the layer to a file before you begin, then give it to Assess a class map.

A class that is not in the list, because the map does not have it, can be written when the column's
widget is set to Text Edit (Layer Properties, Attributes Form).

Points in each class: proportional, by its area, with 25 or so for rare classes; equal, as many in
each, for accuracies of rare classes; neyman, where they narrow the interval of the overall accuracy
most, which needs a map with the probability of each class as its second band. Three hundred points
give the overall accuracy within about four per cent.

The column weight_m2 says what area a point stands for. The same map, number of points and seed give
the same points.

The map is a raster file of one band of whole numbers. Names of its classes are taken from the file
MAP.job.json beside it, where there is one.

For research and mapping.""",
)


class Sample(ProgramAlgorithm):
    """A class map in, a probability sample of points out."""

    NAME = "sample"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Sample a class map")
    GROUP = QT_TRANSLATE_NOOP("SamGeomed", "Class maps")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP(
        "SamGeomed", "sample,accuracy,validation,land cover,classification,stratified"
    )
    INPUT = "INPUT"
    SIZE = "SIZE"
    ALLOCATION = "ALLOCATION"
    SEED = "SEED"
    OUTPUT = "OUTPUT"
    RASTERS = (INPUT,)

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters."""
        whole = QgsProcessingParameterNumber.Type.Integer
        self.addParameter(
            QgsProcessingParameterRasterLayer(self.INPUT, translate("SamGeomed", "Class map"))
        )
        self.addParameter(
            QgsProcessingParameterNumber(
                self.SIZE,
                translate("SamGeomed", "Number of points"),
                type=whole,
                defaultValue=500,
                minValue=2,
            )
        )
        self.addParameter(
            QgsProcessingParameterEnum(
                self.ALLOCATION,
                translate("SamGeomed", "Points in each class"),
                options=list(ALLOCATIONS),
                defaultValue=ALLOCATIONS[0],
                usesStaticStrings=True,
            )
        )
        self.add_advanced(
            QgsProcessingParameterNumber(
                self.SEED,
                translate("SamGeomed", "Seed: another number draws another sample"),
                type=whole,
                defaultValue=0,
                minValue=0,
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT,
                translate("SamGeomed", "Points to look up"),
                QgsProcessing.TypeVectorPoint,
            )
        )

    def arguments(self, run: Run, folder: Path) -> list[str]:
        """The arguments of `sam-geo sample`."""
        parameters, context, _ = run
        return [
            "sample",
            self.raster(self.INPUT),
            "--output",
            str(folder / FILE),
            "--size",
            str(self.parameterAsInt(parameters, self.SIZE, context)),
            "--allocation",
            self.parameterAsEnumString(parameters, self.ALLOCATION, context),
            "--seed",
            str(self.parameterAsInt(parameters, self.SEED, context)),
        ]

    def results(self, said: dict[str, Any], run: Run, folder: Path) -> dict[str, Any]:
        """The points, with a list of classes to choose from."""
        _, context, feedback = run
        path = folder / FILE
        crs = QgsVectorLayer(str(path), "points", "ogr").crs()
        name = self.copied(path, Sink(self.OUTPUT, QgsWkbTypes.Point, crs), run)
        for row in said["classes"]:
            told = translate("SamGeomed", "{name}: %n points for {area:,.1f} ha", "", row["points"])
            feedback.pushInfo(told.format(name=row["class"], area=row["area_m2"] / 1e4))
        Form([row["class"] for row in said["classes"]]).attach(name, context)
        return {self.OUTPUT: name}


class Form(PostProcessor):
    """Form of a sample: the true class is chosen from a list, and the map's class is not shown."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = list(names)

    def finish(self, layer: QgsMapLayer) -> None:
        """Set the widgets of the columns."""
        choices = [{"": ""}, *({name: name} for name in self._names)]
        fields = layer.fields()
        for column, widget in (
            (REFERENCE, QgsEditorWidgetSetup("ValueMap", {"map": choices})),
            (STRATUM, QgsEditorWidgetSetup("Hidden", {})),
        ):
            if (index := fields.lookupField(column)) >= 0:
                layer.setEditorWidgetSetup(index, widget)
