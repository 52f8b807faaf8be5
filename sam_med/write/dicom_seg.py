"""DICOM SEG: segments on the very slices of their source, by highdicom.

Nothing is resampled: each frame of the file is one slice of the images, at the position that the
image itself states. So tilt, gaps, uneven spacing, multi-frame files and mosaics need no special
case. Objects may overlap. What was written is decoded again by `sam_med.segmentations.seg_frames`,
which shares no code with highdicom, and compared; a file that says anything else is not kept.

highdicom is given one plain header a slice instead of the images, for three reasons: it takes
enhanced files only where all frames share one orientation item; it takes no mosaics; and it would
log identities that it finds odd. It sees frames of one pixel, which say where an object is shown
and where not, and the true ones are packed here: its own way takes several bytes for each voxel of
each object, gigabytes for a large CT.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

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
from sam_med.derived import inherited
from sam_med.derived.referenced_images import check_places, read_source
from sam_med.files.grid_check import differs
from sam_med.objects.provenance import RESEARCH_ONLY
from sam_med.write.seg_check import check_seg
from sam_med.write.seg_descriptions import describe_segments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.derived.referenced_images import Plane, Source
    from sam_med.geometry.volume import Volume
    from sam_med.objects.provenance import Provenance
    from sam_med.objects.segments import Segment

WHAT = "DICOM SEG"
BITS = 8
SERIES_NUMBER = 5000
"""Far from those of scanners."""
SERIES_TEXT = "Segmentation, for research use only"
CONTENT_LABEL = "RESEARCH_SEG"
DERIVATION = highdicom.sr.CodedConcept.from_code(codes.cid7203.SegmentationImageDerivation)
PURPOSE = highdicom.sr.CodedConcept.from_code(codes.cid7202.SourceImageForImageProcessingOperation)
OF_A_FRAME = (
    "SegmentIdentificationSequence",
    "PlanePositionSequence",
    "DerivationImageSequence",
)
TO_HIGHDICOM = (
    *("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PositionReferenceIndicator"),
    *("Modality", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber"),
    *("SoftwareVersions", "LossyImageCompression"),
    *("LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)
"""Tags of the images that highdicom sees; none of them says who the patient is."""


def write_seg(
    segments: Sequence[Segment], volume: Volume, path: Path, provenance: Provenance
) -> tuple[str, ...]:
    """Write segments as a binary DICOM SEG that refers to the images of the volume.

    Segment numbers count from 1 in the order given, as the standard wants; the description of each
    segment holds its label value. The same input gives the same bytes, see
    `sam_med.derived.inherited`.

    Args:
        segments: At least one; they may overlap.
        volume: As read from DICOM; its files are read again for their headers.
        path: The file, which appears whole or not at all.
        provenance: How the segments were made.

    Returns:
        One sentence for each object without voxels and for identifiers that the images lack.

    Raises:
        OutputError: The volume does not come from DICOM, its images do not say enough, the disk
            does not take the file, or what was written is not what was meant.
    """
    if not segments:
        raise OutputError(f"cannot write {WHAT}: there is no segment")
    source = read_source(volume, WHAT)
    check_places(source, WHAT, contours=False)
    task = _Task(
        segments=tuple(segments),
        size_hw=volume.shape[1:],
        source=source,
        provenance=provenance,
        slices=_occupied(segments),
        identity=_identity(segments, source, provenance),
    )
    dataset = _build(task)
    _give_each(dataset)
    frames = [_Frame.of(groups, task) for groups in dataset.PerFrameFunctionalGroupsSequence]
    _fill(dataset, task, frames)
    _refer(dataset, task, frames)
    _settle(dataset, task)
    content = inherited.encoded(dataset)

    def verify(part: Path) -> None:
        if part.read_bytes() != content:
            raise differs("other bytes were read back")
        check_seg(part, segments, volume, source)

    with writing(path), atomic_output(path, verify=verify) as part:
        part.write_bytes(content)
    empty = [segment.name for segment in segments if not segment.mask.any()]
    notes = [f"{WHAT}: {name} has no voxels: described, but without frames" for name in empty]
    return (*source.notes, *notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What is to be written."""

    segments: tuple[Segment, ...]
    size_hw: tuple[int, int]
    source: Source
    provenance: Provenance
    slices: range
    """From the first to the last slice that shows an object; the first one where none does."""
    identity: str
    """A hash of everything that the bytes of the file depend on."""

    @property
    def empty(self) -> bool:
        return not any(segment.mask.any() for segment in self.segments)


def _occupied(segments: Sequence[Segment]) -> range:
    found = [k for segment in segments for k in _slices_of(segment)]
    return range(min(found), max(found) + 1) if found else range(1)


def _slices_of(segment: Segment) -> list[int]:
    """The slices of the volume that show an object."""
    inside = np.flatnonzero(segment.mask.any(axis=(1, 2)))
    return (segment.window.start[0] + inside).tolist()


def _identity(segments: Sequence[Segment], source: Source, provenance: Provenance) -> str:
    parts = [WHAT, highdicom.__version__, provenance.version]
    parts += provenance.parameters().values()
    for plane in source.planes:
        parts += [str(plane.image.SOPInstanceUID), str(plane.frame_number)]
    for segment in segments:
        parts += [segment.name, str(segment.value), str(segment.window), str(segment.code)]
        parts.append(hashlib.sha256(np.packbits(segment.mask).tobytes()).hexdigest())
    return inherited.derived_uid(*parts)


