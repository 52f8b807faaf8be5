"""Job requests of protocol 1, as pydantic models, and the log that a session is made from again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from sam_common.server.sessions.protocol import (
    Bands,
    CrsText,
    Identifier,
    Index,
    LoggedEdit,
    Name,
    OpenSource,
    PathText,
    StretchText,
    Strict,
)

MOST_EDITS = 100_000
"""Most edits of a log that is replayed."""


class OpenJob(Strict):
    """A session to open in the background; the summary of the job has its identifier."""

    kind: Literal["open"]
    source: OpenSource


class LogSource(Strict):
    """The source that a log was made on."""

    fingerprint: Name
    name: str = ""
    request: OpenSource | None = None


class LogNetwork(Strict):
    """The model that a log was made with."""

    name: Name
    sha256: Name


class LogModel(Strict):
    """The log of a session, as the server gave it."""

    protocol: Literal[1]
    source: LogSource
    model: LogNetwork
    edits: Annotated[list[LoggedEdit], Field(max_length=MOST_EDITS)]
    cursor: Index


class ReplayJob(Strict):
    """A session to make from its log."""

    kind: Literal["replay"]
    log: LogModel
    source: OpenSource | None = None
    """How to open the source, where it is not as in the log."""


class _OnSource(Strict):
    """A job on a file, by its path, or on the source of a session."""

    path: PathText | None = None
    session: Identifier | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.session is None):
            raise ValueError("give either path or session")
        return self


class PromptsJob(_OnSource):
    """Prompts of a raster to segment, one row each."""

    kind: Literal["prompts"]
    prompts: dict[str, Any]
    prompts_crs: CrsText | None = None
    one_class: bool = False
    model: Name | None = None
    bands: Bands | None = None
    stretch: StretchText | None = None


class WordsJob(_OnSource):
    """A raster in which objects are looked for by words, one row each."""

    kind: Literal["words"]
    text: Annotated[list[Name], Field(min_length=1, max_length=100)]
    detector: Name | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    window: Annotated[int, Field(ge=32, le=65535)] | None = None
    model: Name | None = None
    bands: Bands | None = None
    stretch: StretchText | None = None


class AutomaticJob(_OnSource):
    """A raster in which everything is segmented."""

    kind: Literal["automatic"]
    model: Name | None = None
    bands: Bands | None = None
    stretch: StretchText | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class TaughtSegment(Strict):
    """An object of a volume that is taught: its mask, uploaded as an array."""

    name: Name
    upload: Identifier
    """(k, j, i) array of the object's window; voxels other than 0 are the object."""
    start: tuple[Index, Index, Index]
    """(k, j, i) of the window's first voxel in the volume."""


class TrainingModel(Strict):
    """What of a network is tuned, on which prompts, how long and by which seed."""

    parts: Literal["decoder", "encoder", "both"] = "decoder"
    prompts: tuple[Literal["boxes", "points"], ...] = ("boxes", "points")
    epochs: Annotated[int, Field(ge=1, le=100_000)] | None = None
    patience: Annotated[int, Field(ge=1, le=100_000)] | None = None
    views: Annotated[int, Field(ge=1, le=1000)] = 8
    seed: Index = 0


class FinetuneJob(_OnSource):
    """A network that is taught the objects of a raster, or of the volume of a session."""

    kind: Literal["finetune"]
    name: Identifier
    """The name that the new model gets where it is better."""
    objects: dict[str, Any] | None = None
    """GeoJSON of polygons on a raster, one for each object."""
    objects_crs: CrsText | None = None
    segments: Annotated[list[TaughtSegment], Field(min_length=1, max_length=1000)] | None = None
    """Objects of the volume of a session."""
    model: Name | None = None
    """The network that is taught; that of the session, or its base, where None."""
    options: TrainingModel = TrainingModel()
    keep_anyway: bool = False
    overwrite: bool = False
    """Whether a tuned model that has the name is replaced."""
    bands: Bands | None = None
    stretch: StretchText | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.objects is None) == (self.segments is None):
            raise ValueError("give objects, of a raster, or segments, of a volume")
        if self.segments is not None and self.session is None:
            raise ValueError("segments go with session: open the volume first")
        return self


class SimilarJob(_OnSource):
    """A raster in which objects like some examples are looked for."""

    kind: Literal["similar"]
    examples: dict[str, Any]
    """GeoJSON of polygons or points, two or more."""
    refused: dict[str, Any] | None = None
    """GeoJSON of objects that are something else."""
    crs: CrsText | None = None
    """Reference system of both, over what they say; `pixel` for pixel corners."""
    model: Name | None = None


class LandcoverJob(_OnSource):
    """A raster whose land cover is learned from samples."""

    kind: Literal["landcover"]
    samples: dict[str, Any]
    """GeoJSON of points, lines or polygons with a property `class`."""
    crs: CrsText | None = None
    """Reference system of the samples, over what they say; `pixel` for pixel corners."""
    model: Name | None = None


class PropagateJob(Strict):
    """Objects to propagate through a volume."""

    kind: Literal["propagate"]
    session: Identifier
    objects: Annotated[list[Identifier], Field(min_length=1)] | None = None
    method: Literal["planes", "litemedsam"] = "planes"


class ExportJob(Strict):
    """Files of the objects of a session to write."""

    kind: Literal["export"]
    session: Identifier
    formats: Annotated[list[Name], Field(min_length=1, max_length=10)]
    options: Annotated[dict[Name, Name], Field(max_length=10)] = Field(default_factory=dict)


class BatchJob(Strict):
    """Volumes to segment one after the other, as the rows of `sam-med batch`."""

    kind: Literal["batch"]
    cases: Annotated[list[dict[str, str]], Field(min_length=1, max_length=10_000)]


JobModel = Annotated[
    PromptsJob
    | WordsJob
    | AutomaticJob
    | SimilarJob
    | LandcoverJob
    | PropagateJob
    | ExportJob
    | FinetuneJob
    | BatchJob
    | OpenJob
    | ReplayJob,
    Field(discriminator="kind"),
]
