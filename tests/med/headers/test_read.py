"""One bad value is the matter of its own series, and of that only where it is needed."""

from __future__ import annotations

import struct

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from scans import LINE, UNPLACED, codes, spoil

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

OTHER = {"SeriesInstanceUID": "1.2.3", "SeriesNumber": 9}


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
    assert any(
        f"have no {tag} that can be read (1 hold something else)" in text for text in messages
    )


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


NEEDED = {"Rows": "US", "Columns": "US", "NumberOfFrames": "IS", "SamplesPerPixel": "US"}


@pytest.mark.parametrize("tag", NEEDED)
@pytest.mark.parametrize("held", [b"1x", b"  ", b"-1", b"\0\0"])
def test_needed_numbers_that_are_none_are_named(tag, held, dicom):
    """A slice that is left out is counted, with the tag, in the list and before a job."""
    if NEEDED[tag] == "US":
        held = b""
    paths = dicom.series([(10, 20, z) for z in (30, 32, 34)], NumberOfFrames=1)
    number = pydicom.datadict.tag_for_keyword(tag)
    start = struct.pack("<HH", number >> 16, number & 0xFFFF) + NEEDED[tag].encode()
    content = paths[1].read_bytes()
    at = content.index(start + b"\x02\0")
    spoilt = start + len(held).to_bytes(2, "little") + held
    paths[1].write_bytes(content[:at] + spoilt + content[at + len(start) + 4 :])
    said = f"the header of 1 DICOM file(s) cannot be read ({tag} holds no number of its kind)"
    volume = read_volume(dicom.folder)
    assert [d.message for d in volume.diagnostics if d.code == "unreadable-header"] == [said]
    with pytest.raises(RefusedError, match=f"unreadable-header: {tag} holds no number of its kind"):
        read_volume(paths[1])


@pytest.mark.parametrize("tag", ["SliceThickness", "SpacingBetweenSlices", "EchoTime"])
def test_numbers_that_cannot_be_read_are_named(tag, dicom):
    paths = dicom.series(LINE, **{tag: 71})
    spoil(paths[1], b"DS\x04\x0071.0", b"DS\x04\x0071,0")
    assert damaged_in(dicom.folder) == [f"{tag} of 1 of 6 images cannot be read"]


def test_two_padding_values_are_none(dicom):
    paths = dicom.series(LINE)
    dataset = pydicom.dcmread(paths[4])
    dataset.add_new("PixelPaddingValue", "SS", [1, 2])
    dataset.save_as(paths[4])
    assert damaged_in(dicom.folder) == ["PixelPaddingValue of 1 of 6 images cannot be read"]


def damaged_in(folder):
    return [d.message for d in read_volume(folder).diagnostics if d.code == "damaged-tags"]


@pytest.mark.parametrize(
    ("tags", "expected", "spacing"),
    [
        ({"Modality": "MG", "PixelSpacing": [0.1, 0.2]}, ["unplaced"], (0.1, 0.2)),
        (
            {"Modality": "DX", "ImagerPixelSpacing": [0.3, 0.4]},
            ["unplaced", "detector-spacing"],
            (0.3, 0.4),
        ),
        ({"Modality": "CR"}, ["unplaced", "no-pixel-spacing"], (1, 1)),
    ],
)
def test_projections_are_one_slice_with_an_honest_place(tags, expected, spacing, dicom):
    path = dicom.write(
        dicom.dataset(dicom.pixels(1)[0], **{**UNPLACED, "PixelSpacing": None, **tags})
    )
    volume = read_volume(path)
    assert codes(volume) == expected
    assert volume.shape == (1, 6, 8)
    assert volume.to_world((0, 0, 0)).tolist() == [0, 0, 0]
    assert volume.to_world((0, 2, 3)).tolist() == pytest.approx([3 * spacing[1], 2 * spacing[0], 0])


def test_ultrasound_is_as_large_as_its_region_says(data):
    volume = read_volume(data / "med/dicom_single/examples_ybr_color.dcm", time=7)
    assert volume.spacing_mm[1:] == pytest.approx((0.5104970559, 0.5104970559))
    assert volume.frame_numbers == (7,)


def test_frames_with_a_bad_place_beside_a_ct(dicom):
    dicom.series(LINE)
    path = dicom.write(dicom.enhanced([(1, 2, 777), (1, 2, 5)], dicom.pixels(2), **OTHER))
    spoil(path, b"777", b"A!B")
    facts = describe_path(dicom.folder)
    ct_of(facts)
    with pytest.raises(RefusedError, match="1 of 2 images have no ImagePositionPatient"):
        read_volume(dicom.folder, series="1.2.3")
