"""Algorithm `sam_geomed:landcover`: a class map of rasters from labelled samples or a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .algorithm_assess import WEIGHT
from .algorithm_sample import REFERENCE, STRATUM
from .models import MODELS
from .post_processor import Styled
from .program_algorithm import ProgramAlgorithm
from .translation import translate, translated
from .words import pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qgis.core import QgsProcessingContext

    from .suite_algorithm import Run

CLASS = "class"
"""Column of the class where none is chosen."""
CLASSIFIERS = ("ensemble", "random-forest", "extra-trees", "boosting", "logistic", "discriminant")
"""Kinds of classifiers, the default first."""
POLYGONS_BY = ("object", "class")
"""What a polygon is, the default first."""
HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """Makes a land-cover map: each pixel with data gets the class that your samples say it
looks like, and its probability in per cent, as the second band.

Samples are points, lines or polygons with a column that names the class, as words or whole
numbers. Draw a few for each class, in different parts of the image. Selected features alone are
used where Selected features only is ticked, and edits that are not saved yet count. What does
not count, as it lies outside or has no class, is told.

Several rasters, such as other dates, sensors or a terrain model, are put on the grid of the
first. All bands are used. Spectral indices are features too, by the names that spyndex gives
them: ndvi,ndwi. They need to know the bands, by the names in the files or by yours.

Objects are polygons that get one class each, such as fields. A pixel keeps a class of its own
where it is surely something else, as a pond in a field is.

What the network makes of the object around a pixel may be tried as a feature too. It is used only
where it helps on ground that was not learned.

In place of samples, a saved model makes the map of another image with the same bands.

Accuracy: the first figure is that of ground which was not learned. The one of samples chosen by
chance is too good, as neighbours are alike. For true areas with intervals give the map to Sample
a class map.

Beside the map lies MAP.job.json: classes, areas, accuracies, features, and samples that the
others contradict. The report is a page with all of that to look at. A run that is cancelled
leaves nothing.

