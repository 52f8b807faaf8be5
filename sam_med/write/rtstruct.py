"""RTSTRUCT: segments as contours in patient coordinates, each on the plane of its own slice.

Contours run along the edges of the pixels (`sam_med.write.contours`) and are placed by the position
and the axes that the image states, so tilt, oblique planes and uneven spacing need no special case.
Each contour refers to the one image, or frame, on whose plane it lies.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from sam_common.errors import OutputError
from sam_common.masks.overlay import colour
from sam_common.support.files import write_bytes
from sam_med.derived import inherited
from sam_med.derived.referenced_images import check_places, read_source
from sam_med.objects.provenance import RESEARCH_ONLY
from sam_med.objects.snomed import Code, find_code
from sam_med.write.contours import outlines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sam_common.frame import FloatArray
    from sam_med.derived.referenced_images import Plane, Source
    from sam_med.geometry.volume import Volume
    from sam_med.objects.provenance import Provenance
    from sam_med.objects.segments import Segment

WHAT = "DICOM RTSTRUCT"
SERIES_NUMBER = 5001
LABEL = "RESEARCH_SET"
DECIMALS = 6
"""Of coordinates in mm; a decimal string has 16 characters."""
STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"
"""Class of the referenced study, as the standard still wants it (PS3.3, C.8.8.5)."""


def write_rtstruct(
    segments: Sequence[Segment], volume: Volume, path: Path, provenance: Provenance
) -> tuple[str, ...]:
    """Write segments as a structure set that refers to the images of the volume.

    Holes are part of one contour, joined to it by a channel of no width (keyhole). The same input
    gives the same bytes, see `sam_med.derived.inherited`.

    Args:
        segments: At least one; they may overlap.
        volume: As read from DICOM; its files are read again for their headers.
        path: The file, which appears whole or not at all.
        provenance: How the segments were made.

    Returns:
        One sentence for each object without voxels and for identifiers that the images lack.

    Raises:
        OutputError: The volume does not come from DICOM, its images have no place in the patient,
            the disk does not take the file, or what was read back is something else.
    """
    if not segments:
        raise OutputError(f"cannot write {WHAT}: there is no segment")
    source = read_source(volume, WHAT)
    check_places(source, WHAT, contours=True)
    dataset = _structure_set(segments, source, provenance)
    write_bytes(path, inherited.encoded(dataset))
    empty = [segment.name for segment in segments if not segment.mask.any()]
    notes = [f"{WHAT}: {name} has no voxels: listed, but without contours" for name in empty]
    return (*source.notes, *notes)


def _structure_set(segments: Sequence[Segment], source: Source, provenance: Provenance) -> Dataset:
    identity = _identity(segments, source, provenance)
    item = Dataset()
    inherited.copy_patient_and_study(source.first, item)
    item.SOPClassUID = RTStructureSetStorage
    item.SOPInstanceUID = inherited.derived_uid(identity, "instance")
    item.Modality = "RTSTRUCT"
    item.SeriesInstanceUID = inherited.derived_uid(identity, "series")
    item.SeriesNumber = SERIES_NUMBER
    item.SeriesDescription = "Structures, for research use only"
    item.OperatorsName = None
    item.InstanceNumber = 1
    item.Manufacturer = inherited.MAKER
    item.ManufacturerModelName = "sam-med"
    item.SoftwareVersions = provenance.version
    item.FrameOfReferenceUID = source.first.FrameOfReferenceUID
    item.PositionReferenceIndicator = source.first.get("PositionReferenceIndicator", None)
    item.StructureSetLabel = LABEL
    item.StructureSetDescription = f"{RESEARCH_ONLY}. {_made_by(provenance)}"
    item.StructureSetDate, item.StructureSetTime = inherited.content_moment(source.first)
    item.ApprovalStatus = "UNAPPROVED"
    item.ReferencedFrameOfReferenceSequence = [_frame_of_reference(source)]
    numbered = list(enumerate(segments, start=1))
    item.StructureSetROISequence = [_roi(n, s, source, provenance) for n, s in numbered]
    item.ROIContourSequence = [_roi_contours(n, s, source) for n, s in numbered]
    item.RTROIObservationsSequence = [_observation(n, s) for n, s in numbered]
    item.file_meta = FileMetaDataset()
    # with explicit types a contour could hold no more than 64 KiB, some 2000 points
    item.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return item


def _identity(segments: Sequence[Segment], source: Source, provenance: Provenance) -> str:
    parts = [WHAT, pydicom.__version__, provenance.version, *provenance.parameters().values()]
    for plane in source.planes:
        parts += [str(plane.image.SOPInstanceUID), str(plane.frame_number)]
    for segment in segments:
        parts += [segment.name, str(segment.value), str(segment.window), str(segment.code)]
        parts.append(hashlib.sha256(np.packbits(segment.mask).tobytes()).hexdigest())
    return inherited.derived_uid(*parts)


def _made_by(provenance: Provenance) -> str:
    listed = ", ".join(f"{name} {value}" for name, value in provenance.parameters().items())
    return f"{inherited.MAKER} {provenance.version}: {listed}"


def _frame_of_reference(source: Source) -> Dataset:
    """Frame of reference, study, series and images that the contours lie on."""
    series: dict[str, list[Dataset]] = {}
    for image in source.images:
        series.setdefault(str(image.SeriesInstanceUID), []).append(
            inherited.instance_reference(image)
        )
    study = Dataset()
    study.ReferencedSOPClassUID = STUDY_MANAGEMENT
    study.ReferencedSOPInstanceUID = source.first.StudyInstanceUID
    study.RTReferencedSeriesSequence = []
    for uid, images in series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        item.ContourImageSequence = images
        study.RTReferencedSeriesSequence.append(item)
    frame = Dataset()
    frame.FrameOfReferenceUID = source.first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _roi(number: int, segment: Segment, source: Source, provenance: Provenance) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = source.first.FrameOfReferenceUID
    item.ROIName = inherited.label_text(segment.name)
    nothing = "" if segment.mask.any() else "; nothing was found"
    item.ROIDescription = f"Label value {segment.value}{nothing}"
    item.ROIGenerationAlgorithm = "SEMIAUTOMATIC"
    item.ROIGenerationDescription = f"{inherited.MAKER} {provenance.model}"[
        : inherited.LABEL_LENGTH
    ]
    return item


def _roi_contours(number: int, segment: Segment, source: Source) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(colour(number - 1))
    if contours := list(_contours(segment, source)):
        item.ContourSequence = contours
    item.ReferencedROINumber = number
    return item


def _contours(segment: Segment, source: Source) -> Iterator[Dataset]:
    k0, row0, column0 = segment.window.start
    number = 0
    for k, mask in enumerate(segment.mask, start=k0):
        for outline in outlines(mask):
            number += 1
            points = _to_patient(outline + np.array([row0, column0]), source.planes[k], source)
            item = Dataset()
            item.ContourImageSequence = [source.planes[k].reference()]
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(points)
            item.ContourNumber = number
            item.ContourData = [f"{value:.{DECIMALS}f}" for value in points.ravel()]
            yield item


def _to_patient(points_rc: FloatArray, plane: Plane, source: Source) -> FloatArray:
    """(row, column) indices on a slice to LPS mm (PS3.3, C.7.6.2.1.1)."""
    along_i, along_j = np.reshape(source.orientation, (2, 3))
    between_rows, between_columns = source.pixel_spacing_mm
    steps = np.stack([along_j * between_rows, along_i * between_columns])
    return np.asarray(np.asarray(plane.position) + points_rc @ steps)


def _observation(number: int, segment: Segment) -> Dataset:
    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = number
    item.RTROIInterpretedType = None
    item.ROIInterpreter = None
    code = segment.code or find_code(segment.name)
    if code is not None:
        item.RTROIIdentificationCodeSequence = [_coded(code)]
    return item


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = code.meaning
    if code.modifier is not None:
        item.SegmentedPropertyTypeModifierCodeSequence = [_coded(code.modifier)]
    return item
