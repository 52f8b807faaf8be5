from __future__ import annotations

import json

import nibabel
import nrrd
import numpy as np
import pytest
from med_program import invoke

from sam_med.cli.inspect import _tell_limits, plain


def test_info(brain):
    result = invoke("info", brain, "--json")
    (facts,) = json.loads(result.stdout)["series"]
    assert facts["size_ijk"] == [256, 256, 25]
    assert facts["spacing_ijk_mm"] == pytest.approx([0.78125, 0.78125, 6.5])
    assert (facts["modality"], facts["dtype"]) == (None, "int16")
    shown = invoke("info", brain).stdout
    assert "0.78125 x 0.78125 x 6.5" in shown
    assert "not stated" in shown


def test_info_of_a_folder_of_dicom_shows_the_geometry_report(data):
    shown = invoke("info", data / "med/dicom/ct_head_gantry_tilt_uneven").stdout
    assert "Geometry report" in shown
    assert "uneven-spacing" in shown
    assert "gantry-tilt" in shown


def test_convert(data, brain, tmp_path):
    out = tmp_path / "same.nii.gz"
    result = invoke("convert", brain, out, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["size_ijk"] == [256, 256, 25]
    written = nibabel.load(out)
    expected, header = nrrd.read(str(brain))
    assert np.array_equal(np.asarray(written.dataobj), expected)
    lps = np.array(header["space directions"]).T
    assert np.abs(np.diag([-1, -1, 1]) @ lps - written.affine[:3, :3]).max() <= 1e-6
    tilted = data / "med/dicom/ct_head_gantry_tilt_uneven"
    result = invoke("convert", tilted, tmp_path / "tilted.nii.gz", "--allow-uneven")
    assert result.exit_code == 0, result.output
    assert any(line.startswith("gantry-tilt: ") for line in result.stderr.splitlines())


def test_what_convert_cannot_hold_is_refused(data, tmp_path, error_of):
    tilted = data / "med/dicom/ct_head_gantry_tilt_uneven"
    message = error_of("convert", tilted, tmp_path / "tilted.nii.gz")
    assert "--allow-uneven" in message
    assert list(tmp_path.iterdir()) == []


def test_compare(data):
    organs = data / "med/volumes/ct_abdomen/organs.nii.gz"
    result = invoke("compare", organs, organs, "--label", "5", "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert (row["name"], row["dice"], row["hd95_mm"]) == ("5", 1.0, 0.0)
    assert "1125.684" in invoke("compare", organs, organs, "--label", "5").stdout


def test_stats_of_a_dicom_seg(data):
    item = data / "med/dicom/ct_tiny_seg_multiframe"
    arguments = ("stats", item / "series", item / "labels/label_SEG.dcm")
    (row,) = json.loads(invoke(*arguments, "--json").stdout)
    assert (row["name"], row["voxels"], row["units"]) == ("Liver", 322, "unspecified")
    result = invoke(*arguments)
    assert "Liver" in result.stdout
    assert result.stderr.startswith("warning: Liver reaches the first slice")


def test_stats_of_another_volume_is_refused(brain, data, error_of):
    organs = data / "med/volumes/ct_abdomen/organs.nii.gz"
    assert error_of("stats", brain, organs) == (
        "the segmentation has (122, 101, 112) voxels and the volume (256, 256, 25): give the "
        "volume that it was made from"
    )


def test_no_dicom(segmenter, tmp_path, error_of):
    assert error_of("info", tmp_path) == (
        "not-dicom: no DICOM images among 0 file(s) "
        "(give the file, folder or zip that holds the images of a series)"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "not stated"), ([1, 0.78125, 6.5], "1, 0.78125, 6.5"), ("MR", "MR"), (True, "True")],
)
def test_a_property_is_a_cell_of_text(value, shown):
    assert plain(value) == shown


def test_what_the_numbers_of_an_object_leave_out_is_told(capsys):
    row = {"name": "a", "partial": True, "touches": ["first slice", "left"], "voxels": 9}
    _tell_limits({**row, "not_finite_voxels": 2})
    assert capsys.readouterr().err.splitlines() == [
        "warning: a reaches the first slice, left: it may be cut off",
        ("warning: 2 of 9 voxels of a are NaN or infinite, and left out of its intensities"),
    ]
    _tell_limits({**row, "partial": False, "not_finite_voxels": 0})
    assert capsys.readouterr().err == ""
