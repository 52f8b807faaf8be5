"""SliceHeader: the few numbers of a header on which the place and the kind of one slice depend.

A slice is a file, a frame of a multi-frame file, or a tile of a mosaic. Nothing here reads a file,
and the representation of a header shows no path, UID or identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.frame import FloatArray

Places: TypeAlias = Literal["stated", "by step", "in a volume", "nowhere"]
"""Stated for the slice; at a stated step from the place of the first frame; in the own system of an
ultrasound volume; nowhere, though there are several frames."""
Bits: TypeAlias = "tuple[int, int, int]"
"""BitsAllocated, BitsStored and HighBit."""
Mapping: TypeAlias = Literal["", "applied", "not applied"]
"""Of stored pixels to real-world values: there is none, or what became of it."""
CROSS_SECTIONAL = frozenset({"CT", "MR", "PT"})
"""Modalities whose images are never without a place, unless something is wrong."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What all frames of one file share."""

    transfer_syntax: str = "Explicit VR Little Endian"
    """Its name in the standard, of the syntax that the file really has."""
    syntax: str = "1.2.840.10008.1.2.1"
    """Its UID; "" where pixels are compressed and nothing says how."""
    as_stated: bool = True
    """Whether the meta information says the same, so that any reader finds the pixels."""
    photometric: str = "MONOCHROME2"
    samples: int = 1
    """Numbers per pixel."""
    patient_position: str = ""
    """How the patient lay: "HFS" is head first, supine."""
    frames: int = 1
    """Of the file; tiles of a mosaic are not counted."""
    image_type: tuple[str, ...] = ()
    burned_in: str = ""
    """BurnedInAnnotation: "YES", "NO", or empty where it is not stated."""
    secondary: bool = False
    """A secondary capture, made of what a screen showed or of another image."""
    whole_slide: bool = False
    """Whether the frames are tiles of one large picture, as microscopes make."""
    lossy: bool = False
    spacing_kind: str = "patient"
    """What the pixel spacing stems from: patient, detector, (ultrasound) region, or none."""
    value_table: bool = False
    """Whether values go through a Modality LUT."""
    padding: tuple[float, float] | None = None
    """Smallest and largest stored value that stand for no pixel, both inclusive."""
    damaged: tuple[str, ...] = ()
    """Tags on which the values or the slice distance depend that are there, but hold something
    else; they count as missing."""
    bits: Bits | None = None
    """Where pixels keep their value, if elsewhere than in the lowest bits."""
    missing_bytes: int = 0
    """How many bytes of uncompressed pixels the file lacks."""
    has_pixels: bool = True
    headerless: bool = False
    """Without preamble, or without a stated transfer syntax."""


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """What the geometry of one DICOM slice depends on."""

    path: Path = field(repr=False)
    series: str = field(repr=False)
    """SeriesInstanceUID."""
    number: str
    """SeriesNumber, for people; may be empty."""
    modality: str
    size: tuple[int, int]
    """Rows and columns, of one tile in a mosaic."""
    pixel_spacing_mm: tuple[float, ...]
    """Between rows, between columns; empty where the file does not say, as are the next two."""
    orientation: tuple[float, ...]
    """Six cosines: direction of growing column index, then of growing row index, LPS."""
    position: tuple[float, ...]
    """Centre of the first pixel, LPS mm."""
    damaged: tuple[str, ...] = ()
    """Tags of the place that are there, but hold something else; they count as missing."""
    places: Places = "stated"
    """How the position is known."""
    frame_number: int = 0
    """In a multi-frame file, from 1; 0 where the file has one frame."""
    tile: int = 0
    """In a mosaic, from 1, row by row; 0 where the image is one slice."""
    thickness_mm: float | None = None
    step_mm: float | None = None
    """SpacingBetweenSlices as stated."""
    instance: int | None = None
    """InstanceNumber, or the number of the frame."""
    stack: tuple[str, ...] = ()
    """What tells stacks at the same place apart: stack, image type, echo, b-value."""
    time: tuple[float | None, ...] = field(default=(), repr=False)
    """Sorts the repetitions of a position, see `sam_med.headers.image_times`."""
    rescale: tuple[float, float] = (1.0, 0.0)
    """Slope and intercept; `math.nan` where the file holds no number."""
    units: str = ""
    """What rescaled values are; "HU" or another word for all CT, else as stored."""
    mapping: Mapping = ""
    patient: str = field(default="", repr=False)
    frame_of_reference: str = field(default="", repr=False)
    joined: int = 1
    """In how many series or frames of reference its fellows were, see `sam_med.series.joining`."""
    instance_uid: str = field(default="", repr=False)
    facts: ImageFacts = field(default_factory=ImageFacts)

    @property
    def placed(self) -> bool:
        """Whether the header says where in the patient the slice is."""
        return bool(self.orientation and self.position)

    @property
    def cross_sectional(self) -> bool:
        """Whether it is of a kind that is always placed."""
        return self.modality in CROSS_SECTIONAL

    @property
    def localizer(self) -> bool:
        """Whether it is a scout image."""
        return "LOCALIZER" in self.facts.image_type

    @property
    def normal(self) -> FloatArray:
        """Unit vector across the slice."""
        across = np.cross(self.orientation[:3], self.orientation[3:])
        return np.asarray(across / np.linalg.norm(across))
