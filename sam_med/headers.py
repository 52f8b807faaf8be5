"""Headers: one DICOM file to a `SliceHeader` for each of its slices, without its pixels.

A file may be one slice, a multi-frame file (`sam_med.multiframe`) or a mosaic (`sam_med.mosaic`).
Only the tags that matter are kept, and no message holds a value that could name a patient.
"""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from sam_med import mosaic, multiframe, reading
from sam_med.diagnostics import RefusedError, found
from sam_med.slice_header import ImageFacts, SliceHeader
from sam_med.tag_values import kind_of, numbers, positive, rescale

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset, FileDataset

TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "PatientID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "InstanceNumber",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "EchoTime",
    "DiffusionBValue",
    "Rows",
    "Columns",
    "BitsAllocated",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "SequenceOfUltrasoundRegions",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "SpacingBetweenSlices",
    "PatientPosition",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "Units",
    "ModalityLUTSequence",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
NOT_IMAGES = frozenset(
    [
        "SEG",
        "RTSTRUCT",
        "RTDOSE",
        "RTPLAN",
        "RTRECORD",
        "SR",
        "PR",
        "KO",
        "REG",
        "FID",
        "PLAN",
        "DOC",
        "AU",
        "ECG",
        "HD",
        "RWV",
        "SMR",
    ]
)
"""Modalities of objects that are made from images and lie beside them."""
IMAGE = "Image Storage"
"""Names of SOP classes of images contain this (PS3.4, B.5)."""
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""SOP classes that start so are secondary captures (PS3.4, B.5)."""
NATIVE = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian})
"""Transfer syntaxes whose pixels have a length that is known beforehand."""
LOSSY = frozenset(
    {
        "1.2.840.10008.1.2.4.50",  # JPEG baseline
        "1.2.840.10008.1.2.4.51",  # JPEG extended
        "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    }
)
"""Transfer syntaxes that always lose something."""
CENTIMETRES = 3
"""Of PhysicalUnitsXDirection (PS3.3, C.8.5.5.1.15)."""
DAMAGE = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom raises on damaged files; its messages may hold values of the header."""
HEAD_GROUPS = (0x0002, 0x0008)
"""A file without preamble starts with an element of one of these groups."""


@dataclass(frozen=True, slots=True)
class FileHeaders:
    """What one file holds."""

    slices: tuple[SliceHeader, ...] = ()
    not_image: str = ""
    """The modality of an object that is no image; "" for an image."""


