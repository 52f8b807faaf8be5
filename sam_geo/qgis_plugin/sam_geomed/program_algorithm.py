"""Program algorithm: files in, files out, by a command of the suite that runs beside QGIS.

Layers are looked at in the thread of the caller (`prepareAlgorithm`). Rasters go to the program by
the name under which GDAL opens them, features as a GeoPackage that holds them as they are now, with
edits that are not saved yet. The program writes into a folder that goes away, from which rows are
copied into the outputs, or to the paths of the outputs at once. What it keeps beside these paths to
be resumed goes with the run: the copies of the layers go too, so no later run could go on with it.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsFeature,
    QgsFeatureSink,
    QgsFields,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSource,
    QgsProcessingFeedback,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsVectorFileWriter,
)

from .environment import EnvironmentMissingError, find_program
from .suite_algorithm import SuiteAlgorithm
from .suite_program import PARTLY_FAILED, ProgramError, run_program
from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qgis.core import QgsRasterLayer

    from .suite_algorithm import Run

PROGRAM = "sam-geo"


class ProgramAlgorithm(SuiteAlgorithm):
    """An algorithm that is a command of `sam-geo`."""

    RASTERS: tuple[str, ...] = ()
    """Names of the parameters that are a raster or several."""
    FINE: tuple[int, ...] = (0, PARTLY_FAILED)
    """Exit codes of the command with a result."""

    def __init__(self) -> None:
        super().__init__()
        self._rasters: dict[str, list[str]] = {}
        self._paths: dict[str, str] = {}

    def arguments(self, run: Run, folder: Path) -> list[str]:
        """The command and its arguments.

        Args:
            run: Of Processing.
            folder: For files that the program reads or writes; it goes away after `results`.
        """
        raise NotImplementedError

    def results(self, said: dict[str, Any], run: Run, folder: Path) -> dict[str, Any]:
        """The outputs of the algorithm.

        Args:
            said: What the program printed as JSON.
            run: Of Processing.
            folder: That of `arguments`.
        """
        raise NotImplementedError

    def part_folders(self) -> Sequence[Path]:
        """Folders in which the program keeps what is done until its outputs are finished."""
        return ()

    def destination(self, parameter: str, run: Run) -> str:
        """The path that the user chose for an output file or layer; empty where it is left out."""
        if parameter not in self._paths:
            # asked once: each time, QGIS would name another temporary file
            parameters, context, _ = run
            is_file = isinstance(
                self.parameterDefinition(parameter), QgsProcessingParameterFileDestination
            )
            look = self.parameterAsFileOutput if is_file else self.parameterAsOutputLayer
            self._paths[parameter] = str(look(parameters, parameter, context) or "")
        return self._paths[parameter]

    def raster(self, parameter: str) -> str:
        """The name under which the program opens the raster of a parameter."""
        return self._rasters[parameter][0]

    def rasters(self, parameter: str) -> list[str]:
        """The names under which the program opens the rasters of a parameter, in their order."""
        return self._rasters[parameter]

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Whether the command can be run, and why not: what the dialog says."""
        is_usable, reason = super().checkParameterValues(parameters, context)
        if not is_usable:
            return False, reason
        try:
            self._names_of(parameters, context)
        except QgsProcessingException as error:
            return False, str(error)
        return True, ""

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        _feedback: QgsProcessingFeedback,
    ) -> bool:
        """Look at the rasters, which belong to this thread."""
        self._rasters = self._names_of(parameters, context)
        return True

    def _names_of(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> dict[str, list[str]]:
        """The names under which GDAL opens the rasters, by parameter."""
        found = {}
        for name in self.RASTERS:
            if isinstance(self.parameterDefinition(name), QgsProcessingParameterMultipleLayers):
                layers = self.parameterAsLayerList(parameters, name, context)
            else:
                layers = [self.parameterAsRasterLayer(parameters, name, context)]
            found[name] = [_gdal_name(layer) for layer in layers]
        return found

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Run the command and take over its results."""
        run = (parameters, context, feedback)
        feedback.setProgressText(translate("SamGeomed", "Starting the suite …"))
        try:
            program = find_program(PROGRAM)
            with tempfile.TemporaryDirectory(prefix="sam_geomed-") as folder:
                arguments = [*self.arguments(run, Path(folder)), "--json"]
                feedback.pushDebugInfo(" ".join([PROGRAM, *arguments]))
                with _removed(self.part_folders()):
                    said = run_program([*program, *arguments], feedback, self.FINE)
                return {} if said is None else self.results(said, run, Path(folder))
        except (EnvironmentMissingError, ProgramError) as error:
            raise QgsProcessingException(str(error)) from error

    def features_file(
        self, parameter: str, path: Path, run: Run, column: str = "", more: Sequence[str] = ()
    ) -> Path:
        """Write the features of a parameter to a GeoPackage, as they are now.

        Args:
            parameter: Name of a parameter that takes a layer of features.
            path: The file to make.
            run: Of Processing.
            column: Name of the column that is needed; none where empty.
            more: Names of further columns, which are kept where they are, in any letter case.

        Raises:
            QgsProcessingException: There is no such layer, or it lacks the column or a reference
                system.
        """
        parameters, context, _ = run
        source = self.parameterAsSource(parameters, parameter, context)
        if source is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, parameter))
        if not source.sourceCrs().isValid():
            raise QgsProcessingException(
                translate(
                    "SamGeomed",
                    "{layer} has no reference system: set it in the layer's properties.",
                ).format(layer=source.sourceName())
            )
        names = source.fields().names()
        if column and column not in names:
            raise QgsProcessingException(
                translate("SamGeomed", "{layer} has no column {column}: it has {columns}.").format(
                    layer=source.sourceName(),
                    column=column,
                    columns=", ".join(names) or translate("SamGeomed", "none"),
                )
            )
        wanted = {name.lower() for name in (column, *more)}
        kept = [n for n, name in enumerate(names) if name.lower() in wanted]
        fields = QgsFields()
        for n in kept:
            fields.append(source.fields()[n])
        writer = _writer(path, source, fields, context)
        for row in source.getFeatures():
            feature = QgsFeature(fields)
            feature.setAttributes([row.attributes()[n] for n in kept])
            feature.setGeometry(row.geometry())
            if not writer.addFeature(feature, QgsFeatureSink.Flag.FastInsert):
                raise _not_copied(source, writer)
        # the file is closed when its writer goes
        del writer
        return path


@contextmanager
def _removed(folders: Sequence[Path]) -> Iterator[None]:
    """Remove folders that the block makes, however it ends; those that were there stay."""
    new = [folder for folder in folders if not folder.exists()]
    try:
        yield
    finally:
        for folder in new:
            shutil.rmtree(folder, ignore_errors=True)


def _writer(
    path: Path,
    source: QgsProcessingFeatureSource,
    fields: QgsFields,
    context: QgsProcessingContext,
) -> QgsVectorFileWriter:
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    # a column of the layer may be called fid
    options.layerOptions = ["FID=sam_geomed_fid"]
    writer = QgsVectorFileWriter.create(
        str(path),
        fields,
        source.wkbType(),
        source.sourceCrs(),
        context.transformContext(),
        options,
    )
    if writer.hasError() != QgsVectorFileWriter.WriterError.NoError:
        raise _not_copied(source, writer)
    return writer


def _not_copied(
    source: QgsProcessingFeatureSource, writer: QgsVectorFileWriter
) -> QgsProcessingException:
    told = translate("SamGeomed", "cannot copy {layer}: {why}")
    return QgsProcessingException(told.format(layer=source.sourceName(), why=writer.errorMessage()))


def _gdal_name(layer: QgsRasterLayer | None) -> str:
    """The name under which GDAL opens a layer."""
    if layer is None or not layer.isValid():
        raise QgsProcessingException(
            translate("SamGeomed", "Choose a raster layer that can be read.")
        )
    if layer.providerType() != "gdal":
        raise QgsProcessingException(
            translate(
                "SamGeomed",
                "{layer} is no raster file: save it as a GeoTIFF (Export, Save As) and take that.",
            ).format(layer=layer.name())
        )
    if not layer.crs().isValid():
        raise QgsProcessingException(
            translate(
                "SamGeomed",
                "{layer} has no reference system, so that nothing is known of its areas: give the "
                "file one (Assign Projection).",
            ).format(layer=layer.name())
        )
    # after the bar stand options of QGIS
    return str(layer.source()).partition("|")[0]
