"""Protocol 1: the requests of hosts and the log of a session, as pydantic models.

Pixel space is array indices, sample centres at integers, x before y; a voxel is (i, j, k).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator
from typing_extensions import Self

PROTOCOL = 1
"""Version of the protocol."""
MOST_COUNTS = 4_000_000
"""Most run lengths of a painted mask."""
MOST_POINTS = 10_000
"""Most points of a mark."""
MOST_NEW = 1000
"""Most objects that one edit adds."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Index = Annotated[int, Field(ge=0, le=2**31)]
Axis = Literal[0, 1, 2]
Space = Literal["pixel", "world"]
Coordinates = Annotated[list[FiniteFloat], Field(min_length=2, max_length=3)]
Label = Literal[0, 1]
CrsText = Annotated[str, StringConstraints(max_length=20_000)]
"""A coordinate reference system, as WKT or a code such as EPSG:32633."""
Bands = Annotated[list[Annotated[int, Field(ge=1, le=65535)]], Field(max_length=3)]
"""Numbers of bands of a raster, from 1."""
StretchText = Annotated[str, StringConstraints(max_length=100)]
"""`none`, or the values that become black and white, as `min,max`."""


class Strict(BaseModel):
    """A model that refuses unknown names, so that a misspelt option is not ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class CodeModel(Strict):
    """A coded concept: coding scheme, code value and code meaning."""

    scheme: Name
    value: Name
    meaning: Name


class MaskModel(Strict):
    """A binary mask as uncompressed COCO run lengths in its window."""

    window: tuple[tuple[Index, Index], tuple[Index, Index]]
    """Half-open [[row0, col0], [row1, col1]]."""
    size: tuple[Index, Index]
    """Rows and columns of the window."""
    counts: Annotated[list[Index], Field(max_length=MOST_COUNTS)]
    """Column-major run lengths, background first."""
    axis: Axis | None = None
    index: Index | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        (top, left), (bottom, right) = self.window
        if self.size != (bottom - top, right - left) or 0 in self.size:
            raise ValueError(f"size {list(self.size)} is not that of window {self.window}")
        if (total := sum(self.counts)) != self.size[0] * self.size[1]:
            raise ValueError(f"counts sum to {total}, the window has {self.size} pixels")
        if (self.axis is None) != (self.index is None):
            raise ValueError("axis and index go together")
        return self


class _OfObject(Strict):
    """An edit of one object."""

    object: Identifier


class AddObject(Strict):
    """A new object without prompts."""

    op: Literal["add_object"]
    object: Identifier | None = None
    name: Name
    class_name: Annotated[Name | None, Field(alias="class")] = None
    code: CodeModel | None = None


class NewObject(Strict):
    """A new object of a raster with its mask as it is."""

    object: Identifier | None = None
    name: Name
    class_name: Annotated[Name | None, Field(alias="class")] = None
    mask: MaskModel


class AddObjects(Strict):
    """Several objects whose masks are known, such as those that a job found, as one edit."""

    op: Literal["add_objects"]
    objects: Annotated[list[NewObject], Field(min_length=1, max_length=MOST_NEW)]


class RemoveObject(_OfObject):
    """Removal of an object and its prompts."""

    op: Literal["remove_object"]


class RenameObject(_OfObject):
    """Another name of an object, and another class where one is given."""

    op: Literal["rename_object"]
    name: Name
    class_name: Annotated[Name | None, Field(alias="class")] = None


class AddPoint(_OfObject):
    """One more point of an object."""

    op: Literal["add_point"]
    point: Coordinates
    label: Label = 1
    space: Space = "pixel"


class MovePoint(_OfObject):
    """Another place of a point."""

    op: Literal["move_point"]
    index: Index
    point: Coordinates
    space: Space = "pixel"


class RemovePoint(_OfObject):
    """Removal of a point."""

    op: Literal["remove_point"]
    index: Index


class _OnSlice(_OfObject):
    """An edit of one object, or of one slice of it: axis and index go together."""

    axis: Axis | None = None
    index: Index | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.axis is None) != (self.index is None):
            raise ValueError("axis and index go together")
        return self


class SetBox(_OnSlice):
    """The box of an object, or of one of its slices."""

    op: Literal["set_box"]
    box: Annotated[list[FiniteFloat], Field(min_length=4, max_length=6)]
    space: Space = "pixel"


class RemoveBox(_OnSlice):
    """Removal of the box of an object or of one of its slices."""

    op: Literal["remove_box"]


class SetMask(_OfObject):
    """A painted mask of an object, or of one of its slices."""

    op: Literal["set_mask"]
    mask: MaskModel


class RemoveMask(_OnSlice):
    """Removal of a painted mask."""

    op: Literal["remove_mask"]


class AddMark(_OfObject):
    """A correction of a propagated object of a volume: a click, a stroke, an outline or a line."""

    op: Literal["add_mark"]
    mark: Literal["click", "scribble", "lasso", "line", "not_this"]
    points: Annotated[list[Coordinates], Field(min_length=1, max_length=MOST_POINTS)]
    """(i, j, k) of each point, in the order in which they were drawn."""
    label: Label = 1
    """0 where the mark says what is not the object."""
    axis: Axis | None = None
    """Array axis of the slice that was drawn on; a click without one counts on slices of all."""
    space: Space = "pixel"


class ChooseCandidate(_OfObject):
    """A propagated object of a volume as another of the answers that it was chosen from."""

    op: Literal["choose_candidate"]
    candidate: Annotated[int, Field(ge=1, le=1000)]
    """Number of the answer, from 1, which is the one that the suite chose."""


class Clear(_OfObject):
    """Removal of all prompts of an object."""

    op: Literal["clear"]


class Propagated(Strict):
    """Propagation of objects through the volume; only the job `propagate` writes this edit."""

    op: Literal["propagated"]
    objects: Annotated[list[Identifier], Field(min_length=1)]
    method: Literal["planes", "litemedsam"]


_Edits = (
    AddObject | AddObjects | RemoveObject | RenameObject | AddPoint | MovePoint | RemovePoint
    | SetBox | RemoveBox | SetMask | RemoveMask | AddMark | ChooseCandidate | Clear
)  # fmt: skip
EditModel = Annotated[_Edits, Field(discriminator="op")]
LoggedEdit = Annotated[_Edits | Propagated, Field(discriminator="op")]


class FrameModel(Strict):
    """Where uploaded pixels or voxels lie."""

    affine: (
        Annotated[list[FiniteFloat], Field(min_length=6, max_length=6)]
        | Annotated[
            list[Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]],
            Field(min_length=4, max_length=4),
        ]
    )
    """(a, b, c, d, e, f) of pixel corners for a raster; 4x4 from ijk to LPS mm for a volume."""
    crs: CrsText | None = None
    """Coordinate reference system of a raster."""
    nodata: FiniteFloat | None = None
    """Value of the pixels of a raster that have no data."""


class _Open(Strict):
    """A source to open, by its path or its upload."""

    path: PathText | None = None
    upload: Identifier | None = None
    frame: FrameModel | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.upload is None):
            raise ValueError("give either path or upload")
        if self.frame is not None and self.upload is None:
            raise ValueError("frame goes with upload: a file has its own")
        return self


class OpenRaster(_Open):
    """A raster to open."""

    kind: Literal["raster"]
    model: Name = "mobile_sam"
    bands: Bands | None = None
    stretch: StretchText | None = None


class OpenVolume(_Open):
    """A volume to open."""

    kind: Literal["volume"]
    model: Name = "lite_medsam"
    series: Annotated[int, Field(ge=1, le=100_000)] | Name | None = None
    time: Annotated[int, Field(ge=1, le=100_000)] | None = None
    modality: Name | None = None
    preset: Name | None = None
    width: FiniteFloat | None = None
    level: FiniteFloat | None = None

    @model_validator(mode="after")
    def _no_nodata(self) -> Self:
        if self.frame is not None and self.frame.nodata is not None:
            raise ValueError("nodata is for rasters: this is a volume")
        return self


OpenSource = Annotated[OpenRaster | OpenVolume, Field(discriminator="kind")]
