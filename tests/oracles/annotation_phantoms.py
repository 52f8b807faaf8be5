"""Parts of reports and presentation states, made with highdicom as viewers make them."""

from __future__ import annotations

import highdicom
import numpy as np
from highdicom import pr, sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes


def plain(image):
    """An image without a patient, of whom highdicom would log odd names."""
    image = Dataset(image)
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID"):
        setattr(image, keyword, None)
    for keyword in ("AccessionNumber", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(image, keyword, None)
    return image


def tracked(name, uid=None):
    """A tracking identifier."""
    return sr.TrackingIdentifier(uid=uid or highdicom.UID(), identifier=name)


def source(image, frame=None):
    """The image that a region was drawn on."""
    frames = None if frame is None else [frame]
    return sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID, frames)


def line(image, points, quantity=codes.SCT.LongAxis, frame=None):
    """A length that was measured along a line on an image."""
    points = np.array(points, float)
    drawn = sr.CoordinatesForMeasurement("POLYLINE", points, source(image, frame))
    return sr.Measurement(quantity, 1.0, codes.UCUM.Millimeter, referenced_coordinates=[drawn])


def group(name, measurements, uid=None, **more):
    """A measurement group of template 1501."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracked(name, uid), measurements=measurements, **more
    )


def region(name, image, kind, points):
    """A measurement group of template 1410 with an outline on an image."""
    drawn = sr.ImageRegion(kind, np.array(points, float), source(image))
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(tracked(name), drawn)


def report(images, groups):
    """A report of template 1500."""
    observer = sr.DeviceObserverIdentifyingAttributes(uid=highdicom.UID())
    context = sr.ObserverContext(codes.DCM.Device, observer)
    content = sr.MeasurementReport(
        sr.ObservationContext(observer_device_context=context),
        codes.LN.CTUnspecifiedBodyRegion,
        groups,
    )
    return sr.Comprehensive3DSR(
        [plain(image) for image in images],
        content,
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="maker",
    )


def graphics(images, *drawn, units="PIXEL", text=None):
    """An annotation of a presentation state: kinds of graphics with their points, and a text."""
    objects = [
        pr.GraphicObject(kind, np.array(points, float), units=units) for kind, points in drawn
    ]
    texts = [] if text is None else [pr.TextObject(text, anchor_point=(1.0, 1.0), units="PIXEL")]
    return pr.GraphicAnnotation(
        [plain(image) for image in images],
        pr.GraphicLayer("LAYER", 1),
        graphic_objects=objects,
        text_objects=texts,
    )


def presentation_state(images, annotations):
    """A presentation state of images."""
    return pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[plain(image) for image in images],
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        content_label="LABEL",
        graphic_annotations=annotations,
        graphic_layers=[pr.GraphicLayer("LAYER", 1)],
        manufacturer="maker",
        manufacturer_model_name="model",
        software_versions="1",
        device_serial_number="1",
    )
