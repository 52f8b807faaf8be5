"""Values of label maps, names, and windows of objects."""

from __future__ import annotations

import re

import nibabel
import numpy as np
import pytest

from sam_common.errors import InputError
from sam_med.segmentations.objects import plain_name
from sam_med.segmentations.read import read_segmentation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" left \n kidney\t", "left kidney"),
        ("Leber \udce4\udcf6", "Leber äö"),
        ("f\udcc3\udcbcnf", "fünf"),
        ("a\ud800b", "a?b"),
        ("\x00", ""),
    ],
)
def test_names_in_one_line(text, expected):
    assert plain_name(text) == expected


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((2, 2, 2), np.nan), "a label map holds whole numbers, got nan"),
        (np.full((2, 2, 2), np.inf), "a label map holds whole numbers, got inf"),
        (np.full((2, 2, 2), 70000, np.int32), "values of a label map are 0 to 65535, got 70000"),
        (np.full((2, 2, 2), -1.0), "values of a label map are 0 to 65535, got -1"),
    ],
)
def test_values_that_are_no_labels(array, expected, tmp_path):
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "CANARY.nii")
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        read_segmentation(tmp_path / "CANARY.nii")


def test_time_points_are_no_layers(tmp_path):
    image = nibabel.Nifti1Image(np.ones((2, 3, 4, 5), np.uint8), np.eye(4))
    nibabel.save(image, tmp_path / "a.nii")
    expected = "the file holds 5 time points, but a segmentation has three dimensions"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}"):
        read_segmentation(tmp_path / "a.nii")


def test_an_image_is_no_label_map(data, tmp_path):
    path = data / "med/volumes/ct_abdomen/ct.nii.gz"
    with pytest.raises(InputError, match=r"^values of a label map are 0 to 65535, got -"):
        read_segmentation(path)
    halves = np.full((2, 2, 2), 0.5, np.float32)
    nibabel.save(nibabel.Nifti1Image(halves, np.eye(4)), tmp_path / "half.nii")
    with pytest.raises(InputError, match=r"^a label map holds whole numbers, got 0\.5$"):
        read_segmentation(tmp_path / "half.nii")


def test_labels_in_floating_point_are_labels(data):
    """The cord of this item is stored as float64."""
    found = read_segmentation(data / "med/volumes/mr_spine_t2/cord.nii.gz")
    assert [segment.value for segment in found.segments] == [1]
