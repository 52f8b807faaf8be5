"""Volumes: what they refuse, and where their voxels are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume


def test_voxels_are_read_only(data):
    volume = read_volume(data / "med/volumes/mr_spine_t2/t2.nii.gz")
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 3)), "a volume has 3 axes of at least 1 voxel, got (2, 3)"),
        (np.zeros((2, 3, 0)), "a volume has 3 axes of at least 1 voxel, got (2, 3, 0)"),
        (
            np.zeros((2, 3, 4), bool),
            "voxels must be integers or real numbers, got bool (convert the volume first)",
        ),
        (
            np.zeros((2, 3, 4), complex),
            "voxels must be integers or real numbers, got complex128 (convert the volume first)",
        ),
    ],
)
def test_what_is_no_volume(array, expected):
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        Volume(array, Frame.identity(3))


def test_a_volume_needs_a_frame_of_three_axes():
    with pytest.raises(InputError, match=r"^the frame must have 3 axes, got 2$"):
        Volume(np.zeros((2, 3, 4)), Frame.identity(2))


def test_padding_is_stated_for_every_slice_or_none(plain_frame):
    with pytest.raises(InputError, match="padding is stated for 2 of 4 slices"):
        Volume(np.zeros((4, 2, 3)), plain_frame, padding=(None, None))
