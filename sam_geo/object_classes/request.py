"""Requests: the inputs, outputs and options of jobs that tell objects apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError, OutputError
from sam_common.support.files import check_apart, check_input, check_output, same_file
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.output_checks import check_store_folder, table_files
from sam_geo.jobs.resumable import Resumable
from sam_geo.learning.classifier import check_classifier
from sam_geo.mapping.request import EMBEDDING, FEATURES
from sam_geo.object_features.kept import SUFFIX
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import manifest_path
from sam_geo.tables.write import check_table_output

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.executors.executor import Executor

FEW = "discriminant"
"""Kind of classifier for a handful of examples: linear, and shrunk more the fewer they are."""
LEAST_PROBABILITY = 0.5
"""Probability from which an object is written, where the user names none."""
LEAST_QUALITY, LEAST_STABILITY = 0.7, 0.8
"""Filters of the masks that are candidates: less strict than those of `sam-geo auto`, as what is no
object is told by the examples here."""


def candidate_options(
    tile_size: int | None = None, points_per_side: int | None = None
) -> AutoOptions:
    """Options of the automatic job that finds candidates.

    Args:
        tile_size: Side of a window in pixels; that of the network's input where None.
        points_per_side: Points of the grid in one window along each side; the usual where None.

    Raises:
        GeometryError: The windows make no sense.
    """
    usual = EverythingOptions(pred_iou_thresh=LEAST_QUALITY, stability_score_thresh=LEAST_STABILITY)
    if points_per_side is not None:
        usual = replace(usual, points_per_side=points_per_side)
    return AutoOptions(tile_size=tile_size, everything=usual)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRequest(Resumable):
    """What both jobs have in common."""

    output: Path
    """The table to write: .gpkg, .fgb, .geojson, .parquet or .shp."""
    layer: str | None = None
    """Layer of a GeoPackage to write; the name of the file where None."""
    classifier: str | None = None
    """A kind of classifier, or `module:function` that makes one."""
    seed: int = 0
    """Another number gives other folds."""
    network: str = "mobile_sam"
    """Network that finds candidates and whose embedding is a feature, by its name or file."""
    embeddings: Path | None = None
    """Folder of embeddings that earlier jobs kept, and where new ones are kept."""
    workers: int = 1
    """Windows that the network sees at the same time in this process."""
    executor: Executor | None = field(default=None, compare=False)
    """Runs the network in other processes; this one does where None."""
    resume: bool = False
    """Whether to go on with an interrupted job."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    @property
    def read_files(self) -> list[Path]:
        """Vector files that the job reads."""
        return []

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs that another job could be given too."""
        return [self.output]

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written: the table, its record and its style."""
        return [*table_files(self.output), manifest_path(self.output), style_path(self.output)]

    def check_files(self) -> None:
        """Raise where an option makes no sense, an input is missing, or an output is impossible.

        Raises:
            InputError: An input is missing, or an option is out of its range.
            OutputError: An output exists or cannot be written, or is an input.
        """
        check_table_output(self.output, overwrite=self.replaces, layer=self.layer)
        for path in (manifest_path(self.output), style_path(self.output)):
            check_output(path, overwrite=self.replaces)
        for path in self.read_files:
            check_input(path)
        check_apart([*self.outputs, self.parts], self.read_files)
        if self.classifier is not None:
            check_classifier(self.classifier)
        if self.embeddings is not None:
            check_store_folder(self.embeddings)
            if same_file(self.embeddings, self.parts):
                raise OutputError(
                    f"{self.parts} is deleted when the job is done: keep embeddings in another "
                    f"folder"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarRequest(ObjectRequest):
    """A job that finds more objects like a few examples."""

    image: str
    """Path or address of a raster that GDAL opens."""
    examples: Path
    """Polygons or points of examples, in any vector format."""
    examples_crs: str | None = None
    """Reference system of the examples, over what their file says; `pixel` for pixels."""
    examples_layer: str | None = None
    """Layer of a vector file that has several."""
    example_field: str | None = None
    """Column of the examples that tells examples (1, true) from refusals (0, false)."""
    negatives: Path | None = None
    """Polygons or points of objects that are something else."""
    corrections: Path | None = None
    """An earlier result whose column `accepted` a user filled in: true or false."""
    candidates: Path | None = None
    """Polygons to choose from; everything that the network finds where None."""
    keep_candidates: Path | None = None
    """Where candidates and features are kept, and taken from where it is there; beside the output
    where None."""
    least_probability: float = LEAST_PROBABILITY
    """Probability from which an object is written."""
    every: bool = False
    """Whether every candidate is written, with its probability."""
    judge: Path | None = None
    """True outlines of all objects, by which the result is judged."""
    with_embedding: bool = True
    """Whether what the network makes of a candidate is among its features."""
    parts_at: str | None = None
    """Folder or address, such as `s3://bucket/runs`, in which the parts of windows are kept, by the
    workers themselves where there is an executor; beside the output where None."""
    auto: AutoOptions = field(default_factory=candidate_options)
    """Windows and grid of points with which candidates are looked for."""

    @property
    def rasters(self) -> tuple[str, ...]:
        """Rasters that the job reads."""
        return (self.image,)

    @property
    def kept(self) -> Path:
        """The file of candidates and features: `more.candidates.parquet` for `more.gpkg`."""
        beside = self.output.with_name(f"{self.output.stem}.candidates{SUFFIX}")
        return self.keep_candidates or beside

    @property
    def read_files(self) -> list[Path]:
        """Vector files that the job reads."""
        given = (self.examples, self.negatives, self.corrections, self.candidates, self.judge)
        return [path for path in given if path is not None]

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs that another job could be given too."""
        return [self.output, self.kept]

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written, that of the candidates included."""
        own: list[Path] = ObjectRequest.outputs.fget(self)  # type: ignore[attr-defined]  # slots
        return [*own, self.kept]

    def check_files(self) -> None:
        """Raise as `ObjectRequest.check_files`, and where the probability is none.

        Raises:
            InputError: An input is missing, or an option is out of its range.
            OutputError: An output exists or cannot be written, or is an input.
        """
        ObjectRequest.check_files(self)
        if not 0 <= self.least_probability <= 1:
            raise InputError(f"--least-probability is 0 to 1, got {self.least_probability}")
        if self.kept.suffix.lower() != SUFFIX:
            raise InputError(f"candidates are kept as GeoParquet, so give a {SUFFIX}: {self.kept}")
        check_output(self.kept, overwrite=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyRequest(ObjectRequest):
    """A job that gives each object of a layer a class, from a few samples."""

    rasters: tuple[str, ...]
    """Rasters that GDAL opens, stacked on the grid of the first."""
    objects: Path
    """Polygons to be classified."""
    samples: Path
    """Polygons or points with a class column."""
    objects_crs: str | None = None
    """Reference system of the objects, over what their file says; `pixel` for pixels."""
    objects_layer: str | None = None
    """Layer of a vector file that has several."""
    samples_crs: str | None = None
    """Reference system of the samples, over what their file says; `pixel` for pixels."""
    samples_layer: str | None = None
    """Layer of a vector file that has several."""
    class_field: str | None = None
    """Column of the class; `class` where None."""
    band_names: tuple[str, ...] | None = None
    """Names of all bands in their order; from the files where None."""
    features: tuple[str, ...] = ()
    """Further features to try, by name: `embedding`."""

    @property
    def tries_embedding(self) -> bool:
        """Whether the embedding of a network is among the features to try."""
        return EMBEDDING in self.features

    @property
    def read_files(self) -> list[Path]:
        """Vector files that the job reads."""
        return [self.objects, self.samples]

    def check_files(self) -> None:
        """Raise as `ObjectRequest.check_files`, and where features are not known.

        Raises:
            InputError: An input is missing, or an option is out of its range.
            OutputError: An output exists or cannot be written, or is an input.
        """
        ObjectRequest.check_files(self)
        if not self.rasters:
            raise InputError("give the image of the objects by --image")
        if unknown := [name for name in self.features if name not in FEATURES]:
            raise InputError(f"no features {unknown[0]!r}: --features knows {', '.join(FEATURES)}")