def read_headers(path: Path) -> FileHeaders | None:
    """The slices of a DICOM file; None for a file of another kind.

    Raises:
        RefusedError: "unreadable-header"; the file is DICOM, but damaged.
    """
    reading.tell()
    with quiet_pydicom():
        try:
            with path.open("rb") as file:
                dataset = _read(file)
                if dataset is None:
                    return None
                return _slices(path, dataset, _pixel_bytes(file, dataset))
        except DAMAGE as error:
            reason = f"the header cannot be read ({type(error).__name__})"
            raise RefusedError([found("unreadable-header", reason)]) from None


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings, which quote values and paths, away from screens and logs."""
    logger = logging.getLogger("pydicom")
    disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled


def _read(file: BinaryIO) -> FileDataset | None:
    try:
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
    except InvalidDicomError:
        file.seek(0)
        if not starts_bare(file.read(8)):
            return None
        file.seek(0)
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS), force=True)


def starts_bare(head: bytes) -> bool:
    """Whether a file without preamble starts like a DICOM data set, of either byte order."""
    if len(head) < 8:  # noqa: PLR2004  # tag, type and length of one element
        return False
    for order in "<>":
        tag_group, element = struct.unpack(f"{order}HH", head[:4])
        if tag_group in HEAD_GROUPS and element <= 0x0070:  # noqa: PLR2004  # the first elements
            return True
    return False


def transfer_syntax(dataset: Dataset) -> UID:
    """As stated, or for a file without meta information as its first elements show."""
    meta = getattr(dataset, "file_meta", None)
    if meta is not None and "TransferSyntaxUID" in meta:
        return UID(meta.TransferSyntaxUID)
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _pixel_bytes(file: BinaryIO, dataset: FileDataset) -> int | None:
    """How many bytes there are from the pixel element on; None where that is not known."""
    if transfer_syntax(dataset) == DeflatedExplicitVRLittleEndian:
        return None
    here = file.tell()
    return file.seek(0, 2) - here


def _slices(path: Path, dataset: FileDataset, pixel_bytes: int | None) -> FileHeaders:
    modality = str(dataset.get("Modality", None) or "")
    if modality in NOT_IMAGES:
        return FileHeaders(not_image=modality)
    if "Rows" not in dataset or "Columns" not in dataset:
        kind = UID(str(dataset.get("SOPClassUID", "")))
        if not kind or IMAGE in kind.name:
            raise ValueError("an image without a size")
        return FileHeaders(not_image=modality or "of no stated modality")
    base = _base(path, dataset, modality, _facts(dataset, pixel_bytes))
    if "PerFrameFunctionalGroupsSequence" in dataset:
        return FileHeaders(tuple(multiframe.enhanced_slices(base, dataset)))
    if base.facts.frames > 1:
        return FileHeaders(tuple(multiframe.classic_slices(base)))
    if "MOSAIC" in base.facts.image_type:
        return FileHeaders(tuple(mosaic.tiles(base)))
    return FileHeaders((base,))


def _base(path: Path, dataset: Dataset, modality: str, facts: ImageFacts) -> SliceHeader:
    """What is known of a file as if it were one slice."""
    instance = dataset.get("InstanceNumber", None)
    return SliceHeader(
        path=path,
        series=str(dataset.get("SeriesInstanceUID", "")),
        number=str(dataset.get("SeriesNumber", None) or ""),
        modality=modality,
        size=(int(dataset.Rows), int(dataset.Columns)),
        pixel_spacing_mm=_pixel_spacing(dataset)[0],
        orientation=numbers(dataset, "ImageOrientationPatient", 6),
        position=numbers(dataset, "ImagePositionPatient", 3),
        thickness_mm=positive(dataset, "SliceThickness"),
        step_mm=positive(dataset, "SpacingBetweenSlices"),
        instance=None if instance is None else int(instance),
        stack=("", kind_of(facts.image_type), *_contrast(dataset)),
        time=tuple(
            float(dataset.get(tag, None) or 0)
            for tag in ("TemporalPositionIdentifier", "AcquisitionNumber")
        ),
        rescale=rescale(dataset),
        patient=str(dataset.get("PatientID", None) or ""),
        frame_of_reference=str(dataset.get("FrameOfReferenceUID", None) or ""),
        instance_uid=str(dataset.get("SOPInstanceUID", None) or ""),
        facts=facts,
    )


def _facts(dataset: FileDataset, pixel_bytes: int | None) -> ImageFacts:
    syntax = transfer_syntax(dataset)
    frames = int(dataset.get("NumberOfFrames", None) or 1)
    samples = int(dataset.get("SamplesPerPixel", None) or 1)
    bits = int(dataset.get("BitsAllocated", None) or 16)
    photometric = str(dataset.get("PhotometricInterpretation", None) or "MONOCHROME2")
    expected = (int(dataset.Rows) * int(dataset.Columns) * frames * samples * bits + 7) // 8
    if photometric == "YBR_FULL_422":
        expected = expected * 2 // 3
    missing = 0
    if pixel_bytes is not None and syntax in NATIVE and pixel_bytes:
        missing = max(0, expected - (pixel_bytes - _element_head(syntax)))
    loss = str(dataset.get("LossyImageCompression", None) or "")
    meta = getattr(dataset, "file_meta", None)
    return ImageFacts(
        transfer_syntax=syntax.name,
        photometric=photometric,
        samples=samples,
        patient_position=str(dataset.get("PatientPosition", None) or ""),
        frames=frames,
        image_type=_words(dataset.get("ImageType", None)),
        burned_in=str(dataset.get("BurnedInAnnotation", None) or ""),
        secondary=str(dataset.get("SOPClassUID", "")).startswith(SECONDARY_CAPTURE),
        lossy=loss == "01" or syntax in LOSSY,
        spacing_kind=_pixel_spacing(dataset)[1],
        value_table="ModalityLUTSequence" in dataset,
        units=str(dataset.get("Units", None) or dataset.get("RescaleType", None) or ""),
        missing_bytes=missing,
        has_pixels=pixel_bytes is None or pixel_bytes > 0,
        headerless=not meta,
    )


def _element_head(syntax: UID) -> int:
    """Bytes of tag, type and length before the pixels themselves."""
    return 8 if syntax == ImplicitVRLittleEndian else 12


def _contrast(dataset: Dataset) -> tuple[str, str]:
    echo, b_value = dataset.get("EchoTime", None), dataset.get("DiffusionBValue", None)
    return (
        "" if echo is None else f"echo {float(echo):g} ms",
        "" if b_value is None else f"b {float(b_value):g}",
    )


def _pixel_spacing(dataset: Dataset) -> tuple[tuple[float, ...], str]:
    """Millimetres between rows and between columns, and what they stem from."""
    if spacing := numbers(dataset, "PixelSpacing", 2):
        return spacing, "patient"
    if spacing := numbers(dataset, "ImagerPixelSpacing", 2):
        return spacing, "detector"
    if spacing := numbers(dataset, "NominalScannedPixelSpacing", 2):
        return spacing, "detector"
    if spacing := _region_spacing(dataset):
        return spacing, "region"
    return (), "none"


def _region_spacing(dataset: Dataset) -> tuple[float, ...]:
    """Of ultrasound, where all regions agree and are in centimetres; else empty."""
    steps = set()
    for region in dataset.get("SequenceOfUltrasoundRegions", None) or ():
        units = (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection"))
        if units != (CENTIMETRES, CENTIMETRES):
            return ()
        steps.add((abs(float(region.PhysicalDeltaY)) * 10, abs(float(region.PhysicalDeltaX)) * 10))
    return steps.pop() if len(steps) == 1 else ()


def _words(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (str(value),) if isinstance(value, str) else tuple(str(v) for v in value)
