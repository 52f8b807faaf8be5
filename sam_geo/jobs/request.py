"""Requests: what a job reads, what it writes, and how it is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import check_apart, check_output, same_file
from sam_common.tiled_job.parts import PLAN
from sam_geo.automatic.job import AutoOptions
from sam_geo.jobs.output_checks import check_against, check_texts, table_files, try_output
from sam_geo.results.finish import Finish
from sam_geo.results.label_raster import check_labels_output
from sam_geo.results.picture import check_picture_output
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import manifest_path
from sam_geo.tables.write import check_table_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterRequest:
    """What every job has: a raster, and how it is looked at."""

    image: str
    """A raster that GDAL opens."""
    bands: tuple[int, ...] | None = None
    """1-based bands, chosen by colour interpretation where None."""
    page: int | None = None
    """Of a file that holds several rasters, from 1."""
    image_crs: str | None = None
    """Reference system of the raster, over what the file says."""
    stretch: str | Stretch | None = None
    """`none`, or `min,max`, or one that is known; chosen from the raster where None."""
    model: str | None = None
    """Name of the network, where one is given: what it takes is checked before it is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeRequest(RasterRequest):
    """The embeddings of a whole raster."""

    output: Path
    """Folder of the store."""
    max_bytes: int | None = None
    """Size at which the oldest embeddings are removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(RasterRequest):
    """What the jobs that find objects have: a table to write, and how."""

    output: Path
    """The table to write; its suffix chooses the format."""
    layer: str | None = None
    """Layer of a GeoPackage; the name of the file where None."""
    overlay: Path | None = None
    """A picture to draw."""
    finish: Finish = field(default_factory=Finish)
    """What is done to the outlines."""
    embeddings: Path | None = None
    """Folder of embeddings that earlier jobs kept, and where new ones go."""
    workers: int = 1
    """Windows that are segmented at the same time."""
    resume: bool = False
    """Whether to go on with an interrupted job."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    @property
    def parts(self) -> Path:
        """Folder of the unfinished job."""
        return self.output.with_name(f"{self.output.name}.parts")

    @property
    def replaces(self) -> bool:
        """Whether outputs that exist may be replaced: a resumed job replaces its own."""
        return self.overwrite or (self.resume and (self.parts / PLAN).is_file())

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs whose names were given; others follow from them."""
        return [self.output] if self.overlay is None else [self.output, self.overlay]

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written."""
        files = [*table_files(self.output), manifest_path(self.output), style_path(self.output)]
        return [*files, *self.named_outputs[1:]]

    @property
    def tables(self) -> tuple[Path | None, ...]:
        """Vector files that are read."""
        return ()

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written, as far as names tell."""
        check_table_output(self.output, overwrite=self.replaces, layer=self.layer)
        for path in (manifest_path(self.output), style_path(self.output)):
            check_output(path, overwrite=self.replaces)
        if self.overlay is not None:
            check_picture_output(self.overlay, overwrite=self.replaces)
        check_apart([*self.outputs, self.parts])
        if self.embeddings is not None and same_file(self.embeddings, self.parts):
            raise OutputError(
                f"{self.parts} is deleted when the job is done: keep embeddings in another folder"
            )

    def check_source(self, source: RasterSource, prompts: Sequence[GeoPrompt] = ()) -> None:
        """Raise where a result of this raster could not be written, before any work is done.

        Args:
            source: The raster.
            prompts: What is asked for, in its indices.

        Raises:
            InputError: The options make no sense for its reference system.
            OutputError: An output is a file that is read, or the table cannot be written, or not
                hold the prompts' names.
        """
        self.finish.check(source.crs)
        weights = None if self.model is None else Path(self.model)
        check_against(self.outputs, source, (*self.tables, weights))
        check_texts(self.output, prompts)
        try_output(self.output, source, dst_crs=self.finish.dst_crs, layer=self.layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest(Request):
    """Objects that are asked for."""

    prompts: Path
    """A file of prompts."""
    prompts_crs: str | None = None
    """Reference system of the prompts, over what their file says."""
    prompts_layer: str | None = None
    """Layer of a vector file that has several."""
    polygon_masks: bool = False
    """Whether polygons are given to the network as masks too, not only as boxes."""

    @property
    def tables(self) -> tuple[Path | None, ...]:
        """Vector files that are read."""
        return (self.prompts,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoRequest(Request):
    """Everything in the raster."""

    options: AutoOptions = field(default_factory=AutoOptions)
    """Windows, prompt grid and filters."""
    proposals: Path | None = None
    """Vector file of boxes that are tried in place of the grid of points."""
    proposals_crs: str | None = None
    """Reference system of the proposals, over what their file says."""
    proposals_layer: str | None = None
    """Layer of a vector file of proposals that has several."""
    labels: Path | None = None
    """Label raster (COG) to write."""

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs whose names were given; others follow from them."""
        # a slotted dataclass is made anew by its decorator: super() without arguments is lost
        files: list[Path] = Request.named_outputs.fget(self)  # type: ignore[attr-defined]
        return files if self.labels is None else [*files, self.labels]

    @property
    def tables(self) -> tuple[Path | None, ...]:
        """Vector files that are read."""
        return (self.proposals,)

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written, as far as names tell."""
        Request.check_outputs(self)
        if self.labels is not None:
            check_labels_output(self.labels, overwrite=self.replaces)
