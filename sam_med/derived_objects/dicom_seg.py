"""DICOM SEG: segments on the slices of their source images, written with highdicom.

Nothing is resampled: each frame of the file lies on one slice of the images, at the position that
the image itself states. Tilt, gaps, uneven spacing, multi-frame files and mosaics therefore need no
special case, and objects may overlap. A written file is decoded again by
`sam_med.segmentations.seg_frames`, which shares no code with highdicom, and compared with the
segments; a file that differs is not kept.

highdicom is given one plain header for each slice instead of the images, for three reasons: it
takes enhanced files only where all frames share one orientation item; it takes no mosaics; and it
would log identifiers of patients that it finds odd. It is also given frames of one pixel, which say
on which slices an object is shown; the real pixels are packed here. highdicom's own packing takes
several bytes for each voxel of each object, gigabytes for a large CT. `sam_med.objects.seg_type`
says which types of pixels there are.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import highdicom
import numpy as np
import numpy.typing as npt
from highdicom.seg import Segmentation
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage
from pydicom.valuerep import DSfloat

from sam_common.errors import OutputError
from sam_common.support.files import atomic_output, writing
from sam_med.derived_objects import dicom_object
from sam_med.derived_objects.referenced_images import check_places, read_source_images
from sam_med.derived_objects.seg_check import check_seg
from sam_med.derived_objects.seg_descriptions import describe_segments
from sam_med.derived_objects.seg_pixels import FULL, SegPixels, segment_numbers
from sam_med.files.grid_check import differs
from sam_med.objects.provenance import RESEARCH_ONLY
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.derived_objects.referenced_images import ImagePlane, SourceImages
    from sam_med.geometry.volume import Volume
    from sam_med.objects.provenance import Provenance
    from sam_med.objects.seg_type import SegType
    from sam_med.objects.segments import Segment

WHAT = "DICOM SEG"
SERIES_NUMBER = 5000
"""Number of the series of a result, far from the numbers that scanners give."""
SERIES_TEXT = "Segmentation, for research use only"
CONTENT_LABEL = "RESEARCH_SEG"
DERIVATION = highdicom.sr.CodedConcept.from_code(codes.cid7203.SegmentationImageDerivation)
PURPOSE = highdicom.sr.CodedConcept.from_code(codes.cid7202.SourceImageForImageProcessingOperation)
FRAME_GROUPS = (
    "SegmentIdentificationSequence",
    "PlanePositionSequence",
    "DerivationImageSequence",
)
"""Functional groups of a frame: its segment, its position, and its image."""
TO_HIGHDICOM = (
    *("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PositionReferenceIndicator"),
    *("Modality", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber"),
    *("SoftwareVersions", "LossyImageCompression"),
    *("LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)
"""Tags of the images that highdicom is given; none of them identifies the patient."""


def write_seg(
    segments: Sequence[Segment],
    volume: Volume,
    path: Path,
    provenance: Provenance,
    *,
    seg_type: SegType = DEFAULT_SEG_TYPE,
) -> tuple[str, ...]:
    """Write segments as a DICOM SEG that refers to the images of the volume.

    Segment numbers count from 1 in the order given, as the standard wants; in a label map they are
    the label values. The description of each segment holds its label value. Equal input gives
    equal bytes, see `sam_med.derived_objects.dicom_object`.

    Args:
        segments: At least one; they may overlap. In a label map the later one is kept there.
        volume: A volume that was read from DICOM; its files are read again for their headers.
        path: The file, which appears whole or not at all.
        provenance: How the segments were made.
        seg_type: How the file holds pixels: bits, numbers of segments, or fractions that are 0
            or 1.

    Returns:
        One sentence for each object without voxels or with voxels that went to another one, and
        one for identifiers that the images lack.

    Raises:
        OutputError: The volume does not come from DICOM, its images lack a position or an
            identifier, the disk does not take the file, or the written file differs from the
            segments.
    """
    if not segments:
        raise OutputError(f"cannot write {WHAT}: there is no segment")
    source = read_source_images(volume, WHAT)
    check_places(source, WHAT, contours=False)
    numbers = segment_numbers(segments, seg_type)
    task = _Task(
        pixels=SegPixels(tuple(segments), numbers, volume.shape[1:], seg_type),
        source=source,
        provenance=provenance,
        slices=_occupied(segments),
        identity=dicom_object.identity_of(
            WHAT if seg_type == DEFAULT_SEG_TYPE else f"{WHAT} {seg_type}",
            highdicom.__version__,
            segments,
            source.identifiers,
            provenance,
        ),
    )
    dataset = _build(task)
    _copy_to_frames(dataset)
    frames = [_frame_of(groups, task) for groups in dataset.PerFrameFunctionalGroupsSequence]
    _fill(dataset, task, frames)
    _refer(dataset, task, frames)
    _inherit(dataset, task)
    content = dicom_object.encoded(dataset)

    def verify(part: Path) -> None:
        if part.read_bytes() != content:
            raise differs("other bytes were read back")
        check_seg(part, task.pixels, volume, source)

    with writing(path), atomic_output(path, verify=verify) as part:
        part.write_bytes(content)
    empty = [segment.name for segment in segments if not segment.mask.any()]
    notes = [f"{WHAT}: {name} has no voxels: described, but without frames" for name in empty]
    notes += [
        f"a label map of {WHAT} holds one object a voxel: {lost} of {voxels} voxels of {name} went "
        "to later objects (--seg-type binary keeps both)"
        for name, lost, voxels in task.pixels.lost()
    ]
    return (*source.notes, *notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """Everything that a DICOM SEG is made from."""

    pixels: SegPixels
    """The segments and their numbers."""
    source: SourceImages
    provenance: Provenance
    slices: range
    """From the first to the last slice that shows an object; slice 0 where none shows one."""
    identity: str
    """A hash of everything that the bytes of the file depend on."""

    @property
    def empty(self) -> bool:
        """Whether no segment has a voxel."""
        return not any(segment.mask.any() for segment in self.pixels.segments)

    @property
    def is_labelmap(self) -> bool:
        """Whether the frames hold numbers of segments."""
        return self.pixels.seg_type == "labelmap"


def _occupied(segments: Sequence[Segment]) -> range:
    """The slices from the first to the last one that shows a segment; slice 0 for none."""
    found = [k for segment in segments for k in segment.occupied_slices]
    return range(min(found), max(found) + 1) if found else range(1)


def _build(task: _Task) -> Dataset:
    """The data set that highdicom makes, with frames of one pixel and stand-ins for images.

    Raises:
        OutputError: highdicom refuses what the images state.
    """
    day, time = dicom_object.content_moment(task.source.first)
    maker = {
        "manufacturer": dicom_object.MAKER,
        "manufacturer_model_name": "sam-med",
        "software_versions": task.provenance.version,
        "device_serial_number": "none",
    }
    processing = highdicom.ContributingEquipment(
        purpose_of_reference=codes.DCM.ProcessingEquipment,
        contribution_description=f"Segmentation. {RESEARCH_ONLY}.",
        **maker,
    )
    try:
        return Segmentation(
            source_images=[_stand_in(task, task.source.planes[k]) for k in task.slices],
            pixel_array=_shown(task),
            segmentation_type=task.pixels.seg_type.upper(),
            fractional_type="OCCUPANCY",
            max_fractional_value=FULL,
            segment_descriptions=list(
                describe_segments(
                    task.pixels.segments, task.pixels.numbers, task.provenance, task.identity
                )
            ),
            series_instance_uid=dicom_object.derived_uid(task.identity, "series"),
            series_number=SERIES_NUMBER,
            series_description=SERIES_TEXT,
            sop_instance_uid=dicom_object.derived_uid(task.identity, "instance"),
            instance_number=1,
            content_label=CONTENT_LABEL,
            content_description=RESEARCH_ONLY,
            content_date=day,
            content_time=time,
            omit_empty_frames=not task.empty,
            contributing_equipment=[processing],
            **maker,
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise OutputError(f"cannot write {WHAT}: the images do not fit it: {error}") from error


def _stand_in(task: _Task, plane: ImagePlane) -> Dataset:
    """The header of a plain CT image of one pixel in the place of a slice, without a patient."""
    source, item = task.source, dicom_object.bare_header()
    for keyword in TO_HIGHDICOM:
        if plane.image.get(keyword, None) is not None:
            item[keyword] = plane.image[keyword]
    item.SOPInstanceUID = dicom_object.derived_uid(task.identity, str(plane.position))
    item.Rows, item.Columns = 1, 1
    item.SliceThickness = source.thickness_mm
    if plane.position is None:
        item.SOPClassUID = SecondaryCaptureImageStorage
        item.pop("FrameOfReferenceUID", None)
        return item
    item.SOPClassUID = CTImageStorage
    item.PixelSpacing = [DSfloat(v, auto_format=True) for v in source.pixel_spacing_mm]
    item.ImageOrientationPatient = [DSfloat(v, auto_format=True) for v in source.orientation]
    item.ImagePositionPatient = [DSfloat(v, auto_format=True) for v in plane.position]
    return item


def _shown(task: _Task) -> npt.NDArray[Any]:
    """Which slices show which segments, for frames of one pixel.

    Returns:
        Boolean array of (slices, 1, 1, segments); of a label map, (slices, 1, 1) with the number
        of one of the segments of each slice, or 0.
    """
    segments, numbers = task.pixels.segments, task.pixels.numbers
    shown = np.zeros((len(task.slices), 1, 1, len(segments)), dtype=np.bool_)
    for n, segment in enumerate(segments):
        for k in segment.occupied_slices:
            shown[k - task.slices.start, 0, 0, n] = True
    if task.is_labelmap:
        return np.where(shown.any(axis=3), numbers[0], 0).astype(np.uint16)
    return shown


def _copy_to_frames(dataset: Dataset) -> None:
    """Copy shared functional groups to each frame, because some readers look nowhere else.

    highdicom from 0.28 on writes groups that are equal in all frames to the shared ones.
    """
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for keyword in FRAME_GROUPS:
        if keyword in shared:
            for groups in dataset.PerFrameFunctionalGroupsSequence:
                setattr(groups, keyword, copy.deepcopy(shared[keyword].value))
            delattr(shared, keyword)


def _frame_of(groups: Dataset, task: _Task) -> tuple[int, int]:
    """Segment number and slice of the frame that highdicom describes by functional groups.

    The number of a frame of a label map is 0.
    """
    number = 0
    if not task.is_labelmap:
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    k = task.slices.start
    if task.source.placed:
        place = groups.PlanePositionSequence[0].ImagePositionPatient
        k, _ = task.source.nearest(tuple(float(v) for v in place))
    return number, k


def _fill(dataset: Dataset, task: _Task, frames: Sequence[tuple[int, int]]) -> None:
    """Put the real frames in the place of those of one pixel."""
    dataset.Rows, dataset.Columns = task.pixels.size_hw
    pairs = combinations(task.pixels.segments, 2)
    overlap = not task.is_labelmap and any(a.overlaps(b) for a, b in pairs)
    dataset.SegmentsOverlap = "YES" if overlap else "NO"
    dataset.PixelData = task.pixels.encoded(frames)


def _refer(dataset: Dataset, task: _Task, frames: Sequence[tuple[int, int]]) -> None:
    """Refer to the real images, frames and tiles in the place of the stand-ins."""
    images = task.source.images
    dataset.SourceImageSequence = [dicom_object.instance_reference(image) for image in images]
    dataset.ReferencedSeriesSequence = dicom_object.series_references(
        images, "ReferencedInstanceSequence"
    )
    for groups, (_, k) in zip(dataset.PerFrameFunctionalGroupsSequence, frames, strict=True):
        groups.DerivationImageSequence = [_derivation(task.source.planes[k])]


def _derivation(plane: ImagePlane) -> Dataset:
    """The item that says from which image a frame was made."""
    reference = plane.reference()
    reference.SpatialLocationsPreserved = "YES" if plane.whole else "NO"
    reference.PurposeOfReferenceCodeSequence = [PURPOSE]
    item = Dataset()
    item.DerivationCodeSequence = [DERIVATION]
    item.SourceImageSequence = [reference]
    return item


def _inherit(dataset: Dataset, task: _Task) -> None:
    """Take over patient and study of the images; remove what is random or of the current day."""
    dicom_object.copy_patient_and_study(task.source.first, dataset)
    if not task.source.placed:
        dataset.PatientOrientation = task.source.first.get("PatientOrientation", None)
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        dataset.pop(keyword, None)
    for item in dataset.get("ContributingEquipmentSequence", None) or ():
        item.pop("ContributionDateTime", None)
    organization = dicom_object.derived_uid(task.identity, "dimensions")
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
