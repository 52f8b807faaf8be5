"""Suite algorithm: what all Processing algorithms of the plugin have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsFeature,
    QgsFeatureSink,
    QgsFields,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsVectorLayer,
    QgsWkbTypes,
)

from .translation import translate, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qgis.core import QgsCoordinateReferenceSystem, QgsGeometry

Run = tuple[dict[str, Any], QgsProcessingContext, QgsProcessingFeedback]
"""What Processing gives to a run: parameters, context, feedback."""


@dataclass(frozen=True)
class Sink:
    """Where rows go: an output parameter, with the kind of geometry that it gets."""

    parameter: str
    """Name of the parameter."""
    geometry: QgsWkbTypes.Type
    """Type of all its geometries; `NoGeometry` for a table."""
    crs: QgsCoordinateReferenceSystem
    """Reference system of the geometries."""

    @property
    def is_multi(self) -> bool:
        """Whether its geometries have several parts."""
        return bool(QgsWkbTypes.isMultiType(self.geometry))


class SuiteAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that is described by constants of its class, in English.

    Texts are marked for translation where they stand, and translated when QGIS asks.
    """

    NAME = ""
    """Identifier of the algorithm, after the colon."""
    TITLE = ""
    """Name of the algorithm in the toolbox."""
    GROUP = ""
    """Group of the algorithm in the toolbox; none where empty."""
    HELP = ""
    """Text beside the parameters."""
    TAGS = ""
    """Words by which the algorithm is found, separated by commas."""

    def createInstance(self) -> SuiteAlgorithm:
        """Another algorithm of the same kind."""
        return type(self)()

    def name(self) -> str:
        """See `NAME`."""
        return self.NAME

    def displayName(self) -> str:
        """See `TITLE`."""
        return translated(self.TITLE)

    def group(self) -> str:
        """See `GROUP`."""
        return translated(self.GROUP) if self.GROUP else ""

    def groupId(self) -> str:
        """Identifier of `GROUP`, the same in all languages."""
        return self.GROUP.lower().replace(" ", "_")

    def shortHelpString(self) -> str:
        """See `HELP`."""
        return translated(self.HELP)

    def tags(self) -> list[str]:
        """See `TAGS`."""
        return translated(self.TAGS).split(",")

    def add_advanced(self, parameter: QgsProcessingParameterDefinition) -> None:
        """Add a parameter that is folded away."""
        flag = QgsProcessingParameterDefinition.Flag.FlagAdvanced
        parameter.setFlags(parameter.flags() | flag)
        self.addParameter(parameter)

    def opened_sink(self, sink: Sink, columns: QgsFields, run: Run) -> tuple[QgsFeatureSink, str]:
        """The sink that the user chose for an output, and the name of its layer.

        Raises:
            QgsProcessingException: It cannot be written.
        """
        parameters, context, _ = run
        found, name = self.parameterAsSink(
            parameters, sink.parameter, context, columns, sink.geometry, sink.crs
        )
        if found is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, sink.parameter))
        return found, str(name)

    def put(self, into: QgsFeatureSink, feature: QgsFeature, sink: Sink, run: Run) -> None:
        """Add a feature to an open sink.

        Raises:
            QgsProcessingException: It does not take it.
        """
        if not into.addFeature(feature, QgsFeatureSink.Flag.FastInsert):
            raise QgsProcessingException(self.writeFeatureError(into, run[0], sink.parameter))

    def copied(
        self,
        path: Path,
        sink: Sink,
        run: Run,
        placed: Callable[[QgsGeometry], QgsGeometry] = lambda shape: shape,
    ) -> str:
        """Copy the rows of a file into the sink that the user chose.

        Args:
            path: A file with one layer.
            sink: Where the rows go.
            run: Of Processing.
            placed: Geometry of the file to geometry of the sink.

        Returns:
            Name of the sink's layer.

        Raises:
            QgsProcessingException: The file cannot be read, or the sink not be written.
        """
        table = QgsVectorLayer(str(path), "rows", "ogr")
        if not table.isValid():
            raise QgsProcessingException(
                translate("SamGeomed", "the suite's result cannot be read")
            )
        columns = QgsFields()
        kept = [n for n, each in enumerate(table.fields()) if each.name() != "fid"]
        for n in kept:
            columns.append(table.fields()[n])
        into, name = self.opened_sink(sink, columns, run)
        for row in table.getFeatures():
            if run[2].isCanceled():
                break
            feature = QgsFeature(columns)
            feature.setAttributes([row.attributes()[n] for n in kept])
            if row.hasGeometry():
                shape = placed(row.geometry())
                # some files hold parts alone where others hold several
                if sink.is_multi:
                    shape.convertToMultiType()
                feature.setGeometry(shape)
            self.put(into, feature, sink, run)
        # the file is closed before its folder goes
        del table
        return name
