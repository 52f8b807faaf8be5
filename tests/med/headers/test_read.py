"""One bad value is the matter of its own series, and of that only where it is needed."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

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


def test_frames_with_a_bad_place_beside_a_ct(dicom):
    dicom.series(LINE)
    path = dicom.write(dicom.enhanced([(1, 2, 777), (1, 2, 5)], dicom.pixels(2), **OTHER))
    spoil(path, b"777", b"A!B")
    facts = describe_path(dicom.folder)
    ct_of(facts)
    with pytest.raises(RefusedError, match="1 of 2 images have no ImagePositionPatient"):
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


def test_threads_read_in_silence_whatever_the_others_do(dicom):
    """Values that pydicom warns of; a warning is an error here, in every thread."""
    for path in dicom.series(LINE, FrameOfReferenceUID="1.2.777"):
        spoil(path, b"1.2.777", b"1.2.0A7")
    right = dicom.pixels(6)
    with ThreadPoolExecutor(8) as pool:
        volumes = list(pool.map(lambda _: read_volume(dicom.folder), range(24)))
    assert all(np.array_equal(volume.array, right) for volume in volumes)


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


def test_tiles_of_a_whole_slide_are_no_time_points(dicom):
    file = dicom.dataset(
        dicom.pixels(4),
        Modality="SM",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6",
        NumberOfFrames=4,
        TotalPixelMatrixColumns=16,
        TotalPixelMatrixRows=12,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PerFrameFunctionalGroupsSequence=[Dataset() for _ in range(4)],
    )
    path = dicom.write(file)
    with pytest.raises(RefusedError, match="whole-slide: 4 tile"):
        read_volume(path)
    (series,) = describe_path(path)["series"]
    assert not series["readable"]
    assert "repeated-positions" not in [d["code"] for d in series["diagnostics"]]


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "PALETTE COLOR"])
def test_images_of_two_photometric_kinds_are_refused(kind, at, dicom):
    paths = dicom.series(LINE)
    dicom.change(paths[at], PhotometricInterpretation=kind)
    with pytest.raises(RefusedError, match="mixed-photometric: the 6 images are "):
        read_volume(dicom.folder)


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


def test_a_distance_that_is_damaged_is_not_said_to_be_missing(dicom):
    path = dicom.write(dicom.dataset(dicom.pixels(1)[0], Modality="DX", **UNPLACED))
    spoil(path, b"DS\x08\x000.5\\0.75", b"DS\x08\x000,5;0,75")
    (said,) = [d for d in read_volume(path).diagnostics if d.code == "no-pixel-spacing"]
    assert said.message == "PixelSpacing holds something else than two numbers"
