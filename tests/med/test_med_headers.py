"""One bad value is the matter of its own series, and of that only where it is needed."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from sam_med.diagnostics import RefusedError
from sam_med.info import describe_path
from sam_med.source import read_volume

LINE = [(10, 20, 30 + 2 * n) for n in range(6)]
UNPLACED = {"ImagePositionPatient": None, "ImageOrientationPatient": None}
OTHER = {"SeriesInstanceUID": "1.2.3", "SeriesNumber": 9}


def spoil(path, old, new):
    content = path.read_bytes()
    assert content.count(old) >= 1
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))


def ct_of(facts):
    (ct,) = [one for one in facts["series"] if one["size_ijk"] == [8, 6, 6]]
    assert ct["readable"]
    return ct


@pytest.mark.parametrize("spacing", [[0, 0], [0, 1], [-1, 1]])
def test_a_radiograph_without_size_beside_a_ct(spacing, dicom):
    dicom.series(LINE)
    dicom.write(
        dicom.dataset(dicom.pixels(1)[0], Modality="CR", PixelSpacing=spacing, **UNPLACED, **OTHER)
    )
    facts = describe_path(dicom.folder)
    ct_of(facts)
    (other,) = [one for one in facts["series"] if one["modality"] == "CR"]
    assert "no-pixel-spacing" in {d["code"] for d in other["diagnostics"]}
    assert read_volume(dicom.folder, series=other["number"]).spacing_mm[1:] == (1.0, 1.0)


@pytest.mark.parametrize("delta", [(0.0, 0.0), (0.1, 0.0), (None, 0.1)])
def test_an_ultrasound_region_without_size_beside_a_ct(delta, dicom):
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    for axis, value in zip("XY", delta, strict=True):
        if value is not None:
            setattr(region, f"PhysicalDelta{axis}", value)
    dicom.series(LINE)
    dicom.write(
        dicom.dataset(
            dicom.pixels(1)[0],
            Modality="US",
            PixelSpacing=None,
            SequenceOfUltrasoundRegions=[region],
            **UNPLACED,
            **OTHER,
        )
    )
    facts = describe_path(dicom.folder)
    ct_of(facts)
    (other,) = [one for one in facts["series"] if one["modality"] == "US"]
    assert "no-pixel-spacing" in {d["code"] for d in other["diagnostics"]}


@pytest.mark.parametrize(
    "tag",
    [
        "InstanceNumber",
        "SliceThickness",
        "SpacingBetweenSlices",
        "AcquisitionNumber",
        "TemporalPositionIdentifier",
        "EchoTime",
    ],
)
def test_tags_that_are_not_needed_may_hold_anything(tag, dicom):
    """As if they were missing: the volume is read, every slice of it."""
    dicom.series(LINE, **{tag: 777})
    for path in dicom.folder.iterdir():
        spoil(path, b"777", b"A\x00!")
    volume = read_volume(dicom.folder)
    assert np.array_equal(volume.array, dicom.pixels(6))


@pytest.mark.parametrize(
    ("tag", "value", "old"),
    [
        ("ImagePositionPatient", [10, 20, 777], b"777"),
        ("ImageOrientationPatient", [1, 0, 0, 0, 1, 0.777], b"777"),
        ("PixelSpacing", [1, 0.777], b"777"),
    ],
)
def test_a_tag_that_is_needed_is_named_in_the_refusal_of_its_series(tag, value, old, dicom):
    dicom.series(LINE)
    (path, *_) = dicom.series(LINE[:3], **{tag: value, **OTHER})
    spoil(path, old, b"A!B")
    facts = describe_path(dicom.folder)
    ct_of(facts)
    refused = [one for one in facts["series"] if not one["readable"]]
    messages = [d["message"] for one in refused for d in one["diagnostics"]]
    assert any(f"a {tag} that can be read (1 hold something else)" in text for text in messages)


def test_a_rescale_that_is_no_number_is_named(dicom):
    dicom.series(LINE)
    dicom.series(LINE[:3], RescaleSlope=777, **OTHER)
    for path in dicom.folder.iterdir():
        if pydicom.dcmread(path).SeriesInstanceUID == "1.2.3":
            spoil(path, b"777", b"A!B")
    facts = describe_path(dicom.folder)
    ct_of(facts)
    with pytest.raises(RefusedError, match="the rescale slope or intercept is no number"):
        read_volume(dicom.folder, series="1.2.3")


def test_frames_with_a_bad_place_beside_a_ct(dicom):
    dicom.series(LINE)
    path = dicom.write(dicom.enhanced([(1, 2, 777), (1, 2, 5)], dicom.pixels(2), **OTHER))
    spoil(path, b"777", b"A!B")
    facts = describe_path(dicom.folder)
    ct_of(facts)
    with pytest.raises(RefusedError, match="1 of 2 images lack a ImagePositionPatient"):
        read_volume(dicom.folder, series="1.2.3")


def test_impossible_numbers_beside_a_ct(dicom):
    """Numbers that are numbers, but of no image."""
    dicom.series(LINE)
    for n, tags in enumerate(
        (
            {"ImagePositionPatient": [1e300, 0, 0]},
            {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
            {"PixelSpacing": [1e-320, 1]},
            {"SliceThickness": 1e308},
        )
    ):
        dicom.write(
            dicom.dataset(dicom.pixels(1)[0], **{**OTHER, "SeriesInstanceUID": f"1.2.{n}", **tags})
        )
    ct_of(describe_path(dicom.folder))
