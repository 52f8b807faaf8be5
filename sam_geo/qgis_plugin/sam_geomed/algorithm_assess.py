"""Algorithm `sam_geomed:assess`: accuracies and true areas of a class map from checked points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsProcessing,
    QgsProcessingOutputNumber,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterRasterLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP, QVariant

from .algorithm_sample import REFERENCE, STRATUM
from .program_algorithm import ProgramAlgorithm
from .suite_algorithm import Sink
from .translation import translate, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .suite_algorithm import Run

WEIGHT = "weight_m2"
"""Column of the area that a point stands for."""
SQUARE_METRES = {"ha": 1e4, "m2": 1.0, "km2": 1e6}
"""Units of areas, the default first."""
ROUNDING = 1e-12
"""Share of a figure below which its margin is an error of rounding."""
QT_TYPES = {str: QVariant.String, int: QVariant.LongLong, float: QVariant.Double}
CLASS_COLUMNS = {
    "class": str,
    **dict.fromkeys(("users", "users_low", "users_high"), float),
    **dict.fromkeys(("producers", "producers_low", "producers_high"), float),
    **dict.fromkeys(("mapped", "area", "area_low", "area_high"), float),
    "unit": str,
}
"""Columns of the table of classes."""
MATRIX_COLUMNS = {"map_class": str, "true_class": str, "points": int, "share": float}
"""Columns of the error matrix."""
HELP = QT_TRANSLATE_NOOP(
    "SamGeomed",
    """Estimates how right a class map is, and how large its classes really are, with 95 %
intervals, from points whose true class somebody has looked up.

The points must have been drawn by chance: those of Sample a class map, or any simple random or
systematic sample. No interval follows from points that were chosen by hand, nor from those that
trained the map.

Give the column of the true class; points without one do not count, and the log tells how many.
Selected points alone are used where Selected features only is ticked, and edits that are not saved
yet count too.

Accuracies: users, of what the map calls a class, the share that is; producers, of the class as it
really is, the share that the map calls so. mapped is the area that the map has, area the estimated
true one, each with the ends of its 95 % interval. All are true areas on the ellipsoid.

The error matrix, which is made where asked for, has a row for each pair of classes: its points, and
the share of the whole area.

Estimates and standard errors are those of Olofsson et al. (2014), and of Stehman (2014) where
points were drawn in other strata than the classes of the map.

