"""DICOM object: what a SEG and an RTSTRUCT made from images have in common.

Both belong to the patient and the study of the images, and refer to them.

**Reproducible.** Equal images, objects and provenance give equal bytes. Unique identifiers are
therefore not drawn at random, but derived by hashing (UUID version 5 under "2.25.", PS3.5, B.2):
two equal files have equal identifiers, and two different files have different ones. Dates are those
of the images, because they tell when the images show the patient, not when the file was computed.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sam_med.objects.provenance import Provenance
    from sam_med.objects.segments import Segment

MAKER = "sam-geomed"
UNKNOWN_DAY, UNKNOWN_TIME = "19700101", "000000"
"""Date and time of objects whose images have none, where the standard wants a value."""
PATIENT_TAGS = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
)
STUDY_TAGS = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDescription",
    "StudyID",
)
EMPTY_TAGS = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"),
)
"""Tags that must be in the file, but may be empty (type 2)."""
SEXES = ("M", "F", "O")
"""Defined values of PatientSex; anything else is written as an empty value."""
LABEL_LENGTH = 64
"""Most characters of a label or a description (LO)."""


def instance_reference(image: Dataset) -> Dataset:
    """An item that refers to the file of an image."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def series_references(images: Sequence[Dataset], sequence: str) -> list[Dataset]:
    """One item for each series of some images, with references to its images.

    Args:
        images: Headers of the images.
        sequence: Keyword of the sequence in the item that holds the references.
    """
    items: dict[str, Dataset] = {}
    for image in images:
        uid = str(image.SeriesInstanceUID)
        if uid not in items:
            items[uid] = Dataset()
            items[uid].SeriesInstanceUID = uid
            setattr(items[uid], sequence, [])
        items[uid][sequence].value.append(instance_reference(image))
    return list(items.values())


def derived_uid(*parts: str) -> str:
    """A unique identifier that depends on some texts and on nothing else.

    >>> derived_uid("a", "b") == derived_uid("a", "b") != derived_uid("ab")
    True
    """
    name = hashlib.sha256("\n".join(f"{len(part)} {part}" for part in parts).encode()).hexdigest()
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"


def identity_of(
    kind: str,
    library_version: str,
    segments: Sequence[Segment],
    images: Iterable[tuple[str, int | None]],
    provenance: Provenance,
) -> str:
    """A hash of everything that the bytes of a derived object depend on.

    Args:
        kind: "DICOM SEG" or "DICOM RTSTRUCT".
        library_version: Version of the library that encodes the object.
        segments: The objects to be written.
        images: Identifier and frame number of the image of each slice of the volume.
        provenance: How they were made.
    """
    parts = [kind, library_version, provenance.version, *provenance.parameters().values()]
    for image, frame_number in images:
        parts += [image, str(frame_number)]
    for segment in segments:
        parts += [segment.name, str(segment.value), str(segment.window), str(segment.code)]
        parts.append(hashlib.sha256(np.packbits(segment.mask).tobytes()).hexdigest())
    return derived_uid(*parts)


def content_moment(image: Dataset) -> tuple[str, str]:
    """Date and time of the content of an image, else of its series or study."""
    for kind in ("Content", "Series", "Study"):
        if day := str(image.get(f"{kind}Date", None) or ""):
            return day, str(image.get(f"{kind}Time", None) or "") or UNKNOWN_TIME
    return UNKNOWN_DAY, UNKNOWN_TIME


def bare_header() -> Dataset:
    """A data set whose patient and study are empty, for libraries that need the elements."""
    item = Dataset()
    for keyword in EMPTY_TAGS:
        setattr(item, keyword, None)
    return item


def copy_patient_and_study(image: Dataset, target: Dataset) -> None:
    """Give a derived object the patient and the study of an image, unchanged."""
    target.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (*PATIENT_TAGS, *STUDY_TAGS):
        if keyword == "PatientSex" and image.get(keyword, None) not in SEXES:
            target.PatientSex = None
        elif keyword in image:
            target[keyword] = image[keyword]
        elif keyword in EMPTY_TAGS:
            setattr(target, keyword, None)
    target.StudyInstanceUID = image.StudyInstanceUID


def encoded(dataset: Dataset) -> bytes:
    """The bytes of a DICOM file, preamble and meta information included."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def label_text(name: str) -> str:
    r"""The name of an object as a DICOM label: without backslashes, at most 64 characters.

    A backslash separates the values of an element.

    >>> label_text("left\\right ")
    'left/right'
    """
    return name.replace("\\", "/").strip()[:LABEL_LENGTH] or "object"


def value_text(segment: Segment) -> str:
    """The description of a segment, from which `described_values` reads its label value again."""
    nothing = "" if segment.mask.any() else "; nothing was found"
    return f"Label value {segment.value}{nothing}"
