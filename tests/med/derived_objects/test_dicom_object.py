"""What SEG and RTSTRUCT have in common: identifiers, references, patient and study."""

from __future__ import annotations

import dataclasses

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from segment_phantoms import MADE_BY, overlapping

from sam_med.derived_objects import dicom_object
from sam_med.segmentations.objects import described_values


def image(number, series="1.2.3", **tags):
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}"
    item.SeriesInstanceUID, item.StudyInstanceUID = series, "1.2"
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


def test_references_by_series_in_the_order_of_the_images():
    images = [image(1), image(2, "1.2.4"), image(3)]
    found = dicom_object.series_references(images, "ContourImageSequence")
    assert [
        (item.SeriesInstanceUID, [i.ReferencedSOPInstanceUID for i in item.ContourImageSequence])
        for item in found
    ] == [("1.2.3", ["1.2.3.1", "1.2.3.3"]), ("1.2.4", ["1.2.3.2"])]


def test_an_identity_depends_on_everything_that_is_written():
    segments = overlapping((2, 3, 4))
    images = [("1.2.3", None), ("1.2.4", 7)]

    def identity(kind="DICOM SEG", version="1", segments=segments, images=images, made=MADE_BY):
        return dicom_object.identity_of(kind, version, segments, images, made)

    other = segments[0].mask.copy()
    other[0, 0, 0] = ~other[0, 0, 0]
    changed = [
        identity(kind="DICOM RTSTRUCT"),
        identity(version="2"),
        identity(segments=segments[::-1]),
        identity(segments=[dataclasses.replace(segments[0], name="x"), segments[1]]),
        identity(segments=[dataclasses.replace(segments[0], value=77), segments[1]]),
        identity(segments=[dataclasses.replace(segments[0], mask=other), segments[1]]),
        identity(images=[("1.2.3", 1), ("1.2.4", 7)]),
        identity(made=dataclasses.replace(MADE_BY, prompts_sha256="b" * 64)),
    ]
    assert identity() == identity()
    assert len({identity(), *changed}) == len(changed) + 1


@pytest.mark.parametrize("parts", [("a",), ("a", "b" * 999), ()])
def test_identifiers_are_valid(parts):
    found = pydicom.uid.UID(dicom_object.derived_uid(*parts))
    assert found.is_valid
    assert found.startswith("2.25.")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (
            {"ContentDate": "20200102", "ContentTime": "1112", "SeriesDate": "1"},
            ("20200102", "1112"),
        ),
        ({"ContentDate": "", "SeriesDate": "20200103"}, ("20200103", "000000")),
        ({"StudyDate": "20200104", "StudyTime": "12", "SeriesTime": "13"}, ("20200104", "12")),
        ({}, ("19700101", "000000")),
    ],
)
def test_the_moment_is_that_of_the_images(tags, expected):
    item = Dataset()
    for keyword, value in tags.items():
        item.add_new(keyword, "LO", value)
    assert dicom_object.content_moment(item) == expected


def test_patient_and_study_are_those_of_the_images():
    source = image(1, PatientName="A^B", PatientSex="X", PatientAge="030Y", StudyID="7")
    target = Dataset()
    dicom_object.copy_patient_and_study(source, target)
    assert (target.PatientName, target.PatientAge, target.StudyID) == ("A^B", "030Y", "7")
    assert target.StudyInstanceUID == "1.2"
    # what must be there is there, and a sex that is no defined value is not handed on
    assert (target.PatientSex, target.PatientID, target.StudyDate) == (None, None, None)
    assert "PatientWeight" not in target
    source.PatientSex = "F"
    dicom_object.copy_patient_and_study(source, target)
    assert target.PatientSex == "F"


@pytest.mark.parametrize(
    ("name", "label"), [("a\\b", "a/b"), ("  ", "object"), ("x" * 99, "x" * 64), (" a ", "a")]
)
def test_labels(name, label):
    assert dicom_object.label_text(name) == label


def test_a_value_comes_back_from_its_description():
    segment = overlapping((2, 3, 4))[0]
    empty = dataclasses.replace(segment, value=300, mask=np.zeros_like(segment.mask))
    texts = {1: dicom_object.value_text(segment), 2: dicom_object.value_text(empty)}
    assert texts == {1: "Label value 9", 2: "Label value 300; nothing was found"}
    assert described_values(texts) == {1: 9, 2: 300}
