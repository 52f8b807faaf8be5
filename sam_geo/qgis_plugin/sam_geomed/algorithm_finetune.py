"""Algorithm `sam_geomed:finetune`: a network taught the polygons of a layer, judged on others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .environment import find_program
from .models import MODELS
from .program_algorithm import ProgramAlgorithm
from .raster_source import shown_bands
from .suite_client import taught_lines
from .suite_program import run_program
from .translation import translate, translated

if TYPE_CHECKING:
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback

    from .suite_algorithm import Run

NOT_BETTER = 4
"""Exit code of `sam-geo finetune` where the network is not better than before."""
SUFFIX = ".safetensors"
PARTS = ("decoder", "encoder", "both")
"""What learns, the default first."""
HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """Teaches a network your own objects: about 20 polygons that were drawn, or accepted and
corrected, on one image. Selected features alone are used where Selected features only is ticked,
and edits that are not saved yet count.

The polygons are parted in space: about half are learned, some say when to stop, and the rest
judge, before and after. If you have polygons from another place of the image, let those judge.

Where the taught network is not better on the judging polygons beyond chance, nothing is written,
and the log says so with its figures.

The network sees the three bands that the layer is drawn with.

Name: under this name the network can be chosen from then on, in the panel Segment Anything (the
next time it starts), and on this machine by --model NAME. Choose it for images of the same kind.

Decoder takes minutes. Encoder changes how images are seen, for unusual ones, and takes longer.

