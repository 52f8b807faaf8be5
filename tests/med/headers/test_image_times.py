"""In which order images of one place were taken, by each of the tags that may say it."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from sam_med.files.read import read_volume
from sam_med.headers.image_times import moment, seconds

PLACES = [(10, 20, 30), (10, 20, 32), (10, 20, 34)]


def times(dicom, stated):
    """Files of three places and as many times as values are stated, named against their order."""
    order = sorted(range(len(stated)), key=lambda n: stated[n]["rank"])
    for n, tags in enumerate(stated):
        pixels = dicom.pixels(3) + 1000 * order.index(n)
        said = {name: value for name, value in tags.items() if name != "rank"}
        dicom.series(PLACES, pixels, **{"InstanceNumber": None, "Modality": "MR", **said})
    return dicom.folder


def firsts(path, count):
    return [int(read_volume(path, time=n + 1).array[0, 0, 0]) for n in range(count)]


@pytest.mark.parametrize(
    "tag",
    [
        "TemporalPositionIdentifier",
        "TemporalPositionIndex",
        "AcquisitionNumber",
        "TriggerTime",
        "NominalCardiacTriggerDelayTime",
        "NominalPercentageOfCardiacPhase",
        "NominalPercentageOfRespiratoryPhase",
        "TemporalPositionTimeOffset",
        "FrameReferenceTime",
        "ImageIndex",
        "InversionTime",
        "RepetitionTime",
        "FlipAngle",
    ],
)
def test_numbers_are_compared_as_numbers(dicom, tag):
    folder = times(dicom, [{tag: value, "rank": value} for value in (1000, 90, 200)])
    assert firsts(folder, 3) == [0, 1000, 2000]


@pytest.mark.parametrize(
    "stated",
    [
        [{"AcquisitionTime": "235959.5", "rank": 1}, {"AcquisitionTime": "235959", "rank": 0}],
        [
            {"AcquisitionDate": "20200102", "AcquisitionTime": "000001", "rank": 1},
            {"AcquisitionDate": "20200101", "AcquisitionTime": "235959", "rank": 0},
        ],
        [
            {"AcquisitionDateTime": "20200102000001", "rank": 1},
            {"AcquisitionDateTime": "20200101235959.99", "rank": 0},
        ],
        [
            {"AcquisitionDateTime": "20200101120000+0200", "rank": 0},
            {"AcquisitionDateTime": "20200101110000+0000", "rank": 1},
        ],
        [
            {"AcquisitionTime": "000010", "ContentDate": "20200102", "rank": 1},
            {"AcquisitionTime": "235950", "ContentDate": "20200101", "rank": 0},
        ],
        [{"InstanceCreationTime": "0900", "rank": 1}, {"InstanceCreationTime": "08", "rank": 0}],
        [{"SeriesTime": "0900", "rank": 1}, {"SeriesTime": "085959.999", "rank": 0}],
        [{"ContentTime": "0900", "rank": 0}, {"ContentTime": "080000.1", "rank": -1}],
        [
            {"TriggerTime": 5, "AcquisitionTime": "100000", "InstanceNumber": 2, "rank": 1},
            {"TriggerTime": 4, "AcquisitionTime": "110000", "InstanceNumber": 9, "rank": 0},
        ],
    ],
)
def test_times_of_day_and_moments(dicom, stated):
    assert firsts(times(dicom, stated), 2) == [0, 1000]


@pytest.mark.parametrize(
    ("group", "tag", "values"),
    [
        ("FrameContentSequence", "TemporalPositionIndex", (12, 3)),
        ("FrameContentSequence", "FrameAcquisitionDateTime", ("20200101100000", "20200101093000")),
        ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", (900.0, 85.5)),
        ("RespiratorySynchronizationSequence", "NominalPercentageOfRespiratoryPhase", (70.0, 9.0)),
        ("TemporalPositionSequence", "TemporalPositionTimeOffset", (10.5, 2.25)),
    ],
)
def test_times_of_frames(dicom, group, tag, values):
    pixels = dicom.pixels(6)
    file = dicom.enhanced([place for place in PLACES for _ in values], pixels)
    for n, frame in enumerate(file.PerFrameFunctionalGroupsSequence):
        if group not in frame:
            setattr(frame, group, [Dataset()])
        setattr(frame[group].value[0], tag, values[n % 2])
    path = dicom.write(file)
    assert np.array_equal(read_volume(path, time=1).array, pixels[1::2])


def test_files_of_frames_are_told_apart_by_their_own_time(dicom):
    for name, time in (("a", "101500"), ("b", "091500")):
        pixels = dicom.pixels(3) + (1000 if name == "a" else 0)
        dicom.write(dicom.enhanced(PLACES, pixels, AcquisitionTime=time), f"{name}.dcm")
    assert firsts(dicom.folder, 2) == [0, 1000]


def test_copies_that_were_written_at_other_times_are_copies(dicom):
    for time in ("080000", "090000"):
        dicom.series(PLACES, ContentTime=time)
    volume = read_volume(dicom.folder)
    assert volume.shape[0] == 3
    assert [d.code for d in volume.diagnostics] == ["duplicate-slices"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("10:15:30", 36930.0), ("1015", 36900.0), ("", None), ("101530.", 36930.0), ("1", None)],
)
def test_what_a_time_of_day_may_look_like(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("date", ["", "20201332", "2020"])
def test_a_moment_of_no_day_is_none(date):
    assert moment(date, "101530") is None
    assert moment("20200101", "") is None
