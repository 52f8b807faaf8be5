"""SliceHeader: the values of a DICOM header on which the place and the kind of a slice depend.

A slice is a file, a frame of a multi-frame file, or a tile of a mosaic. Nothing here reads a file,
and `repr` of a header shows no path, UID or patient.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.frame import FloatArray

Places: TypeAlias = Literal["stated", "by step", "in a volume", "nowhere"]
"""How the position of a slice is known: stated for it; by a step from the first frame; stated in
the coordinates of an ultrasound volume; or unknown, though the frames are slices."""
Bits: TypeAlias = "tuple[int, int, int]"
"""BitsAllocated, BitsStored and HighBit."""
Mapping: TypeAlias = Literal["", "applied", "not applied"]
"""Whether real-world value mappings are missing, applied, or there but not applied."""
CROSS_SECTIONAL = frozenset({"CT", "MR", "PT"})
"""Modalities whose images always state their place, unless they are damaged."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a DICOM file states once for all its frames."""

    transfer_syntax: str = "Explicit VR Little Endian"
    """Name of the transfer syntax that the file really has."""
    syntax: str = "1.2.840.10008.1.2.1"
    """UID of the real transfer syntax; "" where pixels are compressed and nothing says how."""
    as_stated: bool = True
    """Whether the meta information states the real transfer syntax, as other readers need."""
    photometric: str = "MONOCHROME2"
    """PhotometricInterpretation."""
    samples: int = 1
    """SamplesPerPixel: numbers per pixel."""
    patient_position: str = ""
    """PatientPosition: how the patient lay, e.g. "HFS" for head first, supine."""
    frames: int = 1
    """NumberOfFrames; tiles of a mosaic are not counted."""
    image_type: tuple[str, ...] = ()
    burned_in: str = ""
    """BurnedInAnnotation: "YES", "NO", or "" where it is not stated."""
    secondary: bool = False
    """Whether the image is a secondary capture, e.g. a screenshot."""
    whole_slide: bool = False
    """Whether the frames are tiles of one large picture of a microscope."""
    lossy: bool = False
    """Whether the image is, or once was, compressed with loss."""
    spacing_kind: str = "patient"
    """Where the pixel spacing holds: "patient", "detector", "region" (ultrasound) or "none"."""
    has_modality_lut: bool = False
    """Whether values go through a Modality LUT."""
    padding: tuple[float, float] | None = None
    """Smallest and largest stored value of padding, both inclusive; None where none is stated."""
    damaged: tuple[str, ...] = ()
    """Tags that hold no number though they must, and count as missing."""
    bits: Bits | None = None
    """The bits that hold the value of a pixel; None where those are the lowest ones."""
    missing_bytes: int = 0
    """How many bytes of uncompressed pixels are missing at the end of the file."""
    has_pixels: bool = True
    headerless: bool = False
    """Whether the preamble or the stated transfer syntax is missing."""


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """The place, kind, time and scale of one DICOM slice."""

    path: Path = field(repr=False)
    series: str = field(repr=False)
    """SeriesInstanceUID."""
    number: str
    """SeriesNumber as stated; "" where it is missing."""
    modality: str
    size: tuple[int, int]
    """Rows and columns of the slice, i.e. of one tile in a mosaic."""
    pixel_spacing_mm: tuple[float, ...]
    """Distance between rows and between columns; empty where it is missing."""
    orientation: tuple[float, ...]
    """Six LPS cosines: direction of growing column index, then of growing row index; or empty."""
    position: tuple[float, ...]
    """LPS mm of the centre of the first pixel; empty where it is missing."""
    damaged: tuple[str, ...] = ()
    """Tags of the place that hold something else than numbers, and count as missing."""
    places: Places = "stated"
    """How the position is known."""
    frame_number: int = 0
    """Number of the frame in a multi-frame file, from 1; 0 where the file has one frame."""
    tile: int = 0
    """Number of the tile in a mosaic, from 1, row by row; 0 where the image is one slice."""
    thickness_mm: float | None = None
    """SliceThickness."""
    step_mm: float | None = None
    """SpacingBetweenSlices."""
    instance: int | None = None
    """InstanceNumber, or the number of the frame."""
    stack: tuple[str, ...] = ()
    """What tells stacks at the same position apart: StackID, image type, echo, b-value."""
    time: tuple[float | None, ...] = field(default=(), repr=False)
    """Numbers that sort images at the same position, see `sam_med.headers.image_times`."""
    rescale: tuple[float, float] = (1.0, 0.0)
    """Slope and intercept; `math.nan` where the file holds no number."""
    units: str = ""
    """Unit of the rescaled values; for CT never empty, else "" where none is stated."""
    mapping: Mapping = ""
    patient: str = field(default="", repr=False)
    frame_of_reference: str = field(default="", repr=False)
    joined: int = 1
    """Number of series that were joined into that of the slice, see `sam_med.series.joining`."""
    instance_uid: str = field(default="", repr=False)
    facts: ImageFacts = field(default_factory=ImageFacts)

    @property
    def placed(self) -> bool:
        """Whether the header says where in the patient the slice is."""
        return bool(self.orientation and self.position)

    @property
    def cross_sectional(self) -> bool:
        """Whether the modality always states the place of a slice (CT, MR, PET)."""
        return self.modality in CROSS_SECTIONAL

    @property
    def localizer(self) -> bool:
        """Whether the slice is a localizer (scout image)."""
        return "LOCALIZER" in self.facts.image_type

    @property
    def normal(self) -> FloatArray:
        """Unit vector across the slice: column direction x row direction, LPS."""
        across = np.cross(self.orientation[:3], self.orientation[3:])
        return np.asarray(across / np.linalg.norm(across))