def _build(task: _Task) -> Dataset:
    day, time = inherited.content_moment(task.source.first)
    maker = {
        "manufacturer": inherited.MAKER,
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
            segmentation_type="BINARY",
            segment_descriptions=list(
                describe_segments(task.segments, task.provenance, task.identity)
            ),
            series_instance_uid=inherited.derived_uid(task.identity, "series"),
            series_number=SERIES_NUMBER,
            series_description=SERIES_TEXT,
            sop_instance_uid=inherited.derived_uid(task.identity, "instance"),
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


def _stand_in(task: _Task, plane: Plane) -> Dataset:
    """A plain header for one slice, wherever it was read from, without a patient."""
    source, item = task.source, Dataset()
    for keyword in TO_HIGHDICOM:
        if plane.image.get(keyword, None) is not None:
            item[keyword] = plane.image[keyword]
    for keyword in inherited.EMPTY_TAGS:
        setattr(item, keyword, None)
    item.SOPInstanceUID = inherited.derived_uid(task.identity, str(plane.position))
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


def _shown(task: _Task) -> npt.NDArray[np.bool_]:
    """Whether a slice shows a segment: (slices, 1, 1, segments)."""
    shown = np.zeros((len(task.slices), 1, 1, len(task.segments)), dtype=np.bool_)
    for n, segment in enumerate(task.segments):
        for k in _slices_of(segment):
            shown[k - task.slices.start, 0, 0, n] = True
    return shown


def _give_each(dataset: Dataset) -> None:
    """What a frame is and where, with each frame: some readers look nowhere else.

    highdicom from 0.28 on writes once for all what is the same for all.
    """
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for keyword in OF_A_FRAME:
        if keyword in shared:
            for groups in dataset.PerFrameFunctionalGroupsSequence:
                setattr(groups, keyword, copy.deepcopy(shared[keyword].value))
            delattr(shared, keyword)


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """One segment on one slice."""

    segment: Segment
    k: int
    """Which slice of the volume it lies on."""

    @classmethod
    def of(cls, groups: Dataset, task: _Task) -> _Frame:
        """What highdicom says of a frame."""
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        k = task.slices.start
        if task.source.placed:
            place = groups.PlanePositionSequence[0].ImagePositionPatient
            k, _ = task.source.nearest(tuple(float(v) for v in place))
        return cls(task.segments[number - 1], k)

    def mask(self, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """Of this size, (rows, columns)."""
        mask = np.zeros(size_hw, dtype=np.bool_)
        slices, rows, columns = self.segment.window.slices
        if slices.start <= self.k < slices.stop:
            mask[rows, columns] = self.segment.mask[self.k - slices.start]
        return mask


def _fill(dataset: Dataset, task: _Task, frames: Sequence[_Frame]) -> None:
    """The true frames in place of those of one pixel."""
    dataset.Rows, dataset.Columns = task.size_hw
    pairs = combinations(task.segments, 2)
    dataset.SegmentsOverlap = "YES" if any(a.overlaps(b) for a, b in pairs) else "NO"
    packed = bytearray()
    # eight frames of any size end with a whole byte
    for first in range(0, len(frames), BITS):
        masks = [frame.mask(task.size_hw) for frame in frames[first : first + BITS]]
        packed += np.packbits(np.stack(masks), bitorder="little").tobytes()
    # values of DICOM have an even length
    dataset.PixelData = bytes(packed + bytes(len(packed) % 2))


def _refer(dataset: Dataset, task: _Task, frames: Sequence[_Frame]) -> None:
    """State the true images, frames and tiles in place of the stand-ins."""
    source = task.source
    dataset.SourceImageSequence = [inherited.instance_reference(image) for image in source.images]
    series: dict[str, list[Dataset]] = {}
    for image in source.images:
        series.setdefault(str(image.SeriesInstanceUID), []).append(
            inherited.instance_reference(image)
        )
    dataset.ReferencedSeriesSequence = [_series(uid, items) for uid, items in series.items()]
    for groups, frame in zip(dataset.PerFrameFunctionalGroupsSequence, frames, strict=True):
        groups.DerivationImageSequence = [_derivation(source.planes[frame.k])]


def _series(uid: str, items: list[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.ReferencedInstanceSequence = items
    return series


def _derivation(plane: Plane) -> Dataset:
    reference = plane.reference()
    reference.SpatialLocationsPreserved = "YES" if plane.whole else "NO"
    reference.PurposeOfReferenceCodeSequence = [PURPOSE]
    item = Dataset()
    item.DerivationCodeSequence = [DERIVATION]
    item.SourceImageSequence = [reference]
    return item


def _settle(dataset: Dataset, task: _Task) -> None:
    """Patient and study as they are; nothing random and nothing of this day."""
    inherited.copy_patient_and_study(task.source.first, dataset)
    if not task.source.placed:
        dataset.PatientOrientation = task.source.first.get("PatientOrientation", None)
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        dataset.pop(keyword, None)
    for item in dataset.get("ContributingEquipmentSequence", None) or ():
        item.pop("ContributionDateTime", None)
    organization = inherited.derived_uid(task.identity, "dimensions")
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
