"""Measurements as DICOM SR, by the standard and by readers that are not ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dicom_volumes
import highdicom
import numpy as np
import pydicom
import pytest
from dicom_tools import program, validate
from highdicom.spatial import ImageToReferenceTransformer
from numpy.testing import assert_allclose
from pydicom.sr.codedict import codes
from segment_phantoms import MADE_BY, make_segments

from sam_common.errors import InputError, OutputError
from sam_common.window import Window
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.derived_objects.structured_report import write_report
from sam_med.files.read import read_volume
from sam_med.measurements.measure import measure
from sam_med.objects.segments import Segment

SERIES = (
    "ct_head_gantry_tilt_uneven",
    "mr_enhanced_philips/M",
    "mr_mosaic_axial_oblique/0",
    "mr_sagittal_hfs",
    "CT_small",
)


def blocks(shape):
    """A liver and a lesion, off the middle and of no symmetry."""
    found = []
    for name, value, low, high in (("liver", 5, 0.1, 0.6), ("lesion", 2, 0.5, 0.8)):
        start = tuple(int(low * n) for n in shape)
        stop = tuple(max(a + 1, int(high * n)) for a, n in zip(start, shape, strict=True))
        window = Window(start, stop)
        k, j, i = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in window.shape)]
        mask = (k + j / 2) ** 2 / 4 + j**2 + (i + j * j / 3) ** 2 < 1
        mask[0, mask.shape[1] // 2, mask.shape[2] // 2] = True
        found.append(Segment(name, value, window, mask))
    return found


def report_on(volume, folder, seg_type="binary"):
    segments = blocks(volume.shape)
    write_seg(segments, volume, folder / "seg.dcm", MADE_BY, seg_type=seg_type)
    notes = write_report(folder / "seg.dcm", volume, folder / "sr.dcm")
    return segments, folder / "sr.dcm", notes


def number_of(group):
    """The number of the segment that a group refers to."""
    (image,) = [item for item in group.referenced_segment if item.ValueType == "IMAGE"]
    return image.ReferencedSOPSequence[0].ReferencedSegmentNumber


def sop_of(group):
    """The identifier of the SEG that a group refers to."""
    (image,) = [item for item in group.referenced_segment if item.ValueType == "IMAGE"]
    return image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID


@pytest.mark.parametrize("name", SERIES)
def test_public_series_by_highdicom_and_the_standard(name, data, tmp_path):
    volume = dicom_volumes.build(name, data)
    segments, path, _ = report_on(volume, tmp_path)
    validate(path)
    report = highdicom.sr.srread(path)
    rows = measure(volume, sorted(segments, key=lambda s: s.value))
    groups = report.content.get_volumetric_roi_measurement_groups()
    seg = pydicom.dcmread(tmp_path / "seg.dcm", stop_before_pixels=True)
    described = {item.SegmentNumber: item for item in seg.SegmentSequence}
    assert len(groups) == len(rows) == 2
    for group, row in zip(groups, rows, strict=True):
        assert sop_of(group) == seg.SOPInstanceUID
        item = described[number_of(group)]
        assert item.SegmentLabel == row.name
        assert group.tracking_uid == item.TrackingUID
        values = {
            (m.name.meaning, None if m.derivation is None else m.derivation.meaning): m.value
            for m in group.get_measurements()
        }
        assert values["Volume", None] == pytest.approx(row.volume_ml)
        assert values["Long axis", None] == pytest.approx(row.long_axis_mm)
        assert values["Short axis", None] == pytest.approx(row.short_axis_mm)
        most = values["Maximum 3D Diameter of a Mesh", None]
        assert most == pytest.approx(row.maximum_3d_mm)
    assert report.SOPInstanceUID != seg.SOPInstanceUID
    assert report.StudyInstanceUID == seg.StudyInstanceUID
    assert "research use only" in report.SeriesDescription
    assert report.PreliminaryFlag == "PRELIMINARY"


def test_intensities_with_their_unit(data, tmp_path):
    volume = read_volume(data / "med/dicom/ct_abdomen_dicom/series")
    segments, path, notes = report_on(volume, tmp_path)
    rows = {row.name: row for row in measure(volume, segments)}
    assert not any("intensities" in note for note in notes)
    for group in highdicom.sr.srread(path).content.get_volumetric_roi_measurement_groups():
        row = rows[group.tracking_identifier.partition(" ")[2]]
        found = {
            m.derivation.meaning: m
            for m in group.get_measurements(name=codes.DCM.AttenuationCoefficient)
        }
        assert {name: m.value for name, m in found.items()} == {
            "Mean": pytest.approx(row.mean),
            "Standard Deviation": pytest.approx(row.sd),
        }
        assert {m.unit.value for m in found.values()} == {"[hnsf'U]"}


def test_where_and_what_was_found(data, tmp_path):
    volume = dicom_volumes.build("ct_small_rotated", data)
    _, path, _ = report_on(volume, tmp_path)
    lesion, liver = highdicom.sr.srread(path).content.get_volumetric_roi_measurement_groups()
    assert lesion.finding_type.meaning == "Lesion"
    assert lesion.finding_sites == []
    assert liver.finding_type.meaning == "Anatomical Structure"
    assert [site.value.meaning for site in liver.finding_sites] == ["Liver"]


@pytest.mark.parametrize("name", ["ct_small_rotated", "mr_sagittal_hfs", "mr_enhanced_philips/M"])
def test_the_axes_are_drawn_on_their_image(name, data, tmp_path):
    """highdicom turns the coordinates of the image into mm; their distance is what was measured."""
    volume = dicom_volumes.build(name, data)
    segments, path, _ = report_on(volume, tmp_path)
    report = highdicom.sr.srread(path)
    rows = measure(volume, sorted(segments, key=lambda s: s.value))
    images = {}
    for file in volume.files:
        image = pydicom.dcmread(file, stop_before_pixels=True)
        images[image.SOPInstanceUID] = image
    groups = report.content.get_image_measurement_groups()
    assert len(groups) == 2
    for group, row in zip(groups, rows, strict=True):
        for kind, length, line in (
            (codes.SCT.LongAxis, row.long_axis_mm, row.long_axis_lps_mm),
            (codes.SCT.ShortAxis, row.short_axis_mm, row.short_axis_lps_mm),
        ):
            (measured,) = group.get_measurements(name=kind)
            assert measured.value == pytest.approx(length)
            (drawn,) = measured.referenced_coordinates
            assert drawn.graphic_type.value == "POLYLINE"
            reference = drawn.ContentSequence[0].ReferencedSOPSequence[0]
            image = images[reference.ReferencedSOPInstanceUID]
            number = reference.get("ReferencedFrameNumber", None)
            to_lps = ImageToReferenceTransformer.for_image(image, frame_number=number)
            assert_allclose(to_lps(drawn.value), line, atol=1e-3)


def test_a_tile_of_a_mosaic_has_its_lines_in_the_patient(data, tmp_path):
    volume = dicom_volumes.build("mr_mosaic_axial_oblique/0", data)
    segments, path, _ = report_on(volume, tmp_path)
    rows = measure(volume, sorted(segments, key=lambda s: s.value))
    groups = highdicom.sr.srread(path).content.get_image_measurement_groups()
    for group, row in zip(groups, rows, strict=True):
        (measured,) = group.get_measurements(name=codes.SCT.LongAxis)
        (drawn,) = measured.referenced_coordinates
        assert_allclose(drawn.value, row.long_axis_lps_mm, atol=1e-4)


@pytest.mark.parametrize("seg_type", ["labelmap", "fractional"])
def test_what_stands_in_the_seg_is_measured(seg_type, data, tmp_path):
    volume = dicom_volumes.build("ct_small_rotated", data)
    one = Segment("liver", 5, volume.window, np.ones(volume.shape, bool))
    write_seg([one, *make_segments(volume.shape)], volume, tmp_path / "seg.dcm", MADE_BY)
    _, path, notes = report_on(volume, tmp_path, seg_type)
    assert any("FRACTIONAL" in note for note in notes) == (seg_type == "fractional")
    groups = highdicom.sr.srread(path).content.get_volumetric_roi_measurement_groups()
    numbers = [number_of(group) for group in groups]
    assert numbers == ([2, 5] if seg_type == "labelmap" else [2, 1])


def test_other_programs_read_it(data, tmp_path):
    """dcmqi (DCMTK's TID 1500) and dsrdump, both written without this package or highdicom."""
    volume = dicom_volumes.build("ct_small_rotated", data)
    segments, path, _ = report_on(volume, tmp_path)
    rows = {row.name: row for row in measure(volume, segments)}
    told = subprocess.run(
        [program("dsrdump"), path], capture_output=True, text=True, check=True
    ).stdout
    assert "Imaging Measurement Report" in told
    assert told.count("Long axis") == 4
    reader = Path(sys.executable).with_name("tid1500reader")
    out = tmp_path / "sr.json"
    command = [reader, "--inputDICOM", path, "--outputMetadata", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    groups = json.loads(out.read_text())["Measurements"]
    read = {
        group["TrackingIdentifier"].partition(" ")[2]: {
            item["quantity"]["CodeMeaning"]: float(item["value"])
            for item in group["measurementItems"]
        }
        for group in groups
        if "ReferencedSegment" in group
    }
    for name, row in rows.items():
        assert read[name]["Volume"] == pytest.approx(row.volume_ml, rel=1e-6)
        assert read[name]["Long axis"] == pytest.approx(row.long_axis_mm, rel=1e-6)


def test_the_same_input_gives_the_same_bytes(small, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        report_on(small, tmp_path / folder)
    first, second = ((tmp_path / name / "sr.dcm").read_bytes() for name in "ab")
    assert first == second


def test_identities_are_not_logged_and_patients_are_kept(data, tmp_path, caplog):
    caplog.set_level("WARNING")
    volume = dicom_volumes.build("ct_phantom_rtstruct", data)
    _, path, _ = report_on(volume, tmp_path)
    assert not caplog.records
    report, image = (pydicom.dcmread(p, stop_before_pixels=True) for p in (path, volume.files[0]))
    assert (report.PatientName, report.PatientID) == (image.PatientName, image.PatientID)
    assert report.StudyInstanceUID == image.StudyInstanceUID


def test_objects_without_voxels_are_left_out_and_said(small, tmp_path):
    liver, lesion = blocks(small.shape)
    nothing = Segment("spleen", 9, lesion.window, np.zeros_like(lesion.mask))
    write_seg([liver, nothing], small, tmp_path / "seg.dcm", MADE_BY)
    notes = write_report(tmp_path / "seg.dcm", small, tmp_path / "sr.dcm")
    assert "DICOM SR: spleen has no voxels and is left out" in notes
    write_seg([nothing], small, tmp_path / "none.dcm", MADE_BY)
    with pytest.raises(OutputError, match=r"^cannot write DICOM SR: no segment has a voxel$"):
        write_report(tmp_path / "none.dcm", small, tmp_path / "none.sr.dcm")
    assert not (tmp_path / "none.sr.dcm").exists()


def test_what_cannot_be_reported(small, data, tmp_path):
    organs = data / "med/volumes/ct_abdomen/organs.nii.gz"
    with pytest.raises(InputError, match=r"^a report refers to a DICOM SEG, and the segmentation"):
        write_report(organs, small, tmp_path / "sr.dcm")
    film = dicom_volumes.build("RG3_J2KI", data)
    write_seg(make_segments(film.shape), film, tmp_path / "seg.dcm", MADE_BY)
    with pytest.raises(OutputError, match=r"^cannot write DICOM SR: the images say nothing about"):
        write_report(tmp_path / "seg.dcm", film, tmp_path / "sr.dcm")