For research and mapping.""",
)


class Assess(ProgramAlgorithm):
    """A class map and reference points in, tables of accuracies and areas out."""

    NAME = "assess"
    TITLE = QT_TRANSLATE_NOOP("SamGeomed", "Assess a class map")
    GROUP = QT_TRANSLATE_NOOP("SamGeomed", "Class maps")
    HELP = HELP
    TAGS = QT_TRANSLATE_NOOP(
        "SamGeomed", "accuracy,area,error matrix,confusion,validation,land cover"
    )
    INPUT = "INPUT"
    POINTS = "POINTS"
    CLASS_FIELD = "CLASS_FIELD"
    UNIT = "UNIT"
    OUTPUT = "OUTPUT"
    MATRIX = "MATRIX"
    RASTERS = (INPUT,)
    NUMBERS = (
        ("OVERALL", QT_TRANSLATE_NOOP("SamGeomed", "Overall accuracy")),
        ("OVERALL_LOW", QT_TRANSLATE_NOOP("SamGeomed", "Lower end of its 95 % interval")),
        ("OVERALL_HIGH", QT_TRANSLATE_NOOP("SamGeomed", "Upper end of its 95 % interval")),
        ("COUNT", QT_TRANSLATE_NOOP("SamGeomed", "Points that count")),
    )
    """Outputs that are numbers."""

    def initAlgorithm(self, _configuration: Any = None) -> None:
        """Add the parameters and outputs."""
        self.addParameter(
            QgsProcessingParameterRasterLayer(self.INPUT, translate("SamGeomed", "Class map"))
        )
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                self.POINTS,
                translate("SamGeomed", "Points with their true class"),
                [QgsProcessing.TypeVectorPoint],
            )
        )
        self.addParameter(
            QgsProcessingParameterField(
                self.CLASS_FIELD,
                translate("SamGeomed", "Column of the true class"),
                defaultValue=REFERENCE,
                parentLayerParameterName=self.POINTS,
                # a parameter that must be given has no use for its default
                optional=True,
            )
        )
        units = list(SQUARE_METRES)
        self.addParameter(
            QgsProcessingParameterEnum(
                self.UNIT,
                translate("SamGeomed", "Unit of areas"),
                options=units,
                defaultValue=units[0],
                usesStaticStrings=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT,
                translate("SamGeomed", "Accuracies and areas"),
                QgsProcessing.TypeVector,
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.MATRIX,
                translate("SamGeomed", "Error matrix"),
                QgsProcessing.TypeVector,
                optional=True,
                createByDefault=False,
            )
        )
        for name, text in self.NUMBERS:
            self.addOutput(QgsProcessingOutputNumber(name, translated(text)))

    def arguments(self, run: Run, folder: Path) -> list[str]:
        """The arguments of `sam-geo assess`."""
        parameters, context, _ = run
        field = self.parameterAsString(parameters, self.CLASS_FIELD, context) or REFERENCE
        path = folder / "points.gpkg"
        points = self.features_file(self.POINTS, path, run, field, (STRATUM, WEIGHT))
        return ["assess", self.raster(self.INPUT), str(points), "--class-field", field]

    def results(self, said: dict[str, Any], run: Run, _folder: Path) -> dict[str, Any]:
        """Tables, numbers and the log."""
        parameters, context, feedback = run
        unit = self.parameterAsEnumString(parameters, self.UNIT, context)
        for line in in_words(said, unit):
            feedback.pushInfo(line)
        found = {self.OUTPUT: self._table(self.OUTPUT, CLASS_COLUMNS, _classes(said, unit), run)}
        if parameters.get(self.MATRIX):
            found[self.MATRIX] = self._table(self.MATRIX, MATRIX_COLUMNS, _matrix(said), run)
        overall = said["overall"]
        numbers = (overall["value"], overall["low"], overall["high"], said["points"])
        return {**found, **{name: n for (name, _), n in zip(self.NUMBERS, numbers)}}

    def _table(
        self, parameter: str, types: Mapping[str, type], rows: Iterable[Sequence[Any]], run: Run
    ) -> str:
        """Write rows to a sink without geometry."""
        columns = QgsFields()
        for column, kind in types.items():
            columns.append(QgsField(column, QT_TYPES[kind]))
        sink = Sink(parameter, QgsWkbTypes.NoGeometry, QgsCoordinateReferenceSystem())
        into, name = self.opened_sink(sink, columns, run)
        for row in rows:
            feature = QgsFeature(columns)
            feature.setAttributes([NULL if value is None else value for value in row])
            self.put(into, feature, sink, run)
        return name


def _classes(said: Mapping[str, Any], unit: str) -> Iterator[list[Any]]:
    """A row of `CLASS_COLUMNS` for each class."""
    factor = 1 / SQUARE_METRES[unit]
    for one in said["classes"]:
        shares = [*_interval(one["users"], 1.0), *_interval(one["producers"], 1.0)]
        areas = [one["mapped_m2"] * factor, *_interval(one["area_m2"], factor)]
        yield [one["class"], *shares, *areas, unit]


def _interval(figure: Mapping[str, float | None], factor: float) -> Iterator[float | None]:
    for value in (figure["value"], figure["low"], figure["high"]):
        yield None if value is None else value * factor


def _matrix(said: Mapping[str, Any]) -> Iterator[list[Any]]:
    """A row of `MATRIX_COLUMNS` for each pair of classes."""
    names = [one["class"] for one in said["classes"]]
    for mapped, counts, shares in zip(names, said["counts"], said["proportions"]):
        for true, count, share in zip(names, counts, shares):
            yield [mapped, true, int(count), float(share)]


def in_words(said: Mapping[str, Any], unit: str) -> list[str]:
    """An assessment as lines of text: overall accuracy, a line for each class, the error matrix."""
    head = [
        translate("SamGeomed", "class"),
        translate("SamGeomed", "user's accuracy"),
        translate("SamGeomed", "producer's accuracy"),
        translate("SamGeomed", "mapped, {unit}").format(unit=unit),
        translate("SamGeomed", "area, {unit}").format(unit=unit),
    ]
    rows = [head]
    factor = 1 / SQUARE_METRES[unit]
    for one in said["classes"]:
        users, producers = (_with_margin(one[name], 1.0, ".3f") for name in ("users", "producers"))
        area = _with_margin(one["area_m2"], factor, ".6g")
        rows.append([one["class"], users, producers, f"{one['mapped_m2'] * factor:.6g}", area])
    names = [one["class"] for one in said["classes"]]
    matrix = [["", *names]]
    matrix += [[name, *map(str, counts)] for name, counts in zip(names, said["counts"])]
    overall = _with_margin(said["overall"], 1.0, ".3f")
    return [
        translate(
            "SamGeomed",
            "Overall accuracy {overall} (%n points, 95 % intervals)",
            "",
            said["points"],
        ).format(overall=overall),
        *_aligned(rows),
        translate("SamGeomed", "Points: map in rows, truth in columns"),
        *_aligned(matrix),
    ]


def _with_margin(figure: Mapping[str, float | None], factor: float, form: str) -> str:
    """A figure with half of its 95 % interval; a dash for what is unknown."""
    value, high = figure["value"], figure["high"]
    if value is None:
        return "-"
    margin = math.nan if high is None else high - value
    if margin < ROUNDING * abs(value):
        margin = 0.0
    shown = "?" if math.isnan(margin) else format(margin * factor, form)
    return f"{format(value * factor, form)} ± {shown}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(n) for cell, n in zip(row, widths)).rstrip() for row in rows]
