"""Requests: the inputs, outputs and options of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.pages.object_page import check_page_output
from sam_common.support.files import check_apart, check_output, same_file
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.output_checks import check_against, check_texts, table_files, try_output
from sam_geo.jobs.resumable import Resumable
from sam_geo.results.cog_file import check_cog_output
from sam_geo.results.finish import Finish
from sam_geo.results.picture import check_picture_output
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import manifest_path
from sam_geo.tables.partitioned import check_partitioned_output
from sam_geo.tables.write import check_table_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_common.executors.executor import Executor
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch
    from sam_geo.words.options import WordOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterRequest:
    """The raster of a job, and how its values become the image that the network sees."""

    image: str
    """Path or address of a raster that GDAL opens."""
    bands: tuple[int, ...] | None = None
    """One or three 1-based bands; chosen by colour interpretation where None."""
    page: int | None = None
    """Number, from 1, of the raster in a file that holds several, such as pages of a TIFF."""
    image_crs: str | None = None
    """Reference system of the raster, in place of the one that its file states."""
    stretch: str | Stretch | None = None
    """`none`, `min,max` or a stretch that was chosen before; chosen from the raster where None."""
    model: str | None = None
    """Name or file of the network, if it is known: a request that does not fit a published network
    is refused before that is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeRequest(RasterRequest):
    """A job that keeps the embeddings of a whole raster."""

    output: Path
    """Folder of the embeddings; made where it is missing."""
    max_bytes: int | None = None
    """Size at which the embeddings used longest ago are removed; no limit where None."""
    workers: int = 1
    """Windows that are embedded at the same time by this process."""
    executor: Executor | None = field(default=None, compare=False)
    """Runs the encoder in other processes, which have to see the folder; this one where None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(RasterRequest, Resumable):
    """A job that finds objects and writes them to a table."""

    output: Path
    """The table to write; its suffix chooses the format: .gpkg, .fgb, .geojson, .parquet, .shp."""
    layer: str | None = None
    """Layer of a GeoPackage to write; the name of the file where None."""
    overlay: Path | None = None
    """PNG or JPEG file in which the result is drawn over the raster."""
    report: Path | None = None
    """Page about the result, an .html, with its doubtful objects in pictures."""
    finish: Finish = field(default_factory=Finish)
    """Least area, simplification and reference system of the polygons."""
    embeddings: Path | None = None
    """Folder of embeddings that earlier jobs kept, and where new ones are kept."""
    workers: int = 1
    """Windows that are segmented at the same time by this process."""
    executor: Executor | None = field(default=None, compare=False)
    """Segments windows in other processes, such as `DaskExecutor`; this one does where None."""
    parts_at: str | None = None
    """Folder or address, such as `s3://bucket/runs`, in which the parts of windows are kept, by the
    workers themselves where there is an executor; beside the output where None."""
    resume: bool = False
    """Whether to go on with an interrupted job."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs whose paths were given; the paths of the other outputs follow from them."""
        chosen = (self.overlay, self.report)
        return [self.output, *(path for path in chosen if path is not None)]

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written: tables, record, style, picture, page, label raster."""
        files = [*table_files(self.output), manifest_path(self.output), style_path(self.output)]
        return [*files, *self.named_outputs[1:]]

    @property
    def tables(self) -> tuple[Path | None, ...]:
        """Vector files that the job reads."""
        return ()

    def check_table(self) -> None:
        """Raise `OutputError` where the table could not be written, as far as its name tells."""
        check_table_output(self.output, overwrite=self.replaces, layer=self.layer)

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written, as far as file names tell."""
        self.check_table()
        for path in (manifest_path(self.output), style_path(self.output)):
            check_output(path, overwrite=self.replaces)
        if self.overlay is not None:
            check_picture_output(self.overlay, overwrite=self.replaces)
        if self.report is not None:
            check_page_output(self.report, overwrite=self.replaces)
        check_apart([*self.outputs, self.parts])
        if self.embeddings is not None and same_file(self.embeddings, self.parts):
            raise OutputError(
                f"{self.parts} is deleted when the job is done: keep embeddings in another folder"
            )

    def check_source(self, source: RasterSource, prompts: Sequence[GeoPrompt] = ()) -> None:
        """Raise where a result of this raster could not be written, before any work is done.

        Args:
            source: The raster.
            prompts: Prompts whose names and classes the table has to hold.

        Raises:
            InputError: The options make no sense in the raster's reference system.
            OutputError: An output is a file that the job reads, or the table cannot be written or
                cannot hold the names of the prompts.
        """
        self.finish.check(source.crs)
        weights = None if self.model is None else Path(self.model)
        check_against(self.outputs, source, (*self.tables, weights))
        check_texts(self.output, prompts)
        try_output(self.output, source, dst_crs=self.finish.dst_crs, layer=self.layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest(Request):
    """A job that segments the object of each prompt."""

    prompts: Path | None = None
    """File of the prompts: vector file, Pascal VOC XML, or CSV; None where words are given."""
    prompts_crs: str | None = None
    """Reference system of the prompts, in place of the one that their file states; `pixel` for
    pixel coordinates."""
    prompts_layer: str | None = None
    """Layer of a vector file that has several."""
    polygon_masks: bool = False
    """Whether the network is given a polygon as a mask too, not only its box."""
    one_class: bool = False
    """Whether points are of one class, so that their masks are to agree in size and looks."""
    words: WordOptions | None = None
    """What to look for by words, in place of a file of prompts."""

    @property
    def tables(self) -> tuple[Path | None, ...]:
        """Vector files that the job reads."""
        return (self.prompts,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoRequest(Request):
    """A job that segments everything in a raster."""

    options: AutoOptions = field(default_factory=AutoOptions)
    """Windows, grid of points and filters."""
    proposals: Path | None = None
    """Vector file of boxes that are tried in place of the grid of points."""
    proposals_crs: str | None = None
    """Reference system of the proposals, in place of the one that their file states."""
    proposals_layer: str | None = None
    """Layer of a file of proposals that has several."""
    labels: Path | None = None
    """Label raster to write, a cloud-optimised GeoTIFF."""
    partition: int | None = None
    """Most windows of a partition, at least 1: the table, a .parquet, becomes a folder of
    GeoParquet files with one for each; one file where None."""

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs whose paths were given, the label raster included."""
        # a slotted dataclass is made anew by its decorator: super() without arguments is lost
        files: list[Path] = Request.named_outputs.fget(self)  # type: ignore[attr-defined]
        return files if self.labels is None else [*files, self.labels]

    @property
    def tables(self) -> tuple[Path | None, ...]:
        """Vector files that the job reads."""
        return (self.proposals,)

    def check_table(self) -> None:
        """Raise `OutputError` where the table could not be written, as far as its name tells."""
        if self.partition is None:
            Request.check_table(self)
            return
        if self.partition < 1:
            raise OutputError(f"--partition must be at least 1 window, got {self.partition}")
        if self.layer is not None:
            raise OutputError(f"--layer is for a .gpkg, not for partitions: {self.output}")
        check_partitioned_output(self.output, overwrite=self.replaces)

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written, as far as file names tell."""
        Request.check_outputs(self)
        if self.labels is not None:
            check_cog_output(self.labels, overwrite=self.replaces)