For research and mapping.""",
)


class LandCover(ProgramAlgorithm):
    """Rasters and samples in, a class map out."""

    NAME = "landcover"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Land cover from samples")
    GROUP = QT_TRANSLATE_NOOP("SamGeomed", "Class maps")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP(
        "SamGeomed", "land cover,land use,classification,supervised,training,random forest"
    )
    INPUT = "INPUT"
    SAMPLES = "SAMPLES"
    CLASS_FIELD = "CLASS_FIELD"
    MODEL = "MODEL"
    INDEX = "INDEX"
    BAND_NAMES = "BAND_NAMES"
    OBJECTS = "OBJECTS"
    FIND_OBJECTS = "FIND_OBJECTS"
    EMBEDDING = "EMBEDDING"
    NETWORK = "NETWORK"
    CLASSIFIER = "CLASSIFIER"
    SMALLEST = "SMALLEST"
    SEED = "SEED"
    POLYGONS_BY = "POLYGONS_BY"
    SIMPLIFY = "SIMPLIFY"
    CHECK = "CHECK"
    CHECK_FIELD = "CHECK_FIELD"
    OUTPUT = "OUTPUT"
    POLYGONS = "POLYGONS"
    REPORT = "REPORT"
    SAVE = "SAVE"
    RASTERS = (INPUT,)
    NUMBERS = (
        ("OVERALL", QT_TRANSLATE_NOOP("SamGeomed", "Accuracy on ground that was not learned")),
        ("MACRO_F1", QT_TRANSLATE_NOOP("SamGeomed", "Mean F1 of the classes there")),
    )
    """Outputs that are numbers."""

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters and outputs."""
        self._add_inputs()
        self._add_options()
        self._add_outputs()

    def _add_inputs(self) -> None:
        any_geometry = [QgsProcessing.TypeVectorAnyGeometry]
        self.addParameter(
            QgsProcessingParameterMultipleLayers(
                self.INPUT,
                translate("SamGeomed", "Rasters, on the grid of the first"),
                QgsProcessing.TypeRaster,
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                self.SAMPLES,
                translate("SamGeomed", "Samples with their class"),
                any_geometry,
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterField(
                self.CLASS_FIELD,
                translate("SamGeomed", "Column of the class"),
                defaultValue=CLASS,
                parentLayerParameterName=self.SAMPLES,
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterFile(
                self.MODEL,
                translate("SamGeomed", "Saved model, in place of samples"),
                extension="skops",
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterString(
                self.INDEX,
                translate("SamGeomed", "Spectral indices, such as ndvi,ndwi"),
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                self.OBJECTS,
                translate("SamGeomed", "Objects that get one class each"),
                [QgsProcessing.TypeVectorPolygon],
                optional=True,
            )
        )
        self.add_advanced(
            QgsProcessingParameterString(
                self.BAND_NAMES,
                translate(
                    "SamGeomed", "Names of all bands in their order, such as blue,green,red,nir"
                ),
                optional=True,
            )
        )
        self.add_advanced(
            QgsProcessingParameterFeatureSource(
                self.CHECK,
                translate("SamGeomed", "Independent random points with their true class"),
                [QgsProcessing.TypeVectorPoint],
                optional=True,
            )
        )
        self.add_advanced(
            QgsProcessingParameterField(
                self.CHECK_FIELD,
                translate("SamGeomed", "Column of their true class"),
                defaultValue=REFERENCE,
                parentLayerParameterName=self.CHECK,
                optional=True,
            )
        )

    def _add_options(self) -> None:
        whole = QgsProcessingParameterNumber.Type.Integer
        self.add_advanced(
            QgsProcessingParameterBoolean(
                self.FIND_OBJECTS,
                translate("SamGeomed", "Objects are everything that the network finds"),
                False,
            )
        )
        self.add_advanced(
            QgsProcessingParameterBoolean(
                self.EMBEDDING,
                translate("SamGeomed", "Try what the network makes of each object as a feature"),
                False,
            )
        )
        for name, text, choices in (
            (self.NETWORK, translate("SamGeomed", "Network"), MODELS),
            (self.CLASSIFIER, translate("SamGeomed", "Classifier"), CLASSIFIERS),
            (self.POLYGONS_BY, translate("SamGeomed", "A polygon for each"), POLYGONS_BY),
        ):
            self.add_advanced(
                QgsProcessingParameterEnum(
                    name,
                    text,
                    options=list(choices),
                    defaultValue=choices[0],
                    usesStaticStrings=True,
                )
            )
        self.add_advanced(
            QgsProcessingParameterNumber(
                self.SMALLEST,
                translate("SamGeomed", "Pixels of the smallest piece of a class that stays"),
                type=whole,
                defaultValue=4,
                minValue=1,
            )
        )
        self.add_advanced(
            QgsProcessingParameterNumber(
                self.SEED,
                translate("SamGeomed", "Seed: another number gives other folds"),
                type=whole,
                defaultValue=0,
                minValue=0,
            )
        )
        self.add_advanced(
            QgsProcessingParameterNumber(
                self.SIMPLIFY,
                translate(
                    "SamGeomed",
                    "Tolerance of the polygons in units of the raster's system; a pixel where "
                    "empty",
                ),
                type=QgsProcessingParameterNumber.Type.Double,
                optional=True,
                minValue=0,
            )
        )

    def _add_outputs(self) -> None:
        self.addParameter(
            QgsProcessingParameterRasterDestination(
                self.OUTPUT, translate("SamGeomed", "Land-cover map")
            )
        )
        self.addParameter(
            QgsProcessingParameterVectorDestination(
                self.POLYGONS,
                translate("SamGeomed", "Land-cover polygons"),
                QgsProcessing.TypeVectorPolygon,
                optional=True,
                createByDefault=False,
            )
        )
        for name, text, files in (
            (
                self.REPORT,
                translate("SamGeomed", "Report"),
                translate("SamGeomed", "HTML files (*.html)"),
            ),
            (
                self.SAVE,
                translate("SamGeomed", "Model, to be used for other images"),
                translate("SamGeomed", "Models (*.skops)"),
            ),
        ):
            self.addParameter(
                QgsProcessingParameterFileDestination(
                    name, text, fileFilter=files, optional=True, createByDefault=False
                )
            )
        for name, text in self.NUMBERS:
            self.addOutput(QgsProcessingOutputNumber(name, translated(text)))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Whether the command can be run, and why not: what the dialog says."""
        is_usable, reason = super().checkParameterValues(parameters, context)
        if not is_usable:
            return False, reason
        if bool(parameters.get(self.SAMPLES)) == bool(parameters.get(self.MODEL)):
            return False, translate(
                "SamGeomed", "Give samples to learn from, or a saved model: one of the two."
            )
        if parameters.get(self.OBJECTS) and self.parameterAsBool(
            parameters, self.FIND_OBJECTS, context
        ):
            return False, translate(
                "SamGeomed", "Give objects, or have the network find them: one of the two."
            )
        return True, ""

    def arguments(self, run: Run, folder: Path) -> list[str]:
        """The arguments of `sam-geo landcover`."""
        return [
            "landcover",
            *self.rasters(self.INPUT),
            *self._origin(run, folder),
            *self._options(run),
            *self._layers(run, folder),
            *self._outputs(run),
        ]

    def _origin(self, run: Run, folder: Path) -> list[str]:
        """Samples with what learns from them, or the model."""
        parameters, context, _ = run
        if not parameters.get(self.SAMPLES):
            return ["--apply", self.parameterAsFile(parameters, self.MODEL, context)]
        field = self.parameterAsString(parameters, self.CLASS_FIELD, context) or CLASS
        found = [
            "--samples",
            str(self.features_file(self.SAMPLES, folder / "samples.gpkg", run, field)),
            "--class-field",
            field,
            "--classifier",
            self.parameterAsEnumString(parameters, self.CLASSIFIER, context),
            "--seed",
            str(self.parameterAsInt(parameters, self.SEED, context)),
        ]
        if index := self.parameterAsString(parameters, self.INDEX, context):
            found += ["--index", index]
        if self.parameterAsBool(parameters, self.EMBEDDING, context):
            found += ["--features", "embedding"]
        return found

    def _options(self, run: Run) -> list[str]:
        parameters, context, _ = run
        found = [
            "--smallest",
            str(self.parameterAsInt(parameters, self.SMALLEST, context)),
            "--polygons-by",
            self.parameterAsEnumString(parameters, self.POLYGONS_BY, context),
            "--model",
            self.parameterAsEnumString(parameters, self.NETWORK, context),
        ]
        if bands := self.parameterAsString(parameters, self.BAND_NAMES, context):
            found += ["--band-names", bands]
        if parameters.get(self.SIMPLIFY) is not None:
            tolerance = self.parameterAsDouble(parameters, self.SIMPLIFY, context)
            found += ["--simplify", str(tolerance)]
        return found

    def _layers(self, run: Run, folder: Path) -> list[str]:
        """Objects, and points that check the map."""
        parameters, context, _ = run
        found = []
        if self.parameterAsBool(parameters, self.FIND_OBJECTS, context):
            found += ["--objects", "auto"]
        elif parameters.get(self.OBJECTS):
            path = self.features_file(self.OBJECTS, folder / "objects.gpkg", run)
            found += ["--objects", str(path)]
        if parameters.get(self.CHECK):
            field = self.parameterAsString(parameters, self.CHECK_FIELD, context) or REFERENCE
            path = folder / "check.gpkg"
            points = self.features_file(self.CHECK, path, run, field, (STRATUM, WEIGHT))
            found += ["--check", str(points), "--check-field", field]
        return found

    def _outputs(self, run: Run) -> list[str]:
        # QGIS has asked before whether a file may be replaced
        found = ["--output", self.destination(self.OUTPUT, run), "--overwrite"]
        for parameter, option in (
            (self.POLYGONS, "--polygons"),
            (self.REPORT, "--report"),
            (self.SAVE, "--save"),
        ):
            if path := self.destination(parameter, run):
                found += [option, path]
        return found

    def part_folders(self) -> list[Path]:
        """The folder of parts of the map."""
        output = Path(self._paths[self.OUTPUT])
        return [output.with_name(f"{output.name}.parts")]

    def results(self, said: dict[str, Any], run: Run, _folder: Path) -> dict[str, Any]:
        """The map and its polygons with their style, numbers and the log."""
        _, context, feedback = run
        for line in in_words(said):
            feedback.pushInfo(line)
        if failures := said["failures"]:
            feedback.pushWarning(
                translate(
                    "SamGeomed",
                    "{failed} of {total} blocks failed and are without a class: {why}",
                ).format(failed=len(failures), total=said["windows"], why=failures[0])
            )
        found: dict[str, Any] = {}
        for parameter in (self.OUTPUT, self.POLYGONS, self.REPORT, self.SAVE):
            if path := self.destination(parameter, run):
                found[parameter] = path
        for parameter in (self.OUTPUT, self.POLYGONS):
            Styled().attach(found.get(parameter, ""), context)
        blocked = _accuracies(said).get("blocked")
        if blocked is not None:
            numbers = (blocked["overall"], blocked["macro_f1"])
            found |= {name: n for (name, _), n in zip(self.NUMBERS, numbers)}
        return found


def _accuracies(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The accuracies of the samples of this map; none where a model of another one was applied."""
    if said["parameters"]["seed"] is None:
        return {}
    return said["training"]["accuracies"]


def in_words(said: Mapping[str, Any]) -> Iterator[str]:
    """A land-cover map as lines of text: the area of each class, and the accuracies."""
    for row in said["areas"]:
        yield translate("SamGeomed", "{name}: {area:,.1f} ha ({size})").format(
            name=row["class"], area=row["area_m2"] / 1e4, size=pixels(row["pixels"])
        )
    found = _accuracies(said)
    if (blocked := found.get("blocked")) is not None:
        yield translate(
            "SamGeomed",
            "accuracy on ground that was not learned: {overall:.3f} (macro F1 {macro_f1:.3f})",
        ).format(overall=blocked["overall"], macro_f1=blocked["macro_f1"])
        if (by_chance := found.get("random")) is not None:
            yield translate(
                "SamGeomed",
                "accuracy of samples chosen by chance, beside others that were learned: "
                "{overall:.3f} (too good: neighbours are alike)",
            ).format(overall=by_chance["overall"])
    if said["parameters"]["seed"] is None:
        yield translate(
            "SamGeomed",
            "the model was trained on another image: nothing says yet how right this map is",
        )
    if (checked := said["checked"]) is not None:
        overall = checked["overall"]
        yield translate(
            "SamGeomed", "accuracy by independent points: {value:.3f} ({low:.3f} to {high:.3f})"
        ).format(value=overall["value"], low=overall["low"], high=overall["high"])
