"""2-D boxes on slices along any array axis; `prompts` tests their messages and their JSON."""

from __future__ import annotations

import numpy as np
import pytest
from grids import oblique_frames
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import AXES, SliceBox, axis_of, plane_letters
from sam_med.geometry.volume import Volume

sides = st.tuples(st.integers(0, 30), st.integers(1, 20))
boxes = st.builds(
    lambda axis, index, a, b: SliceBox(
        axis, index, Window((a[0], b[0]), (a[0] + a[1], b[0] + b[1]))
    ),
    st.sampled_from(AXES),
    st.integers(0, 40),
    sides,
    sides,
)


@given(boxes, oblique_frames)
def test_a_box_comes_back_from_its_corners_its_window_and_its_numbers(box, frame):
    volume = Volume(np.zeros((1, 1, 1)), frame)
    corners = box.corners_lps(volume)
    assert SliceBox.from_corners(box.axis, corners, volume) == box
    assert SliceBox.from_corners(box.axis, corners[::-1], volume) == box
    assert SliceBox.from_window(box.axis, box.window_kji) == box
    assert SliceBox.from_ijk(box.axis, box.index, box.ijk) == box


@pytest.mark.parametrize(
    ("axis", "numbers", "window"),
    [
        (0, (1, 2, 3, 5), Window((7, 2, 1), (8, 6, 4))),  # i0, j0, i1, j1
        (1, (1, 2, 3, 5), Window((2, 7, 1), (6, 8, 4))),  # i0, k0, i1, k1
        (2, (1, 2, 3, 5), Window((2, 1, 7), (6, 4, 8))),  # j0, k0, j1, k1
    ],
)
def test_numbers_are_inclusive_and_i_comes_before_j_before_k(axis, numbers, window):
    box = SliceBox.from_ijk(axis, 7, numbers)
    assert box.window_kji == window
    assert box.ijk == numbers


def test_corners_lie_in_the_middle_of_the_slice():
    frame = frames.from_itk((10, 20, 30), (1, 2, 4), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    volume = Volume(np.zeros((9, 9, 9)), frame)
    box = SliceBox.from_ijk(0, 2, (1, 1, 3, 4))
    assert box.corners_lps(volume).tolist() == [[10.5, 21, 38], [13.5, 29, 38]]
    # the nearest slice counts: 38 mm is slice 2, and so are 36 to 40
    near = np.array([[10.5, 21, 36.1], [13.5, 29, 39.9]])
    assert SliceBox.from_corners(0, near, volume) == box
    edge = np.array([[10.5, 21, 39.98], [13.5, 29, 39.98]])
    assert SliceBox.from_corners(0, edge, volume) == box
    with pytest.raises(PromptError, match="both corners of a box lie on one slice along k, got k"):
        SliceBox.from_corners(0, near + np.array([[0, 0, 0], [0, 0, 1]]), volume)


def test_letters_of_axes():
    assert [plane_letters(axis) for axis in AXES] == ["ij", "ik", "jk"]
    assert [axis_of(letter) for letter in ("k", " J ", "i")] == [0, 1, 2]
    for odd in ("", "z", "ij"):
        with pytest.raises(PromptError, match="the axis of a slice is i, j or k, got "):
            axis_of(odd)


def test_numpy_integers_become_plain_ones():
    box = SliceBox(0, np.int64(3), Window((np.int32(1), 2), (4, 5)))
    assert repr(box) == "SliceBox(axis=0, index=3, window=Window(start=(1, 2), stop=(4, 5)))"
