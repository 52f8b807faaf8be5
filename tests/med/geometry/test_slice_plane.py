"""Millimetres on slices, against distances of voxels in the patient."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from sam_common.frame import Frame
from sam_med.geometry.slice_plane import SlicePlane, axis_of_plane

TURNED = Rotation.from_euler("xyz", [12, -31, 47], degrees=True).as_matrix()


def frame(*, shear=0.0):
    """A rotated grid of 5 x 0.7 x 0.9 mm, whose second axis leans towards the third."""
    steps = TURNED @ np.diag([0.9, 0.7, 5.0])[:, ::-1]
    steps[:, 1] += shear * steps[:, 2]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = steps, (-120.0, 33.0, 900.0)
    return Frame.from_array(matrix)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shear", [0.0, 0.4])
def test_distances_on_a_slice_are_those_of_the_patient(axis, shear):
    grid = frame(shear=shear)
    plane = SlicePlane.of(grid, axis)
    index = np.random.default_rng(1).uniform(-3, 40, (30, 2))
    mm, lps = plane.to_mm(index), grid.to_world(plane.lift(index, 4))
    apart = np.linalg.norm(mm[:, None] - mm[None], axis=-1)
    assert_allclose(apart, np.linalg.norm(lps[:, None] - lps[None], axis=-1), atol=1e-9)
    assert_allclose(plane.to_index(mm), index, atol=1e-12)
    assert (plane.lift(index, 4)[:, axis] == 4).all()


def test_equal_indices_give_equal_millimetres():
    """To the bit, however many points there are: outlines are compared by their ends."""
    plane = SlicePlane.of(frame(), 0)
    index = np.random.default_rng(2).uniform(0, 500, (1001, 2))
    assert np.array_equal(plane.to_mm(index)[:7], plane.to_mm(index[:7]))


@pytest.mark.parametrize(("name", "axis"), [("axial", 0), ("coronal", 1), ("sagittal", 2)])
def test_the_slices_nearest_to_a_plane(name, axis):
    grid = np.eye(4)
    grid[:3, :3] = Rotation.from_euler("xyz", [20, 10, -15], degrees=True).as_matrix() @ np.diag(
        [1.0, 2.0, 9.0]
    )
    # columns run along x, rows along y, slices along z
    assert axis_of_plane(Frame.from_array(grid[:, [2, 1, 0, 3]]), name) == axis


def test_slices_that_were_acquired_sagittally():
    """Slices along x, rows along z, columns along y, as in many brain scans."""
    matrix = np.eye(4)[:, [0, 2, 1, 3]]
    grid = Frame.from_array(matrix)
    assert [axis_of_plane(grid, name) for name in ("sagittal", "axial", "coronal")] == [0, 1, 2]
