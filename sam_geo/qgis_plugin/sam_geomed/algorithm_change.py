"""Algorithm `sam_geomed:change`: what changed between two class maps, or two images and a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .post_processor import Styled
from .program_algorithm import ProgramAlgorithm
from .translation import translate, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .suite_algorithm import Run

HECTARE = 1e4
HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """Compares two class maps of one place: polygons of what changed, with both classes,
areas from each class to each class, and the share of each that misregistration alone could
explain.

The maps may differ in grid, resolution, extent and reference system; the pixels of the first one
are compared. Classes are the same where their names are, which the file MAP.job.json beside a
map gives; without such a file, values are names.

Two maps that lie half a pixel beside each other show change along all of their borders. How much
of a change that could be stands in the log and in the report, and for each polygon in the column
misreg: 1 is a sliver along a border, 0 is nothing of the kind. State how many pixels the maps
may lie beside each other, if you know better than half a pixel.

With a saved model, before and after are images: Land cover is made of both by the model first,
and the two maps stay beside the polygons, as NAME_before.tif and NAME_after.tif.

Small polygons can be left out; the areas in log, record and report count every change. Areas are
true areas on the ellipsoid.

A map that is right in 90 of 100 pixels may show more false change than true one: draw a sample
of the change and look it up before you trust a number.

For research and mapping.""",
)


class Change(ProgramAlgorithm):
    """Two class maps in, polygons of their change out."""

    NAME = "change"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Change between two class maps")
    GROUP = QT_TRANSLATE_NOOP("SamGeomed", "Class maps")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP(
        "SamGeomed", "change,difference,transition,from-to,land cover,classification"
    )
    BEFORE = "BEFORE"
    AFTER = "AFTER"
    MODEL = "MODEL"
    BAND_NAMES = "BAND_NAMES"
    MISREGISTRATION = "MISREGISTRATION"
    MIN_AREA = "MIN_AREA"
    MIN_PIXELS = "MIN_PIXELS"
    OUTPUT = "OUTPUT"
    REPORT = "REPORT"
    RASTERS = (BEFORE, AFTER)
    NUMBERS = (
        ("CHANGED_HA", QT_TRANSLATE_NOOP("SamGeomed", "Area that changed, ha")),
        (
            "MISREGISTRATION_SHARE",
            QT_TRANSLATE_NOOP("SamGeomed", "Share of it that misregistration could explain"),
        ),
        ("COUNT", QT_TRANSLATE_NOOP("SamGeomed", "Polygons")),
    )
    """Outputs that are numbers."""

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters and outputs."""
        number = QgsProcessingParameterNumber
        self.addParameter(
            QgsProcessingParameterRasterLayer(
                self.BEFORE, translate("SamGeomed", "Class map before")
            )
        )
        self.addParameter(
            QgsProcessingParameterRasterLayer(self.AFTER, translate("SamGeomed", "Class map after"))
        )
        self.addParameter(
            QgsProcessingParameterFile(
                self.MODEL,
                translate("SamGeomed", "Saved model, where before and after are images"),
                extension="skops",
                optional=True,
            )
        )
        self.addParameter(
            number(
                self.MISREGISTRATION,
                translate("SamGeomed", "Pixels by which the maps may lie beside each other"),
                type=number.Type.Double,
                defaultValue=0.5,
                minValue=0,
                maxValue=5,
            )
        )
        self.addParameter(
            number(
                self.MIN_AREA,
                translate("SamGeomed", "Leave out polygons smaller than, in m²"),
                type=number.Type.Double,
                defaultValue=0,
                minValue=0,
            )
        )
        self.addParameter(
            number(
                self.MIN_PIXELS,
                translate("SamGeomed", "Leave out polygons of fewer pixels than"),
                type=number.Type.Integer,
                defaultValue=1,
                minValue=1,
            )
        )
        self.add_advanced(
            QgsProcessingParameterString(
                self.BAND_NAMES,
                translate(
                    "SamGeomed",
                    "Names of the bands of both images in their order, where the model's differ",
                ),
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterVectorDestination(
                self.OUTPUT,
                translate("SamGeomed", "Polygons of change"),
                QgsProcessing.TypeVectorPolygon,
            )
        )
        self.addParameter(
            QgsProcessingParameterFileDestination(
                self.REPORT,
                translate("SamGeomed", "Report"),
                fileFilter=translate("SamGeomed", "HTML files (*.html)"),
                optional=True,
                createByDefault=False,
            )
        )
        for name, text in self.NUMBERS:
            self.addOutput(QgsProcessingOutputNumber(name, translated(text)))

    def arguments(self, run: Run, _folder: Path) -> list[str]:
        """The arguments of `sam-geo change`."""
        parameters, context, _ = run
        found = [
            "change",
            self.raster(self.BEFORE),
            self.raster(self.AFTER),
            "--output",
            self.destination(self.OUTPUT, run),
            "--misregistration",
            str(self.parameterAsDouble(parameters, self.MISREGISTRATION, context)),
            "--min-area-m2",
            str(self.parameterAsDouble(parameters, self.MIN_AREA, context)),
            "--min-pixels",
            str(self.parameterAsInt(parameters, self.MIN_PIXELS, context)),
            # QGIS has asked before
            "--overwrite",
        ]
        if report := self.destination(self.REPORT, run):
            found += ["--report", report]
        if model := self.parameterAsFile(parameters, self.MODEL, context):
            found += ["--apply", model]
        if bands := self.parameterAsString(parameters, self.BAND_NAMES, context):
            found += ["--band-names", bands]
        return found

    def part_folders(self) -> list[Path]:
        """Folders of parts of the comparison and of the maps that are made for it."""
        output = Path(self._paths[self.OUTPUT])
        maps = [output.with_name(f"{output.stem}_{side}.tif") for side in ("before", "after")]
        return [path.with_name(f"{path.name}.parts") for path in (output, *maps)]

    def results(self, said: dict[str, Any], run: Run, _folder: Path) -> dict[str, Any]:
        """Polygons with their style, numbers and the log."""
        _, context, feedback = run
        for line in in_words(said):
            feedback.pushInfo(line)
        output = self.destination(self.OUTPUT, run)
        Styled().attach(output, context)
        found: dict[str, Any] = {self.OUTPUT: output}
        if report := self.destination(self.REPORT, run):
            found[self.REPORT] = report
        numbers = (
            said["changed_m2"] / HECTARE,
            said["misreg_share"],
            said["polygons"]["written"],
        )
        return {**found, **{name: n for (name, _), n in zip(self.NUMBERS, numbers)}}


def in_words(said: Mapping[str, Any]) -> Iterator[str]:
    """A comparison as lines of text: how much changed, then a line for each change."""
    yield translate(
        "SamGeomed",
        "{changed:.6g} of {compared:.6g} ha changed; misregistration of up to {beside:g} pixels "
        "alone could explain {share:.1%} of that",
    ).format(
        changed=said["changed_m2"] / HECTARE,
        compared=said["compared_m2"] / HECTARE,
        beside=said["parameters"]["misregistration_px"],
        share=said["misreg_share"],
    )
    for change in said["changes"]:
        yield translate(
            "SamGeomed",
            "{before} to {after}: {area:.6g} ha, {share:.1%} of it could be misregistration",
        ).format(
            before=change["from"],
            after=change["to"],
            area=change["area_m2"] / HECTARE,
            share=change["misreg_share"],
        )
    polygons = said["polygons"]
    told = translate("SamGeomed", "polygons: {count}").format(count=polygons["written"])
    if n := polygons["left_out"]:
        told += translate("SamGeomed", ", %n smaller ones left out", "", n)
    yield told
