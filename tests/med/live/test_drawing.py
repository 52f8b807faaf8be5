"""Voxels for drawing, as nibabel reads them."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest

from sam_med.live.drawing import UNEVEN, facts_of, nifti_bytes


def test_voxels_lie_where_they_are(live, array):
    image = nibabel.Nifti1Image.from_bytes(live.voxels())
    assert np.array_equal(np.asarray(image.dataobj), array.transpose(2, 1, 0))
    assert image.get_data_dtype() == np.uint8
    # the first voxel, whose place in LPS mm is 10, 20, 30
    assert image.affine[:, 3].tolist() == [-10, -20, 30, 1]
    ijk = np.array([3, 5, 7, 1])
    lps = np.array(live.frame["affine"]) @ ijk
    assert np.allclose(image.affine @ ijk, lps * [-1, -1, 1, 1])


def test_the_file_says_how_it_is_shown(live):
    image = nibabel.Nifti1Image.from_bytes(live.voxels())
    stretch = live.slices.stretch
    assert image.header["cal_min"] == pytest.approx(stretch.lower)
    assert image.header["cal_max"] == pytest.approx(stretch.upper)
    assert live.facts()["window"] == [stretch.lower, stretch.upper]
    assert "MR" in live.facts()["describe"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.array([[[0, 255]]], np.int64), np.uint8),
        (np.array([[[-1024, 3071]]], np.int32), np.int16),
        (np.array([[[0, 65535]]], np.uint32), np.uint16),
        (np.array([[[-1, 70000]]], np.int64), np.float32),
        (np.array([[[0.5, 2.0]]], np.float64), np.float32),
    ],
)
def test_the_smallest_type_that_holds_all_values(live, values, kind):
    volume = replace(live.volume, array=values)
    image = nibabel.Nifti1Image.from_bytes(nifti_bytes(volume, live.slices.stretch))
    assert image.get_data_dtype() == kind
    assert np.array_equal(np.asarray(image.dataobj), values.transpose(2, 1, 0))


def test_only_what_can_be_written_is_offered(live, tmp_path):
    stretch = live.slices.stretch
    assert not any(name.startswith("dicom") for name in live.facts()["formats"])
    for name, has_dicom in (("scan.nii.gz", False), ("scan.dcm", True)):
        path = tmp_path / name
        volume = replace(live.volume, source=path, files=(path,))
        found = facts_of(volume, stretch)["formats"]
        assert ("dicom_seg" in found) is has_dicom
        assert "seg.nrrd" in found
    places = np.outer(np.arange(12) ** 1.5, [0.0, 0.0, 1.0])
    uneven = replace(live.volume, origins_lps=places)
    assert facts_of(uneven, stretch)["notes"] == [UNEVEN]
