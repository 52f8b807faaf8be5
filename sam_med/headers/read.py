"""Reading of headers: one DICOM file to a `SliceHeader` for each of its slices.

A file may be one slice, a multi-frame file (`sam_med.headers.multiframe`) or a mosaic
(`sam_med.headers.mosaic`). Pixels are not read, and no message holds a value that could identify a
patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydicom.uid import UID

from sam_med.dicom import progress
from sam_med.dicom import tag_values as tags
from sam_med.dicom.encoding import DAMAGE, NATIVE, quiet_pydicom, read_header
from sam_med.geometry.diagnostics import RefusedError, refused
from sam_med.headers import image_times, mosaic, multiframe, real_world
from sam_med.headers.frame_places import FRAME_VECTORS
from sam_med.headers.slice_header import CROSS_SECTIONAL, ImageFacts, SliceHeader
from sam_med.headers.stored_bits import bits_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydicom.dataset import Dataset

    from sam_med.dicom.encoding import Encoding

TOTAL_COLUMNS = "TotalPixelMatrixColumns"
"""A tag of images whose frames are tiles of one large picture."""
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP class of whole-slide microscopy images."""
SPACINGS = (
    ("PixelSpacing", "patient"),
    ("ImagerPixelSpacing", "detector"),
    ("NominalScannedPixelSpacing", "detector"),
)
"""Tags of the distance between pixels, best first, and where the distance holds."""
PLACES = (("PixelSpacing", 2), ("ImageOrientationPatient", 6), ("ImagePositionPatient", 3))
"""Tags on which the place of a slice depends, and how many numbers each holds."""
NUMBERS = (
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "SliceThickness",
    "SpacingBetweenSlices",
    "EchoTime",
    "DiffusionBValue",
)
"""Tags of one number that count as missing where they hold something else ("damaged-tags")."""
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
    *image_times.TAGS,
    "Rows",
    "Columns",
    "BitsAllocated",
    "FloatPixelPaddingValue",
    "FloatPixelPaddingRangeLimit",
    "DoubleFloatPixelPaddingValue",
    "DoubleFloatPixelPaddingRangeLimit",
    "NumberOfFrames",
    "FrameIncrementPointer",
    "SliceLocationVector",
    "DetectorInformationSequence",
    "NumberOfSlices",
    *FRAME_VECTORS,
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "SequenceOfUltrasoundRegions",
    "PatientPosition",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "Units",
    "ModalityLUTSequence",
    TOTAL_COLUMNS,
    real_world.SEQUENCE,
    "BurnedInAnnotation",
    "LossyImageCompression",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    *NUMBERS,
    *dict(SPACINGS),
    *dict(PLACES),
)
"""Tags of a header that are read."""
NOT_IMAGES = frozenset(
    {
        *("SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD", "SR", "PR", "KO", "REG"),
        *("FID", "PLAN", "DOC", "AU", "ECG", "HD", "RWV", "SMR"),
    }
)
"""Modalities of DICOM objects that are no images, and often lie beside those."""
IMAGE = "Image Storage"
"""Words in the name of every SOP class of images (PS3.4, B.5)."""
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""First part of the SOP classes of secondary captures (PS3.4, B.5)."""
LOSSY = frozenset(
    {
        "1.2.840.10008.1.2.4.50",  # JPEG baseline
        "1.2.840.10008.1.2.4.51",  # JPEG extended
        "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    }
)
"""Transfer syntaxes whose compression is always lossy."""
CENTIMETRES = 3.0
"""Value of PhysicalUnitsXDirection for cm (PS3.3, C.8.5.5.1.15)."""
COMPRESSED = "compressed, not stated how"
"""Name for the transfer syntax of pixels whose compression is unknown."""


@dataclass(frozen=True, slots=True)
class FileHeaders:
    """The slices of one file, or the kind of another DICOM object."""

    slices: tuple[SliceHeader, ...] = ()
    not_image: str = ""
    """The modality of an object that is no image; "" for an image."""


def read_headers(path: Path) -> FileHeaders | None:
    """Read the slices of a DICOM file; None for a file that is no DICOM.

    Raises:
        RefusedError: "unreadable-header": the file is DICOM, but damaged; "unreadable-files": the
            file cannot be read at all.
    """
    progress.next_file()
    try:
        read = read_header(path, TAGS)
        if read is None:
            return None
        with quiet_pydicom():
            return _slices(path, *read)
    except OSError as error:
        if error.errno is None:  # raised by pydicom, not by the operating system
            raise _unreadable(error) from None
        reason = f"the file cannot be read ({error.strerror})"
        raise refused("unreadable-files", reason) from None
    except DAMAGE as error:
        raise _unreadable(error) from None


def _unreadable(error: BaseException) -> RefusedError:
    kind = type(error).__name__
    message = f"the header cannot be read ({kind})"
    return refused("unreadable-header", message, reason=kind)


def _slices(path: Path, dataset: Dataset, encoding: Encoding) -> FileHeaders:
    """The slices of a data set, or the kind of an object that is no image."""
    modality = tags.text(dataset, "Modality")
    if modality in NOT_IMAGES:
        return FileHeaders(not_image=modality)
    if "Rows" not in dataset or "Columns" not in dataset:
        kind = UID(tags.text(dataset, "SOPClassUID"))
        if not kind or IMAGE in kind.name:
            raise tags.unreadable("Rows or Columns is missing")
        return FileHeaders(not_image=modality or "of no stated modality")
    base = _base(path, dataset, modality, _facts(dataset, encoding))
    return FileHeaders(tuple(_parts(base, dataset)))


def _parts(base: SliceHeader, dataset: Dataset) -> Iterable[SliceHeader]:
    """The slices of a file: its frames, its tiles, or the one slice that it is."""
    # the frames of a whole slide are tiles of one picture, neither slices nor time points
    if base.facts.whole_slide:
        return (base,)
    if "PerFrameFunctionalGroupsSequence" in dataset:
        return multiframe.enhanced_slices(base, dataset)
    if base.facts.frames > 1 or "DetectorInformationSequence" in dataset:
        return multiframe.classic_slices(base, dataset)
    if mosaic.MOSAICS & set(base.facts.image_type):
        return mosaic.tiles(base)
    return (base,)


def _base(path: Path, dataset: Dataset, modality: str, facts: ImageFacts) -> SliceHeader:
    """The header of a file as if it were one slice."""
    instance = tags.number(dataset, "InstanceNumber")
    mappings = tags.value(dataset, real_world.SEQUENCE) or ()
    values = real_world.values_of(dataset, mappings, modality, table=facts.has_modality_lut)
    return SliceHeader(
        path=path,
        series=tags.text(dataset, "SeriesInstanceUID"),
        number=tags.text(dataset, "SeriesNumber"),
        modality=modality,
        size=(tags.count(dataset, "Rows"), tags.count(dataset, "Columns")),
        pixel_spacing_mm=_pixel_spacing(dataset, modality)[0],
        orientation=tags.numbers_or_none(dataset, "ImageOrientationPatient", 6),
        position=tags.numbers_or_none(dataset, "ImagePositionPatient", 3),
        damaged=tuple(tag for tag, count in PLACES if tags.holds_nonsense(dataset, tag, count)),
        thickness_mm=tags.positive(dataset, "SliceThickness"),
        step_mm=tags.positive(dataset, "SpacingBetweenSlices"),
        instance=None if instance is None else int(instance),
        stack=("", tags.kind_of(facts.image_type), *_contrast(dataset)),
        time=image_times.times_of_file(dataset),
        rescale=values.rescale,
        units=values.units,
        mapping=values.mapping,
        patient=tags.text(dataset, "PatientID"),
        frame_of_reference=tags.text(dataset, "FrameOfReferenceUID"),
        instance_uid=tags.text(dataset, "SOPInstanceUID"),
        facts=facts,
    )


def _facts(dataset: Dataset, encoding: Encoding) -> ImageFacts:
    """What all frames of a file share."""
    syntax = encoding.syntax
    frames = tags.count(dataset, "NumberOfFrames", 1)
    samples = tags.count(dataset, "SamplesPerPixel", 1)
    photometric = tags.text(dataset, "PhotometricInterpretation") or "MONOCHROME2"
    has_modality_lut = "ModalityLUTSequence" in dataset
    loss = tags.text(dataset, "LossyImageCompression")
    return ImageFacts(
        transfer_syntax=COMPRESSED if syntax is None else syntax.name,
        syntax=syntax or "",
        as_stated=encoding.stated,
        photometric=photometric,
        samples=samples,
        patient_position=tags.text(dataset, "PatientPosition"),
        frames=frames,
        image_type=_words(tags.value(dataset, "ImageType")),
        burned_in=tags.text(dataset, "BurnedInAnnotation"),
        secondary=tags.text(dataset, "SOPClassUID").startswith(SECONDARY_CAPTURE),
        whole_slide=TOTAL_COLUMNS in dataset or tags.text(dataset, "SOPClassUID") == WHOLE_SLIDE,
        lossy=loss == "01" or syntax in LOSSY,
        spacing_kind=_pixel_spacing(dataset, tags.text(dataset, "Modality"))[1],
        has_modality_lut=has_modality_lut,
        padding=None if has_modality_lut else tags.padding(dataset),
        damaged=tuple(tag for tag in NUMBERS if tags.holds_no_number(dataset, tag)),
        bits=bits_of(dataset),
        missing_bytes=_missing(dataset, encoding, frames * samples, photometric),
        has_pixels=encoding.has_pixels,
        headerless=encoding.bare,
    )


def _missing(dataset: Dataset, encoding: Encoding, planes: int, photometric: str) -> int:
    """How many bytes of uncompressed pixels are missing at the end of a file."""
    pixels = tags.count(dataset, "Rows") * tags.count(dataset, "Columns")
    expected = (pixels * planes * tags.count(dataset, "BitsAllocated", 16) + 7) // 8
    if photometric == "YBR_FULL_422":
        expected = expected * 2 // 3
    known = encoding.pixel_bytes
    if known is None or encoding.syntax not in NATIVE or not encoding.has_pixels:
        return 0
    return max(0, expected - known)


def _contrast(dataset: Dataset) -> tuple[str, str]:
    """Echo time and b-value in words; "" where not stated."""
    echo, b_value = (tags.number(dataset, tag) for tag in ("EchoTime", "DiffusionBValue"))
    return (
        "" if echo is None else f"echo {echo:g} ms",
        "" if b_value is None else f"b {b_value:g}",
    )


def _pixel_spacing(dataset: Dataset, modality: str) -> tuple[tuple[float, ...], str]:
    """Distance between rows and between columns in mm, and where it holds (`spacing_kind`).

    A distance of 0 or less counts as missing, except in CT, MR and PET, where it is refused later.
    """
    for tag, kind in SPACINGS:
        spacing = tags.numbers_or_none(dataset, tag, 2)
        if spacing and (min(spacing) > 0 or modality in CROSS_SECTIONAL):
            return spacing, kind
    if spacing := _region_spacing(dataset):
        return spacing, "region"
    return (), "none"


def _region_spacing(dataset: Dataset) -> tuple[float, ...]:
    """The pixel spacing of ultrasound, where all regions state the same in cm; else empty."""
    steps = set()
    for region in tags.value(dataset, "SequenceOfUltrasoundRegions") or ():
        units = {tags.number(region, f"PhysicalUnits{axis}Direction") for axis in "XY"}
        across, down = (tags.number(region, f"PhysicalDelta{axis}") for axis in "XY")
        if units != {CENTIMETRES} or not across or not down:
            return ()
        steps.add((abs(down) * 10, abs(across) * 10))
    return steps.pop() if len(steps) == 1 else ()


def _words(value: Any) -> tuple[str, ...]:
    """The strings of a tag that may hold none, one or several."""
    if value is None:
        return ()
    return (str(value),) if isinstance(value, str) else tuple(str(v) for v in value)
