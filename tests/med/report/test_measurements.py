"""Measurements of a SEG in a file of their own."""

from __future__ import annotations

import dicom_volumes
import highdicom
import numpy as np
import pytest
from dicom_tools import validate
from segment_phantoms import MADE_BY, flat

from sam_common.errors import InputError, OutputError
from sam_med import write_measurements
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.report.measurements import check_report


@pytest.fixture
def scan(data):
    return dicom_volumes.build("ct_small_rotated", data)


@pytest.fixture
def seg(scan, tmp_path):
    write_seg([flat("liver", 3, 2, 3)], scan, tmp_path / "seg.dcm", MADE_BY)
    return tmp_path / "seg.dcm"


def test_a_report_beside_its_seg(scan, seg, tmp_path):
    path = tmp_path / "out.sr.dcm"
    assert write_measurements(str(seg), scan, str(path)) == ()
    validate(path)
    (group,) = highdicom.sr.srread(path).content.get_volumetric_roi_measurement_groups()
    assert group.tracking_identifier == "1 liver"
    with pytest.raises(OutputError, match="exists"):
        write_measurements(seg, scan, path)
    before = path.read_bytes()
    write_measurements(seg, scan, path, overwrite=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "plane", "reason"),
    [
        ("out.csv", None, r"^a report of measurements is DICOM: .sr.dcm or .dcm, got out.csv$"),
        ("out.dcm", "axial", r"^a report draws the axes on the images, so they are measured on"),
        ("seg.dcm", None, r"^the output is an input"),
    ],
)
def test_reports_that_are_refused(name, plane, reason, seg, tmp_path):
    with pytest.raises(OutputError, match=reason):
        check_report(tmp_path / name, [seg], plane, overwrite=True)


def test_nothing_is_written_over_the_scan(scan, seg):
    with pytest.raises(OutputError, match=r"^the output lies in the folder of the input"):
        write_measurements(seg, scan, scan.files[0].parent / "out.sr.dcm")


def test_what_is_no_seg(scan, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        write_measurements(tmp_path / "none.dcm", scan, tmp_path / "out.sr.dcm")
    np.save(tmp_path / "mask.npy", np.ones(3))
    with pytest.raises(InputError, match=r"^a report refers to a DICOM SEG"):
        write_measurements(tmp_path / "mask.npy", scan, tmp_path / "out.sr.dcm")
    assert not (tmp_path / "out.sr.dcm").exists()
