"""Derived objects: what a DICOM file made from images takes over from them.

A segmentation or a structure set belongs to the patient and the study of its images.

**Reproducible.** The same images, objects and provenance give the same bytes. Unique identifiers
are therefore derived by hashing (UUID version 5 under "2.25.", PS3.5, B.2) instead of drawn at
random: an equal file gets an equal identifier, any other file another one. Dates are those of the
images, as the file says what they show, not when it was computed.
"""

from __future__ import annotations

import hashlib
import io
import uuid

import pydicom
from pydicom.dataset import Dataset

MAKER = "sam-geomed"
UNKNOWN_DAY, UNKNOWN_TIME = "19700101", "000000"
"""Where the images have no date and the standard wants one."""
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
"""Tags that must be there, but may be empty (type 2)."""
SEXES = ("M", "F", "O")
"""Anything else is no value of the tag, which may be empty."""
LABEL_LENGTH = 64
"""Characters of a label or a description (LO)."""


def instance_reference(image: Dataset) -> Dataset:
    """An item that refers to a file."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def derived_uid(*parts: str) -> str:
    """A unique identifier that depends on the parts and on nothing else.

    >>> derived_uid("a", "b") == derived_uid("a", "b") != derived_uid("ab")
    True
    """
    name = hashlib.sha256("\n".join(f"{len(part)} {part}" for part in parts).encode()).hexdigest()
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"


def content_moment(image: Dataset) -> tuple[str, str]:
    """Date and time of the images' content, else of their series or study."""
    for kind in ("Content", "Series", "Study"):
        if day := str(image.get(f"{kind}Date", None) or ""):
            return day, str(image.get(f"{kind}Time", None) or "") or UNKNOWN_TIME
    return UNKNOWN_DAY, UNKNOWN_TIME


def copy_patient_and_study(image: Dataset, target: Dataset) -> None:
    """Give a derived object the patient and the study of an image, as they are."""
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
    r"""A name as DICOM can hold it: no backslash, which parts values, and 64 characters.

    >>> label_text("left\\right ")
    'left/right'
    """
    return name.replace("\\", "/").strip()[:LABEL_LENGTH] or "object"
