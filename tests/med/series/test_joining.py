"""Slices of one volume in series of their own: told, and joined where that is asked for."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from dicom_faults import each
from scans import LINE

from sam_med.cli import main
from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

TAGS = ("SeriesInstanceUID", "FrameOfReferenceUID")


@pytest.fixture
def whole(dicom):
    dicom.series(LINE)
    return read_volume(dicom.folder)


def apart(dicom, *tags):
    for n, path in enumerate(sorted(dicom.folder.iterdir())):
        dicom.change(path, **dict.fromkeys(tags, f"1.2.3.{n}"))


@pytest.mark.parametrize("tags", [TAGS, TAGS[:1], TAGS[1:]])
def test_they_are_told_and_joined_on_request(tags, whole, dicom):
    apart(dicom, *tags)
    facts = describe_path(dicom.folder)
    assert len(facts["series"]) == 6
    (told,) = [d for d in facts["diagnostics"] if d["code"] == "split-series"]
    assert told["message"] == (
        "6 slices in 6 series or frames of reference lie 2.000 mm apart, as those of one volume do"
    )
    with pytest.raises(RefusedError, match="--join-series reads them as one"):
        read_volume(dicom.folder)
    volume = read_volume(dicom.folder, join_series=True)
    assert np.array_equal(volume.array, whole.array)
    assert volume.frame == whole.frame
    assert "joined-series" in {d.code for d in volume.diagnostics}


def test_halves_of_one_line_are_joined(whole, dicom):
    for path in sorted(dicom.folder.iterdir())[3:]:
        dicom.change(path, FrameOfReferenceUID="1.2.3")
    assert np.array_equal(read_volume(dicom.folder, join_series=True).array, whole.array)


def test_two_scans_of_one_place_stay_apart(whole, dicom):
    dicom.series(LINE, SeriesInstanceUID="1.2.3", SeriesNumber=9)
    facts = describe_path(dicom.folder, join_series=True)
    assert len(facts["series"]) == 2
    assert [d["code"] for d in facts["diagnostics"]] == ["mixed-series"]


def test_slices_of_other_patients_are_never_joined(whole, dicom):
    apart(dicom, *TAGS)
    for path in sorted(dicom.folder.iterdir())[3:]:
        dicom.change(path, PatientID="CANARY-2")
    assert len(describe_path(dicom.folder, join_series=True)["series"]) == 2


def test_repetitions_of_joined_slices_are_time_points(whole, dicom):
    for path in dicom.folder.iterdir():
        dicom.change(path, AcquisitionNumber=1)
    dicom.series(LINE, dicom.pixels(6) + 1, AcquisitionNumber=2)
    apart(dicom, *TAGS)
    (one,) = describe_path(dicom.folder, join_series=True)["series"]
    assert one["time_points"] == 2


def test_the_commands_take_the_option(whole, dicom, tmp_path, monkeypatch, capsys):
    apart(dicom, *TAGS)
    monkeypatch.setattr(
        sys, "argv", ["sam-med", "info", str(dicom.folder), "--join-series", "--json"]
    )
    main.main()
    assert len(json.loads(capsys.readouterr().out)["series"]) == 1
    target = tmp_path / "out.nrrd"
    words = ["sam-med", "convert", str(dicom.folder), str(target), "--join-series", "-q"]
    monkeypatch.setattr(sys, "argv", words)
    main.main()
    assert read_volume(target).shape == whole.shape


def a_series_for_each_slice(dicom):
    for n, path in enumerate(dicom.series(LINE)):
        dicom.change(path, SeriesInstanceUID=f"1.2.3.{n}")


FAULTS = [(a_series_for_each_slice, {"mixed-series", "split-series"}, "refused")]


@each(FAULTS)
def test_faults_of_split_series_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)
