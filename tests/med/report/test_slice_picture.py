"""Pictures of objects on slices: turned to the patient, in equal millimetres."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from segment_phantoms import boxed

from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.report.slice_picture import PANEL_PX, draw_slice, turn_of
from sam_med.slices.window_level import choose_stretch

PATIENT = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""World axis and sign of each side of the patient, in LPS."""


TURNS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize(("order", "signs"), TURNS)
@pytest.mark.parametrize("degrees", [0, 20])
def test_letters_tell_the_patient_s_sides(order, signs, degrees):
    """On all 48 grids, turned too: the patient lies where the letters say."""
    a = np.radians(degrees)
    oblique = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = oblique @ (np.eye(3)[:, list(order)] * signs) @ np.diag([3.0, 1.0, 2.0])
    frame = Frame.from_array(matrix)
    turn = turn_of(frame)
    rows, columns = np.meshgrid(np.arange(6), np.arange(9), indexing="ij")
    index = np.stack([np.zeros_like(rows), rows, columns], axis=-1)
    world = frame.to_world(index)
    shown = np.stack([turn.apply(world[..., axis]) for axis in range(3)], axis=-1)
    down = shown[-1, 0] - shown[0, 0]
    rightwards = shown[0, -1] - shown[0, 0]
    for low, high, step in ((turn.top, turn.bottom, down), (turn.left, turn.right, rightwards)):
        axis, sign = PATIENT[high]
        assert PATIENT[low] == (axis, -sign)
        assert step[axis] * sign > 0
        # the axis named is the one that the picture's edge runs along best
        assert abs(step[axis]) == np.abs(step).max()
    assert turn.top in "AS"
    assert turn.right in "LP"
    assert {turn.left, turn.top} in ({"R", "A"}, {"R", "S"}, {"A", "S"})


def test_a_real_sagittal_scan_has_the_head_on_top(data):
    volume = read_volume(data / "med/volumes/mr_spine_t2/t2.nii.gz")
    turn = turn_of(volume.frame)
    assert {turn.top, turn.bottom} in ({"S", "I"}, {"A", "P"})
    assert turn.right in "LP"


def test_the_outline_lies_on_the_object(phantom):
    """Only the second panel is coloured, and only around the object."""
    stretch = choose_stretch(phantom)
    spot = boxed("a", 1, [], Window((2, 100, 60), (3, 140, 100)))
    picture = draw_slice(phantom, stretch, spot, 2).astype(int)
    coloured = np.ptp(picture, axis=2) > 0
    assert not coloured[:, : PANEL_PX + 2].any()
    rows, columns = np.nonzero(coloured[:, -PANEL_PX:])
    # margin of 15 mm is 30 voxels of 0.5 mm: 100 voxels across, the object from 30 to 70
    expected = np.array([0.3, 0.7]) * PANEL_PX
    assert np.abs([rows.min(), rows.max() + 1] - expected).max() <= 1.5
    assert np.abs([columns.min(), columns.max() + 1] - expected).max() <= 1.5


def test_a_slice_without_the_object(phantom):
    spot = boxed("a", 1, [], Window((2, 100, 60), (3, 140, 100)))
    for k in (0, 1, 3, 4):
        picture = draw_slice(phantom, choose_stretch(phantom), spot, k).astype(int)
        assert (np.ptp(picture, axis=2) == 0).all()


def test_millimetres_are_the_same_in_both_directions():
    frame = Frame.from_array(np.array([[0, 0, 1, 0], [0, 4, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
    volume = Volume(np.arange(2 * 30 * 120).reshape(2, 30, 120).astype(np.int32), frame)
    whole = boxed("a", 1, [], Window((0, 0, 0), (2, 30, 120)))
    picture = draw_slice(volume, choose_stretch(volume, width=9000, level=4000), whole, 0)
    assert picture.shape == (PANEL_PX, 2 * PANEL_PX + 4, 3)


def test_an_object_at_the_border(phantom):
    corner = boxed("a", 1, [], Window((0, 0, 250), (1, 3, 256)))
    picture = draw_slice(phantom, choose_stretch(phantom), corner, 0)
    assert picture.dtype == np.uint8
    assert max(picture.shape[0], (picture.shape[1] - 4) // 2) == PANEL_PX