For research and mapping.""",
)


class Finetune(ProgramAlgorithm):
    """A raster and polygons in, a tuned model out."""

    NAME = "finetune"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Learn from polygons")
    GROUP = QT_TRANSLATE_NOOP("SamGeomed", "Networks")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP("SamGeomed", "learn,teach,train,fine-tune,finetune,SAM,model")
    FINE = (0, NOT_BETTER)
    INPUT = "INPUT"
    OBJECTS = "OBJECTS"
    CALLED = "CALLED"
    MODEL = "MODEL"
    JUDGE = "JUDGE"
    PARTS = "PARTS"
    EPOCHS = "EPOCHS"
    VIEWS = "VIEWS"
    SEED = "SEED"
    KEEP_ANYWAY = "KEEP_ANYWAY"
    OUTPUT = "OUTPUT"
    VERDICT = "VERDICT"
    NAMED = "NAMED"
    RASTERS = (INPUT,)
    NUMBERS = (
        ("BOX_BEFORE", QT_TRANSLATE_NOOP("SamGeomed", "Mean IoU by box, before")),
        ("BOX_AFTER", QT_TRANSLATE_NOOP("SamGeomed", "Mean IoU by box, after")),
        ("POINT_BEFORE", QT_TRANSLATE_NOOP("SamGeomed", "Mean IoU by point, before")),
        ("POINT_AFTER", QT_TRANSLATE_NOOP("SamGeomed", "Mean IoU by point, after")),
    )
    """Outputs that are numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._bands: tuple[int, ...] | None = None

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters and outputs."""
        polygons = [QgsProcessing.TypeVectorPolygon]
        self.addParameter(
            QgsProcessingParameterRasterLayer(self.INPUT, translate("SamGeomed", "Image"))
        )
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                self.OBJECTS, translate("SamGeomed", "Polygons to learn"), polygons
            )
        )
        self.addParameter(
            QgsProcessingParameterString(
                self.CALLED, translate("SamGeomed", "Name of the new network"), optional=True
            )
        )
        self._add_options(polygons)
        self.addParameter(
            QgsProcessingParameterFileDestination(
                self.OUTPUT,
                translate("SamGeomed", "Tuned network"),
                fileFilter=translate("SamGeomed", "Tuned networks (*.safetensors)"),
            )
        )
        for name, text in self.NUMBERS:
            self.addOutput(QgsProcessingOutputNumber(name, translated(text)))
        self.addOutput(QgsProcessingOutputString(self.VERDICT, translate("SamGeomed", "Verdict")))
        self.addOutput(
            QgsProcessingOutputString(
                self.NAMED, translate("SamGeomed", "Name by which it is chosen")
            )
        )

    def _add_options(self, polygons: list[Any]) -> None:
        for name, text, choices in (
            (self.MODEL, translate("SamGeomed", "Network to start from"), MODELS),
            (self.PARTS, translate("SamGeomed", "What learns"), PARTS),
        ):
            self.addParameter(
                QgsProcessingParameterEnum(
                    name,
                    text,
                    options=list(choices),
                    defaultValue=choices[0],
                    usesStaticStrings=True,
                )
            )
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                self.JUDGE,
                translate("SamGeomed", "Polygons that judge, in place of a part"),
                polygons,
                optional=True,
            )
        )
        for name, text, usual, least in (
            (
                self.EPOCHS,
                translate("SamGeomed", "Most passes over the polygons; 0 for as many as they need"),
                0,
                0,
            ),
            (
                self.VIEWS,
                translate("SamGeomed", "Turned, mirrored and brightened versions of the image"),
                8,
                1,
            ),
            (self.SEED, translate("SamGeomed", "Seed: another number gives other parts"), 0, 0),
        ):
            self.add_advanced(
                QgsProcessingParameterNumber(name, text, defaultValue=usual, minValue=least)
            )
        self.add_advanced(
            QgsProcessingParameterBoolean(
                self.KEEP_ANYWAY,
                translate("SamGeomed", "Keep the network also where it is not better"),
                False,
            )
        )

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        """Look at the raster and its bands, which belong to this thread."""
        self._bands = shown_bands(self.parameterAsRasterLayer(parameters, self.INPUT, context))
        return super().prepareAlgorithm(parameters, context, feedback)

    def arguments(self, run: Run, folder: Path) -> list[str]:
        """The arguments of `sam-geo finetune`."""
        parameters, context, _ = run
        found = [
            "finetune",
            self.raster(self.INPUT),
            str(self.features_file(self.OBJECTS, folder / "objects.gpkg", run)),
            "--output",
            str(self._output(run)),
            "--model",
            self.parameterAsEnumString(parameters, self.MODEL, context),
            "--parts",
            self.parameterAsEnumString(parameters, self.PARTS, context),
            "--views",
            str(self.parameterAsInt(parameters, self.VIEWS, context)),
            "--seed",
            str(self.parameterAsInt(parameters, self.SEED, context)),
            # QGIS has asked before
            "--overwrite",
        ]
        if epochs := self.parameterAsInt(parameters, self.EPOCHS, context):
            found += ["--epochs", str(epochs)]
        if self._bands is not None:
            found += ["--bands", ",".join(map(str, self._bands))]
        if parameters.get(self.JUDGE):
            path = self.features_file(self.JUDGE, folder / "judge.gpkg", run)
            found += ["--judge", str(path)]
        if self.parameterAsBool(parameters, self.KEEP_ANYWAY, context):
            found.append("--keep-anyway")
        return found

    def part_folders(self) -> list[Path]:
        """The folder of embeddings and of the state after each pass."""
        output = _with_suffix(self._paths[self.OUTPUT])
        return [output.with_name(f"{output.name}.parts")]

    def results(self, said: dict[str, Any], run: Run, _folder: Path) -> dict[str, Any]:
        """The file where it is better, figures, and the name under which it is found."""
        parameters, context, feedback = run
        for line in taught_lines(said, "polygons"):
            feedback.pushInfo(line)
        found: dict[str, Any] = {self.VERDICT: said["verdict"]["text"]}
        for kind, name in (("boxes", "BOX"), ("points", "POINT")):
            if (one := said["figures"].get(kind)) is not None:
                found |= {f"{name}_BEFORE": one["before"], f"{name}_AFTER": one["after"]}
        if said["output"] is None:
            feedback.pushWarning(
                translate("SamGeomed", "{verdict} Nothing is written.").format(
                    verdict=said["verdict"]["text"]
                )
            )
            return found
        if called := self.parameterAsString(parameters, self.CALLED, context).strip():
            add = ["weights", "add", said["output"], "--name", called, "--json"]
            run_program([*find_program("sam-common"), *add], feedback)
            found[self.NAMED] = called
            feedback.pushInfo(
                translate(
                    "SamGeomed", "It is called {name}: choose it in the panel Segment Anything."
                ).format(name=called)
            )
        return {**found, self.OUTPUT: said["output"]}

    def _output(self, run: Run) -> Path:
        """The file to write; its suffix is added where QGIS has another."""
        path = self.destination(self.OUTPUT, run)
        if not path:
            raise QgsProcessingException(
                translate("SamGeomed", "Choose a file for the tuned network.")
            )
        return _with_suffix(path)


def _with_suffix(path: str) -> Path:
    return Path(path if path.endswith(SUFFIX) else f"{path}{SUFFIX}")
