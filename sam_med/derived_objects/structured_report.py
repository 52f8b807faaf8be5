"""Structured report: measurements of the segments of a DICOM SEG as DICOM SR, by template 1500.

```
Imaging Measurement Report (TID 1500), Comprehensive 3D SR
  Measurement Group (TID 1411)   for each segment: the SEG as its source; volume, long and short
                                 axis, maximum 3-D diameter, mean and standard deviation
  Measurement Group (TID 1501)   the long and the short axis again, each with its line on the image
                                 (SCOORD), as viewers draw them
```
Both groups of an object have its tracking identifier, which is that of the SEG. TID 1411 holds no
lines, which is why there are two. Written with highdicom, as the SEG is; equal input gives equal
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import highdicom
import numpy as np
from highdicom import sr
from pydicom.sr.codedict import codes

from sam_common import __version__
from sam_common.errors import OutputError
from sam_common.support.files import write_bytes
from sam_med.derived_objects import dicom_object, sr_codes
from sam_med.derived_objects.referenced_images import check_places, read_source_images
from sam_med.derived_objects.referenced_segmentation import read_reference, undescribed
from sam_med.measurements.measure import measure_file
from sam_med.objects.provenance import RESEARCH_ONLY
from sam_med.segmentations.seg_dicom import read_dicom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

    from sam_common.frame import FloatArray
    from sam_med.derived_objects.referenced_images import SourceImages
    from sam_med.derived_objects.referenced_segmentation import (
        ReferencedSegment,
        ReferencedSegmentation,
    )
    from sam_med.derived_objects.sr_codes import Quantity
    from sam_med.geometry.volume import Volume
    from sam_med.measurements.measure import Line, Measurement
    from sam_med.objects.snomed import Code

WHAT = "DICOM SR"
SERIES_NUMBER = 5002
SERIES_TEXT = "Measurements, for research use only"


@dataclass(frozen=True, slots=True, eq=False)
class _Report:
    """What a report is made from."""

    volume: Volume
    source: SourceImages
    segmentation: ReferencedSegmentation
    rows: tuple[tuple[ReferencedSegment, Measurement], ...]
    """Each segment that has voxels, with its measurement."""

    @property
    def identity(self) -> str:
        """A hash of everything that the bytes of the report depend on."""
        parts = [WHAT, highdicom.__version__, __version__, self.segmentation.uid]
        parts += [f"{image} {frame}" for image, frame in self.source.identifiers]
        return dicom_object.derived_uid(*parts, *(repr(row) for row in self.rows))


def write_report(segmentation: Path, volume: Volume, path: Path) -> tuple[str, ...]:
    """Measure the segments of a DICOM SEG and write them as a structured report.

    Args:
        segmentation: The SEG, of any type and from any program, on the images of the volume.
        volume: A volume that was read from DICOM; its files are read again for their headers.
        path: The file, which appears whole or not at all.

    Returns:
        One sentence for each thing that the report does not hold.

    Raises:
        InputError: The file is no DICOM SEG, or cannot be read.
        GeometryError: The SEG lies on another grid than the volume.
        OutputError: The volume does not come from DICOM, its images state no position, no segment
            has a voxel, or the disk does not take the file.
    """
    source = read_source_images(volume, WHAT)
    check_places(source, WHAT, contours=True)
    reference = read_reference(segmentation)
    file = read_dicom(segmentation, volume)
    rows, notes = [], [*source.notes, *file.notes]
    for number, row in zip(file.numbers, measure_file(volume, file), strict=True):
        if not row.voxels:
            notes.append(f"{WHAT}: {row.name} has no voxels and is left out")
            continue
        known = reference.segments.get(number) or undescribed(number, row.name, reference.uid)
        rows.append((known, row))
    if not rows:
        raise OutputError(f"cannot write {WHAT}: no segment has a voxel")
    units = {row.units for _, row in rows}
    if any(sr_codes.intensity_of(volume, unit) is None for unit in units):
        notes.append(f"{WHAT}: no code says what the intensities are, so they are left out")
    report = _Report(volume, source, reference, tuple(rows))
    write_bytes(path, dicom_object.encoded(_dataset(report)))
    return tuple(notes)


def _dataset(report: _Report) -> Dataset:
    """The data set of a report."""
    images = [_evidence(image) for image in report.source.images]
    identity = report.identity
    try:
        dataset = sr.Comprehensive3DSR(
            evidence=[*images, _evidence(report.segmentation.header)],
            content=_content(report),
            series_instance_uid=dicom_object.derived_uid(identity, "series"),
            series_number=SERIES_NUMBER,
            series_description=SERIES_TEXT,
            sop_instance_uid=dicom_object.derived_uid(identity, "instance"),
            instance_number=1,
            manufacturer=dicom_object.MAKER,
            manufacturer_model_name="sam-med",
            software_versions=__version__,
            device_serial_number="none",
            is_complete=True,
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise OutputError(f"cannot write {WHAT}: the images do not fit it: {error}") from error
    first = report.source.first
    dicom_object.copy_patient_and_study(first, dataset)
    dataset.ContentDate, dataset.ContentTime = dicom_object.content_moment(first)
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        dataset.pop(keyword, None)
    for item in dataset.get("ContributingEquipmentSequence", None) or ():
        item.pop("ContributionDateTime", None)
    return dataset


def _evidence(header: Dataset) -> Dataset:
    """The identifiers of a file that a report refers to; highdicom is given no patient."""
    item = dicom_object.bare_header()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(item, keyword, header[keyword].value)
    return item


def _content(report: _Report) -> sr.MeasurementReport:
    """The content tree of a report."""
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=dicom_object.derived_uid("device", dicom_object.MAKER, __version__),
        name=dicom_object.MAKER,
        manufacturer_name=dicom_object.MAKER,
        model_name=f"sam-med {__version__}. {RESEARCH_ONLY}",
    )
    context = sr.ObserverContext(codes.DCM.Device, device)
    groups = [group for row in report.rows for group in _groups(report, *row)]
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=context),
        procedure_reported=sr_codes.procedure_of(report.volume.modality),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )


def _groups(
    report: _Report, segment: ReferencedSegment, row: Measurement
) -> Iterator[
    sr.VolumetricROIMeasurementsAndQualitativeEvaluations | sr.MeasurementsAndQualitativeEvaluations
]:
    """The groups of one object: its numbers, and its axes with their lines."""
    tracking = sr.TrackingIdentifier(uid=segment.tracking_uid, identifier=segment.tracking_id)
    finding, sites = _finding(segment)
    algorithm = sr.AlgorithmIdentification(dicom_object.MAKER, __version__)
    yield sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        referenced_segment=_reference(report, segment.number),
        finding_type=finding,
        finding_sites=sites,
        algorithm_id=algorithm,
        measurements=list(_measurements(report.volume, row)),
    )
    lines = [
        (sr_codes.LONG_AXIS, row.long_axis_mm, row.long_axis_lps_mm),
        (sr_codes.SHORT_AXIS, row.short_axis_mm, row.short_axis_lps_mm),
    ]
    yield sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        finding_type=finding,
        finding_sites=sites,
        algorithm_id=algorithm,
        measurements=[
            _measurement(quantity, value, referenced_coordinates=[_drawn(report, line)])
            for quantity, value, line in lines
            if value is not None and line is not None
        ],
    )


def _reference(report: _Report, number: int) -> sr.ReferencedSegment:
    """The reference to a segment and to the images that it was made from."""
    series = {str(image.SeriesInstanceUID) for image in report.source.images}
    header, source = report.segmentation.header, {}
    if len(series) == 1:
        source["source_series"] = sr.SourceSeriesForSegmentation(*series)
    else:
        source["source_images"] = [
            sr.SourceImageForSegmentation(image.SOPClassUID, image.SOPInstanceUID)
            for image in report.source.images
        ]
    return sr.ReferencedSegment(header.SOPClassUID, header.SOPInstanceUID, number, **source)


def _finding(segment: ReferencedSegment) -> tuple[sr.CodedConcept, list[sr.FindingSite]]:
    """What was found, and where: a structure of the body is the site of itself."""
    if not segment.is_anatomical:
        return _coded(segment.kind), []
    side = segment.kind.modifier
    site = sr.FindingSite(_coded(segment.kind), None if side is None else _coded(side))
    return _coded(segment.category), [site]


def _coded(code: Code) -> sr.CodedConcept:
    """A code as highdicom takes it."""
    return sr.CodedConcept(code.value, code.scheme, code.meaning)


def _measurements(volume: Volume, row: Measurement) -> Iterator[sr.Measurement]:
    """The numbers of an object, each with its concept and unit."""
    yield _measurement(sr_codes.VOLUME, row.volume_ml, method=sr_codes.VOLUME_METHOD)
    for quantity, value in (
        (sr_codes.LONG_AXIS, row.long_axis_mm),
        (sr_codes.SHORT_AXIS, row.short_axis_mm),
        (sr_codes.MAXIMUM_3D, row.maximum_3d_mm),
    ):
        if value is not None:
            yield _measurement(quantity, value)
    intensity = sr_codes.intensity_of(volume, row.units)
    for derivation, value in ((sr_codes.MEAN, row.mean), (sr_codes.DEVIATION, row.sd)):
        if intensity is not None and value is not None:
            yield _measurement(intensity, value, derivation=derivation)


def _measurement(quantity: Quantity, value: float, **more: object) -> sr.Measurement:
    """One number with its concept and unit (TID 300)."""
    return sr.Measurement(quantity.concept, value, quantity.unit, **more)


def _drawn(
    report: _Report, line: Line
) -> sr.CoordinatesForMeasurement | sr.CoordinatesForMeasurement3D:
    """A line on the image that it lies on; in LPS mm where its slice is a tile of an image."""
    ends: FloatArray = report.volume.to_index(line)
    plane = report.source.planes[round(float(ends[0, 0]))]
    if not plane.whole:
        return sr.CoordinatesForMeasurement3D(
            "POLYLINE", np.array(line), report.source.first.FrameOfReferenceUID
        )
    number = plane.frame_number
    image = sr.SourceImageForRegion(
        plane.image.SOPClassUID,
        plane.image.SOPInstanceUID,
        None if number is None else [number],
    )
    # SCOORD counts (column, row) from the corner of the first pixel, not from its centre
    return sr.CoordinatesForMeasurement("POLYLINE", ends[:, :0:-1] + 0.5, image)
