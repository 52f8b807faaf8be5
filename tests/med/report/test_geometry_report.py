"""The geometry report as plain data, and the page that explains it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from sam_common.errors import InputError
from sam_med.geometry.diagnostic_codes import CODES
from sam_med.report.geometry_report import (
    DIAGNOSTIC_COLUMNS,
    SERIES_COLUMNS,
    describe_path,
    diagnostic_rows,
    series_rows,
)

LINE = [(10, 20, 30 + 2 * n) for n in range(6)]


def test_one_plain_series(dicom):
    dicom.series(LINE)
    facts = describe_path(dicom.folder)
    assert facts == {
        "kind": "dicom",
        "files": 6,
        "series": [
            {
                "number": 1,
                "series_number": "4",
                "modality": "CT",
                "size_ijk": [8, 6, 6],
                "spacing_ijk_mm": [0.75, 0.5, 2.0],
                "plane": "axial",
                "kind": None,
                "time_points": 1,
                "files": 6,
                "transfer_syntax": ["Explicit VR Little Endian"],
                "readable": True,
                "diagnostics": [],
            }
        ],
        "diagnostics": [],
    }
    assert series_rows(facts) == [
        [
            "1",
            "CT",
            "8 x 6 x 6",
            "0.75 x 0.5 x 2",
            "axial",
            "1",
            "Explicit VR Little Endian",
        ]
    ]
    assert diagnostic_rows(facts) == []


def test_rows_of_what_is_unusual(dicom):
    dicom.series([*LINE[:3], *LINE[4:]])
    (dicom.folder / "CANARY.txt").write_text("x")
    rows = diagnostic_rows(describe_path(dicom.folder))
    assert rows == [
        ["", "note", "not-dicom", "1 file(s) are no DICOM", "left out"],
        [
            "1",
            "warning",
            "missing-slices",
            "1 slice(s) of 2.000 mm are missing: 4.000 mm from 34.000 to 38.000",
            "read with every slice at its true position; nothing is filled in",
        ],
    ]
    assert all(len(row) == len(DIAGNOSTIC_COLUMNS) for row in rows)


def test_what_is_refused_is_in_the_table(dicom):
    dicom.series(LINE, ImagePositionPatient=None)
    facts = describe_path(dicom.folder)
    (row,) = series_rows(facts)
    assert row == ["1", "CT", "8 x 6 x 6", "unknown", "axial", "unknown", "refused"]
    assert len(row) == len(SERIES_COLUMNS)


def test_a_volume_file_is_a_series_of_its_own(data):
    path = data / "med/dicom/mr_mosaic_axial_oblique/reference/ax_asc_35sl_6.nii.gz"
    facts = describe_path(path)
    assert series_rows(facts) == [
        [
            "1",
            "not stated",
            "64 x 64 x 35",
            "3.25 x 3.25 x 3.6",
            "axial, oblique by 6.2 degrees",
            "2",
            "int16",
        ]
    ]
    assert [d["code"] for d in facts["series"][0]["diagnostics"]] == [
        "repeated-positions",
        "oblique-axes",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "dicom/ct_head_gantry_tilt_uneven/series",
        "dicom/mr_enhanced_philips/series",
        "dicom/mr_mosaic_axial_oblique",
        "dicom/ct_phantom_rtstruct",
        "dicom_single",
        "volumes/mr_brain1/brain1_image.nrrd",
    ],
)
def test_reports_are_plain_json_and_the_same_each_time(path, data):
    facts = describe_path(data / "med" / path)
    text = json.dumps(facts, allow_nan=False)
    assert json.loads(text) == facts
    assert json.dumps(describe_path(data / "med" / path)) == text
    assert str(data) not in text
    codes = {d["code"] for one in facts["series"] for d in one["diagnostics"]}
    assert codes <= set(CODES)


def test_a_damaged_file_is_an_error(tmp_path):
    path = tmp_path / "cut.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), np.eye(4)), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"^truncated-pixels: the NIfTI file is damaged"):
        describe_path(path)


def test_the_page_explains_every_code():
    page = (Path(__file__).parents[3] / "docs" / "geometry-report.md").read_text()
    for code, row in CODES.items():
        line = f"| `{code}` | {row.severity} | {row.meaning} | {row.action} |"
        assert line in page.splitlines(), code
