"""Requests: what a job reads, what it writes, and how it is run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common.embeddings import EmbeddingStore
from sam_common.errors import InputError, OutputError
from sam_common.files import check_apart, check_input, check_output, same_file
from sam_common.parts import PLAN
from sam_geo.auto import AutoOptions
from sam_geo.embedding import signature_of
from sam_geo.finish import Finish
from sam_geo.manifest import manifest_path
from sam_geo.output_checks import check_against, table_files, try_output
from sam_geo.picture import check_picture_output
from sam_geo.prompts import load_prompts
from sam_geo.segment import RunOptions
from sam_geo.shapefile import check_text
from sam_geo.sink import check_table_output
from sam_geo.style import style_path

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.segmenter import Segmenter
    from sam_geo.placement import Box
    from sam_geo.prompts import GeoPrompt
    from sam_geo.source import RasterSource
    from sam_geo.stretch import Stretch

SIGNATURE = "signature.json"
"""What every store of embeddings has in its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What every job has: a raster, a table to write, and how."""

    image: str
    """A raster that GDAL opens."""
    output: Path
    """The table to write; its suffix chooses the format."""
    layer: str | None = None
    """Layer of a GeoPackage; the name of the file where None."""
    overlay: Path | None = None
    """A picture to draw."""
    bands: tuple[int, ...] | None = None
    """1-based bands, chosen by colour interpretation where None."""
    stretch: str | None = None
    """`none`, or `min,max`; chosen from the raster where None."""
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
    def outputs(self) -> list[Path]:
        """Every file that will be written."""
        files = [*table_files(self.output), manifest_path(self.output), style_path(self.output)]
        return files if self.overlay is None else [*files, self.overlay]

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

    def check_source(self, source: RasterSource) -> None:
        """Raise where a result of this raster could not be written, before any work is done.

        Raises:
            InputError: The options make no sense for its reference system.
            OutputError: An output is a file that is read, or the table cannot be written.
        """
        self.finish.check(source.crs)
        check_against(self.outputs, source, self.tables)
        try_output(self.output, source, dst_crs=self.finish.dst_crs, layer=self.layer)

    def run_options(
        self,
        source: RasterSource,
        segmenter: Segmenter,
        stretch: Stretch,
        *,
        writes: bool = True,
    ) -> RunOptions:
        """How to run it, with the store of embeddings opened.

        Args:
            source: The raster.
            segmenter: Whose embeddings they are.
            stretch: Values to bytes.
            writes: Whether a store may be made; else one that is not there is left out.
        """
        store = None
        if self.embeddings is not None and (writes or (self.embeddings / SIGNATURE).exists()):
            store = EmbeddingStore(self.embeddings, signature_of(source, segmenter, stretch))
        return RunOptions(stretch, self.finish, self.workers, self.parts, self.resume, store)

    def parameters(self, source: RasterSource) -> dict[str, Any]:
        """Options for the record."""
        return {
            "table": self.output.name,
            "layer": self.layer,
            "bands": list(source.bands),
            "finish": asdict(self.finish),
        }


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

    def load_prompts(self, source: RasterSource) -> list[GeoPrompt]:
        """The prompts in raster indices.

        Raises:
            OutputError: The table that is to be written could not hold their names.
        """
        found = load_prompts(
            self.prompts,
            source,
            crs=self.prompts_crs,
            layer=self.prompts_layer,
            with_masks=self.polygon_masks,
        )
        if self.output.suffix.lower() == ".shp":
            for prompt in found:
                check_text("prompt_id", str(prompt.prompt_id))
                check_text("class", prompt.class_name or "")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoRequest(Request):
    """Everything in the raster."""

    options: AutoOptions = field(default_factory=AutoOptions)
    """Windows, prompt grid and filters."""
    proposals: Path | None = None
    """Vector file of boxes that are tried in place of the grid of points."""
    proposals_crs: str | None = None
    """Reference system of the proposals, over what their file says."""
    labels: Path | None = None
    """Label raster (COG) to write."""

    def boxes(self, source: RasterSource) -> list[Box] | None:
        """The proposals in raster indices, None where there are none."""
        if self.proposals is None:
            return None
        found = load_prompts(self.proposals, source, crs=self.proposals_crs)
        return [prompt.box_xyxy for prompt in found if prompt.box_xyxy is not None]

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written."""
        # a slotted dataclass is made anew by its decorator: super() without arguments is lost
        files: list[Path] = Request.outputs.fget(self)  # type: ignore[attr-defined]
        return files if self.labels is None else [*files, self.labels]

    @property
    def tables(self) -> tuple[Path | None, ...]:
        """Vector files that are read."""
        return (self.proposals,)

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written, as far as names tell."""
        Request.check_outputs(self)
        if self.labels is not None:
            check_output(self.labels, overwrite=self.replaces)
        if self.proposals is not None:
            check_input(self.proposals)
            if self.options.superpixels:
                raise InputError("give --proposals or --superpixels, not both")
