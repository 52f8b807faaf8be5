"""RTSTRUCT: segments as contours in patient coordinates, each in the plane of its slice.

Contours run along the edges of pixels (`sam_med.derived_objects.contours`). The position and the
axes that the image states turn them into millimetres, so tilt, oblique planes and uneven spacing
need no special case. Each contour refers to the image, or frame, in whose plane it lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from sam_common.errors import OutputError
from sam_common.masks.overlay import colour
from sam_common.support.files import write_bytes
from sam_med.derived_objects import dicom_object
from sam_med.derived_objects.contours import outlines
from sam_med.derived_objects.referenced_images import check_places, read_source_images
from sam_med.objects.provenance import RESEARCH_ONLY
from sam_med.objects.snomed import Code, find_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sam_common.frame import FloatArray
    from sam_med.derived_objects.referenced_images import ImagePlane, SourceImages
    from sam_med.geometry.volume import Volume
    from sam_med.objects.provenance import Provenance
    from sam_med.objects.segments import Segment

WHAT = "DICOM RTSTRUCT"
SERIES_NUMBER = 5001
LABEL = "RESEARCH_SET"
DECIMALS = 6
"""Digits after the point of coordinates in mm; a decimal string has 16 characters."""
STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"
"""SOP class of a referenced study, which the standard still asks for (PS3.3, C.8.8.5)."""


def write_rtstruct(
    segments: Sequence[Segment], volume: Volume, path: Path, provenance: Provenance
) -> tuple[str, ...]:
    """Write segments as a structure set that refers to the images of the volume.

    A hole is a part of the contour around it, joined to it by a channel of no width (keyhole).
    Equal input gives equal bytes, see `sam_med.derived_objects.dicom_object`.

    Args:
        segments: At least one; they may overlap.
        volume: A volume that was read from DICOM; its files are read again for their headers.
        path: The file, which appears whole or not at all.
        provenance: How the segments were made.

    Returns:
        One sentence for each object without voxels, and one for identifiers that the images lack.

    Raises:
        OutputError: The volume does not come from DICOM, its images state no position in the
            patient, the disk does not take the file, or other bytes were read back.
    """
    if not segments:
        raise OutputError(f"cannot write {WHAT}: there is no segment")
    source = read_source_images(volume, WHAT)
    check_places(source, WHAT, contours=True)
    dataset = _structure_set(segments, source, provenance)
    write_bytes(path, dicom_object.encoded(dataset))
    empty = [segment.name for segment in segments if not segment.mask.any()]
    notes = [f"{WHAT}: {name} has no voxels: listed, but without contours" for name in empty]
    return (*source.notes, *notes)


def _structure_set(
    segments: Sequence[Segment], source: SourceImages, provenance: Provenance
) -> Dataset:
    """The data set of a structure set, with its meta information."""
    identity = dicom_object.identity_of(
        WHAT, pydicom.__version__, segments, source.identifiers, provenance
    )
    item = Dataset()
    dicom_object.copy_patient_and_study(source.first, item)
    item.SOPClassUID = RTStructureSetStorage
    item.SOPInstanceUID = dicom_object.derived_uid(identity, "instance")
    item.Modality = "RTSTRUCT"
    item.SeriesInstanceUID = dicom_object.derived_uid(identity, "series")
    item.SeriesNumber = SERIES_NUMBER
    item.SeriesDescription = "Structures, for research use only"
    item.OperatorsName = None
    item.InstanceNumber = 1
    item.Manufacturer = dicom_object.MAKER
    item.ManufacturerModelName = "sam-med"
    item.SoftwareVersions = provenance.version
    item.FrameOfReferenceUID = source.first.FrameOfReferenceUID
    item.PositionReferenceIndicator = source.first.get("PositionReferenceIndicator", None)
    item.StructureSetLabel = LABEL
    item.StructureSetDescription = f"{RESEARCH_ONLY}. {_made_by(provenance)}"
    item.StructureSetDate, item.StructureSetTime = dicom_object.content_moment(source.first)
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


def _made_by(provenance: Provenance) -> str:
    """Program, version and parameters in one line."""
    listed = ", ".join(f"{name} {value}" for name, value in provenance.parameters().items())
    return f"{dicom_object.MAKER} {provenance.version}: {listed}"


def _frame_of_reference(source: SourceImages) -> Dataset:
    """The item with the frame of reference, and in it the study, the series and the images."""
    study = Dataset()
    study.ReferencedSOPClassUID = STUDY_MANAGEMENT
    study.ReferencedSOPInstanceUID = source.first.StudyInstanceUID
    study.RTReferencedSeriesSequence = dicom_object.series_references(
        source.images, "ContourImageSequence"
    )
    frame = Dataset()
    frame.FrameOfReferenceUID = source.first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _roi(number: int, segment: Segment, source: SourceImages, provenance: Provenance) -> Dataset:
    """The item that lists a segment as a structure."""
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = source.first.FrameOfReferenceUID
    item.ROIName = dicom_object.label_text(segment.name)
    item.ROIDescription = dicom_object.value_text(segment)
    item.ROIGenerationAlgorithm = "SEMIAUTOMATIC"
    item.ROIGenerationDescription = f"{dicom_object.MAKER} {provenance.model}"[
        : dicom_object.LABEL_LENGTH
    ]
    return item


def _roi_contours(number: int, segment: Segment, source: SourceImages) -> Dataset:
    """The item with the colour and the contours of a structure."""
    item = Dataset()
    item.ROIDisplayColor = list(colour(number - 1))
    if contours := list(_contours(segment, source)):
        item.ContourSequence = contours
    item.ReferencedROINumber = number
    return item


def _contours(segment: Segment, source: SourceImages) -> Iterator[Dataset]:
    """One item for each contour of a segment, slice by slice, numbered from 1."""
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


def _to_patient(points_rc: FloatArray, plane: ImagePlane, source: SourceImages) -> FloatArray:
    """Convert (row, column) indices on a slice to LPS mm (PS3.3, C.7.6.2.1.1)."""
    along_i, along_j = np.reshape(source.orientation, (2, 3))
    between_rows, between_columns = source.pixel_spacing_mm
    steps = np.stack([along_j * between_rows, along_i * between_columns])
    return np.asarray(np.asarray(plane.position) + points_rc @ steps)


def _observation(number: int, segment: Segment) -> Dataset:
    """The item with the code of a structure, where it has one."""
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
    """A code, with its modifier, as an item of a code sequence."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = code.meaning
    if code.modifier is not None:
        item.SegmentedPropertyTypeModifierCodeSequence = [_coded(code.modifier)]
    return item
