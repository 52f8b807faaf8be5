"""Requests: what a job reads, what it writes, and how it is run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common.embeddings import EmbeddingStore
from sam_common.errors import InputError
from sam_common.files import check_input, check_output
from sam_geo.auto import AutoOptions
from sam_geo.embedding import signature_of
from sam_geo.finish import Finish
from sam_geo.manifest import manifest_path
from sam_geo.picture import check_picture_output
from sam_geo.prompts import load_prompts
from sam_geo.proposals import load_proposals
from sam_geo.segment import RunOptions
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
        return self.overwrite or (self.resume and self.parts.is_dir())

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written."""
        check_table_output(self.output, overwrite=self.replaces)
        for path in (manifest_path(self.output), style_path(self.output)):
            check_output(path, overwrite=self.replaces)
        if self.overlay is not None:
            check_picture_output(self.overlay, overwrite=self.replaces)

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
        return {"bands": list(source.bands), "finish": asdict(self.finish)}


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

    def load_prompts(self, source: RasterSource) -> list[GeoPrompt]:
        """The prompts in raster indices."""
        return load_prompts(
            self.prompts,
            source,
            crs=self.prompts_crs,
            layer=self.prompts_layer,
            with_masks=self.polygon_masks,
        )


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

    def boxes(self, source: RasterSource) -> list[Box] | None:
        """The proposals in raster indices, None where there are none."""
        if self.proposals is None:
            return None
        return load_proposals(
            self.proposals, source, crs=self.proposals_crs, layer=self.proposals_layer
        )

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written."""
        # a slotted dataclass is made anew by its decorator: super() without arguments is lost
        Request.check_outputs(self)
        if self.labels is not None:
            check_output(self.labels, overwrite=self.replaces)
        if self.proposals is not None:
            check_input(self.proposals)
            if self.options.superpixels:
                raise InputError("give --proposals or --superpixels, not both")
