"""Values that stand for nothing are noticed, and usual ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_faults import each
from scans import LINE

from sam_common.frame import Frame
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.report.geometry_report import describe_path
from sam_med.series import fill_value


def told(array, **more):
    volume = fill_value.with_fill_diagnostic(Volume(array, Frame.identity(3), **more))
    return [d.message for d in volume.diagnostics if d.code == "fill-value"]


def tissue(low, high, dtype):
    values = np.random.default_rng(2).integers(low, high, (5, 32, 32)).astype(dtype)
    return values, np.s_[:, :4]


@pytest.mark.parametrize(
    ("low", "high", "value", "dtype"),
    [
        (180, 640, 65535, np.uint16),
        (-1000, 1500, -2000, np.int16),
        (-1000, 1500, -3024, np.int16),
        (0, 900, -32768, np.int16),
        (0, 900, -9999, np.float32),
    ],
)
def test_a_value_far_from_all_others_is_told(low, high, value, dtype):
    array, corner = tissue(low, high, dtype)
    array[corner] = value
    (message,) = told(array)
    assert message.startswith(f"{value:g} covers 12.5% of a slice, and the next value is ")
    assert told(array, padding=((value, value),) * 5) == []


@pytest.mark.parametrize(
    ("low", "high", "value", "dtype"),
    [
        (-1010, 1500, -1024, np.int16),
        (300, 900, 0, np.int16),
        (-990, 1500, -1000, np.int16),
        (0, 200, 255, np.uint8),
        (1, 5, 100, np.int16),
    ],
)
def test_air_background_and_labels_are_not(low, high, value, dtype):
    array, corner = tissue(low, high, dtype)
    array[corner] = value
    assert told(array) == []


def test_it_is_named_where_files_are_looked_at_and_read(dicom):
    pixels = dicom.pixels(6)
    pixels[:, 0] = -3024
    dicom.series(LINE, pixels)
    facts = describe_path(dicom.folder)
    assert "fill-value" in {d["code"] for d in facts["series"][0]["diagnostics"]}
    assert "fill-value" in {d.code for d in read_volume(dicom.folder).diagnostics}


def fill_in_the_corners(dicom):
    pixels = dicom.pixels(6)
    pixels[:, :2] = 20000
    dicom.series(LINE, pixels)


FAULTS = [(fill_in_the_corners, {"fill-value"}, "read")]


@each(FAULTS)
def test_faults_of_fill_values_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)
