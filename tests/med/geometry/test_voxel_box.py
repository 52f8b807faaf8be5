"""Boxes of voxels from voxel numbers and millimetres, and back; `prompts` tests them as prompts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from grids import oblique_frames, straight_frames, windows
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry import voxel_box
from sam_med.geometry.volume import Volume

ONE = np.zeros((1, 1, 1), np.uint8)
STRAIGHT = (1, 0, 0, 0, 1, 0, 0, 0, 1)


def lps_box(window, volume):
    """Outer edges x0, y0, z0, x1, y1, z1 of a window."""
    return np.concatenate(voxel_box.bounds_lps(window, volume)).tolist()


@given(straight_frames, windows)
def test_box_in_millimetres_and_back(frame, window):
    volume = Volume(ONE, frame)
    assert voxel_box.box_from_lps(lps_box(window, volume), volume) == window
    x0, y0, z0, x1, y1, z1 = lps_box(window, volume)
    ras = (-x1, -y1, z0, -x0, -y0, z1)
    assert voxel_box.box_from_lps(ras, volume, space="RAS") == window


@given(oblique_frames, windows)
def test_box_around_an_oblique_box_contains_it(frame, window):
    volume = Volume(ONE, frame)
    assert voxel_box.box_from_lps(lps_box(window, volume), volume).contains(window)
    assert voxel_box.window_around(voxel_box.corners_of(window, volume), volume) == window


def test_a_box_thinner_than_a_voxel_is_that_voxel():
    volume = Volume(ONE, frames.from_itk((0, 0, 0), (1, 1, 1), STRAIGHT))
    thin = voxel_box.box_from_lps((2.1, 3.2, 4.3, 2.2, 3.2, 4.3), volume)
    assert thin == Window((4, 3, 2), (5, 4, 3))
    # exactly between two voxels
    assert voxel_box.box_from_lps((2.5, 3, 4, 2.5, 3, 4), volume).shape == (1, 1, 1)


def test_corners_by_hand():
    # spacing 2, 3, 4 mm along i, j, k; i runs to the right, so left shrinks
    volume = Volume(ONE, frames.from_itk((100, 10, 1), (2, 3, 4), (-1, 0, 0, 0, 1, 0, 0, 0, 1)))
    low, high = voxel_box.bounds_lps(Window((0, 0, 0), (1, 2, 3)), volume)
    assert (low.tolist(), high.tolist()) == ([95, 8.5, -1], [101, 14.5, 3])
    corners = voxel_box.corners_of(Window((0, 0, 0), (1, 2, 3)), volume)
    expected = itertools.product((-1, 3), (8.5, 14.5), (101, 95))  # z, y, x as k, j, i grow
    assert_allclose(corners[:, ::-1], list(expected))


def test_uneven_slices_count():
    frame = frames.from_itk((0, 0, 0), (1, 1, 2), STRAIGHT)
    origins = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 4.0]])
    volume = Volume(np.zeros((3, 2, 2), np.uint8), frame, origins_lps=origins)
    window = Window((1, 0, 0), (2, 2, 2))
    low, high = voxel_box.bounds_lps(window, volume)
    assert (low[2], high[2]) == (0.5, 2.5)
    assert voxel_box.window_around(voxel_box.corners_of(window, volume), volume) == window


def test_inclusive_numbers_and_half_open_windows():
    window = Window((0, 0, 3), (10, 10, 6))
    assert voxel_box.box_from_ijk((3, 0, 0, 5, 9, 9)) == window
    assert voxel_box.window_ijk(window) == (3, 0, 0, 5, 9, 9)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((1, 2, 3), "box-ijk must be six numbers, got 3"),
        ((1, 2, 3, 4, 5, float("inf")), "box-ijk must be finite, got 1,2,3,4,5,inf"),
        ((1, 2, 3, 4, 5, 6.5), "box-ijk must be whole voxel indices, got 1,2,3,4,5,6.5"),
        (
            (4, 2, 3, 1, 5, 6),
            "box-ijk must have min <= max as i0,j0,k0,i1,j1,k1, got 4,2,3,1,5,6",
        ),
    ],
)
def test_boxes_that_are_none(box, message):
    with pytest.raises(PromptError) as caught:
        voxel_box.box_from_ijk(box)
    assert str(caught.value) == message


def test_points_that_are_too_far_to_be_voxels():
    with pytest.raises(PromptError, match=r"^a box must be finite, got voxels "):
        voxel_box.enclosing(np.array([[0, 0, 0], [1, np.inf, 2]]))


def test_ras_and_lps_are_each_others_inverse():
    points = np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]])
    ras = voxel_box.to_lps(points, "RAS")
    assert_array_equal(ras, points * (-1, -1, 1))
    assert not np.signbit(ras[1]).any()
    assert_array_equal(voxel_box.to_lps(ras, "RAS"), points)
    assert_array_equal(voxel_box.to_lps(points, "LPS"), points)


def test_extents_in_words():
    volume = Volume(np.zeros((2, 3, 4)), frames.from_itk((0, 0, 0), (1, 1, 2), STRAIGHT))
    assert voxel_box.extents(volume) == (
        "the volume has i 0 to 3, j 0 to 2, k 0 to 1 "
        "(LPS mm x -0.5 to 3.5, y -0.5 to 2.5, z -1.0 to 3.0)"
    )
