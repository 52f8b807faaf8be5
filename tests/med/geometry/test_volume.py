"""Volumes: what they refuse, and where their voxels are."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume, in_range


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


def test_what_a_volume_says_of_itself():
    direction = (0, 1, 0, -1, 0, 0, 0, 0, 1)
    frame = frames.from_itk((10, 20, 30), (0.5, 0.75, 2), direction)
    volume = Volume(np.zeros((2, 3, 4), np.int16), frame, "CT")
    assert (volume.shape, volume.window) == ((2, 3, 4), Window((0, 0, 0), (2, 3, 4)))
    assert volume.spacing_mm == (2, 0.75, 0.5)
    assert volume.describe() == {
        "size_ijk": [4, 3, 2],
        "spacing_ijk_mm": [0.5, 0.75, 2],
        "origin_lps_mm": [10, 20, 30],
        "direction_lps": list(direction),
        "modality": "CT",
        "dtype": "int16",
    }


@given(st.lists(st.floats(0.1, 9), min_size=2, max_size=8), st.sampled_from([1, -1]))
def test_uneven_slices_are_where_their_origins_say(gaps, sign):
    """Between two slices the place is interpolated, beyond them their step goes on."""
    heights = sign * np.concatenate([[0], np.cumsum(gaps)])
    origins = np.stack([heights * 0 + 5, heights * 0.1, heights], axis=1)
    frame = frames.from_itk((5, 0, 0), (1, 2, abs(heights).max()), (1, 0, 0, 0, 1, 0, 0, 0, sign))
    shape = (len(heights), 3, 4)
    volume = Volume(np.zeros(shape, np.uint8), frame, origins_lps=origins)
    index = np.array([[k, 1, 2] for k in range(len(heights))], float)
    assert_allclose(volume.to_world(index), origins + np.array((2, 2, 0)))
    half = volume.to_world((0.5, 0, 0))
    assert_allclose(half, (origins[0] + origins[1]) / 2)
    beyond = volume.to_world((len(heights), 0, 0))
    assert_allclose(beyond, 2 * origins[-1] - origins[-2])
    some = np.array([[-1.5, 0, 0], [0.25, 1, 7], [len(heights) + 2, -3, 0.5]])
    assert_allclose(volume.to_index(volume.to_world(some)), some, atol=1e-6)


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        (np.zeros((3, 3)), "uneven slices need one finite LPS origin each"),
        (np.full((2, 3), np.nan), "uneven slices need one finite LPS origin each"),
        (np.array([[0, 0, 1.0], [0, 0, 1.0]]), "slices must be sorted along their normal"),
    ],
)
def test_origins_of_slices_that_are_none(origins, message, plain_frame):
    with pytest.raises(InputError, match=message):
        Volume(np.zeros((2, 3, 4)), plain_frame, origins_lps=origins)


def test_padding_is_that_of_its_slice(plain_frame):
    array = np.array([[[1, 2, 3]], [[1, 2, 3]]], np.int16)
    volume = Volume(array, plain_frame, padding=((2, 3), None))
    assert volume.is_padding(0).tolist() == [[False, True, True]]
    assert not volume.is_padding(1).any()
    assert (volume.pixels_of(0).tolist(), volume.pixels_of(1).tolist()) == ([1], [1, 2, 3])
    assert not Volume(array, plain_frame).is_padding(0).any()
    assert in_range(np.array([1.0, np.nan, 3]), (1, 2)).tolist() == [True, False, False]
