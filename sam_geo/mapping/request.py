"""Requests: the inputs, outputs and options of a land-cover job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sam_common.errors import InputError, OutputError
from sam_common.support.files import check_apart, check_input, check_output, same_file
from sam_geo.class_maps.map_style import map_style_paths
from sam_geo.class_maps.write_map import map_files
from sam_geo.jobs.output_checks import check_store_folder
from sam_geo.jobs.resumable import Resumable
from sam_geo.results.cog_file import check_cog_output
from sam_geo.results.record import manifest_path
from sam_geo.tables.write import check_table_output

if TYPE_CHECKING:
    from sam_common.executors.executor import Executor

SMALLEST_PIECE = 4
"""Pixels of the smallest piece of a class where the user names none."""
MOST_PIECE = 64
"""Largest choice of that: small pieces are told from their surroundings only."""
EMBEDDING = "embedding"
FEATURES = (EMBEDDING,)
"""Further features that may be tried."""
SHOWN = (".html", ".htm")
"""Suffixes of a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChoice:
    """Labelled samples, and how a classifier learns from them."""

    samples: Path
    """Points, lines or polygons with a class column: a vector file, GeoParquet or CSV."""
    class_field: str | None = None
    """Column of the class; `class` where None."""
    layer: str | None = None
    """Layer of a vector file that has several."""
    crs: str | None = None
    """Reference system of the samples, over what the file says."""
    indices: tuple[str, ...] = ()
    """Spectral indices by name, each a feature."""
    features: tuple[str, ...] = ()
    """Further features to try, by name: `embedding`, what the network makes of the object that a
    pixel lies in. Whether they are used is decided on ground that was not learned."""
    classifier: str | None = None
    """A kind of classifier, or `module:function` that makes one; `ensemble` where None."""
    seed: int = 0
    """Another number gives other folds and other trees."""

    def check_features(self) -> None:
        """Raise `InputError` where further features are not known."""
        if unknown := [name for name in self.features if name not in FEATURES]:
            raise InputError(f"no features {unknown[0]!r}: --features knows {', '.join(FEATURES)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LandcoverRequest(Resumable):
    """A job that makes a class map of a raster."""

    rasters: tuple[str, ...]
    """Rasters that GDAL opens; the map has the grid of the first."""
    output: Path
    """The map to write, a .tif."""
    learn: SampleChoice | None = None
    """Samples to learn from; None where a model is applied."""
    apply: Path | None = None
    """A model that an earlier job saved."""
    band_names: tuple[str, ...] | None = None
    """Names of all bands in their order; from the files where None."""
    objects: str | None = None
    """Vector file or label raster of objects that get one class each, or `auto` for everything that
    the network finds; each pixel has a class of its own where None."""
    network: str = "mobile_sam"
    """Network that finds objects or whose embedding is a feature, by its name or file."""
    embeddings: Path | None = None
    """Folder of embeddings that earlier jobs kept, and where new ones are kept."""
    smallest: int = SMALLEST_PIECE
    """Pixels of the smallest piece of a class that stays."""
    polygons: Path | None = None
    """Vector file of the map as polygons without gap or overlap."""
    polygons_by: Literal["object", "class"] = "object"
    """Whether each connected piece of a class is a polygon, or each class one."""
    simplify: float | None = None
    """Tolerance of these polygons in units of the raster's system; a pixel where None."""
    report: Path | None = None
    """Page about the map, an .html."""
    save: Path | None = None
    """File of the model."""
    check: Path | None = None
    """Independent random points with their true class, for areas with intervals."""
    check_field: str | None = None
    """Column of the true class; `reference` where None."""
    workers: int = 1
    """Blocks that are classified at the same time by this process."""
    executor: Executor | None = field(default=None, compare=False)
    """Classifies blocks and runs the network in other processes; this one does where None."""
    parts_at: str | None = None
    """Folder or address, such as `s3://bucket/runs`, in which the parts of blocks are kept, by the
    workers themselves where there is an executor; beside the output where None."""
    resume: bool = False
    """Whether to go on with an interrupted job."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    @property
    def origin(self) -> SampleChoice | Path:
        """Where classes are known from: samples to learn, or the file of a model.

        Raises:
            InputError: There are both, or none.
        """
        if self.learn is not None and self.apply is None:
            return self.learn
        if self.apply is not None and self.learn is None:
            return self.apply
        raise InputError("give samples to learn from, or a model with --apply: one of the two")

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs whose paths were given; the paths of the other outputs follow from them."""
        chosen = (self.output, self.polygons, self.report, self.save)
        return [path for path in chosen if path is not None]

    @property
    def styles(self) -> dict[Path, str]:
        """Styles of the map and its polygons, and the file that each is written for."""
        return map_style_paths(self.output, self.polygons)

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written: named outputs, what lies beside the map, styles."""
        _, beside = map_files(self.output)
        return [*self.named_outputs, beside, manifest_path(self.output), *self.styles]

    @property
    def read_files(self) -> list[Path]:
        """Files that the job reads beside its rasters."""
        given = [self.apply, self.check, None if self.learn is None else self.learn.samples]
        if self.objects is not None and self.objects != "auto":
            given.append(Path(self.objects))
        return [path for path in given if path is not None]

    def check_files(self) -> None:
        """Raise where the request makes no sense, or a file cannot be read or written.

        Raises:
            InputError: An option contradicts another, or an input is missing.
            OutputError: An output could not be written, as far as file names tell.
        """
        self._check_options()
        for path in self.read_files:
            check_input(path)
        check_cog_output(self.output, overwrite=self.replaces)
        if self.polygons is not None:
            check_table_output(self.polygons, overwrite=self.replaces)
        for path in self.outputs:
            check_output(path, overwrite=self.replaces)
        check_apart([*self.outputs, self.parts], self.read_files)
        if self.embeddings is not None:
            check_store_folder(self.embeddings)
            if same_file(self.embeddings, self.parts):
                raise OutputError(
                    f"{self.parts} is deleted when the job is done: keep embeddings in another "
                    f"folder"
                )

    def _check_options(self) -> None:
        if not self.rasters:
            raise InputError("give a raster to classify")
        origin = self.origin  # raises where there are both, or none
        if isinstance(origin, SampleChoice):
            origin.check_features()
        if self.apply is not None and self.save is not None:
            raise InputError(f"--save {self.save}: the model of --apply is saved already")
        if self.output.suffix.lower() not in {".tif", ".tiff"}:
            raise InputError(f"the map is a GeoTIFF, so give a .tif, got {self.output}")
        if self.report is not None and self.report.suffix.lower() not in SHOWN:
            raise InputError(f"the report is a page, so give an .html, got {self.report}")
        if not 1 <= self.smallest <= MOST_PIECE:
            raise InputError(
                f"the smallest piece has 1 to {MOST_PIECE} pixels, got {self.smallest}"
            )
