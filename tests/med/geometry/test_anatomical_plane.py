"""Planes of the patient in words, and axes off those of the patient."""

from __future__ import annotations

import numpy as np
import pytest
from grids import SIGNED_AXES, rotation

from sam_med.geometry import frame as frames
from sam_med.geometry.anatomical_plane import check_frame, check_oblique, plane_of, plane_of_frame


@pytest.mark.parametrize(
    ("i", "j", "plane"),
    [
        ((1, 0, 0), (0, 1, 0), "axial"),
        ((0, 1, 0), (0, 0, -1), "sagittal"),
        ((1, 0, 0), (0, 0, -1), "coronal"),
        ((1, 0, 0), (0, np.cos(0.2), np.sin(0.2)), "axial, oblique by 11.5 degrees"),
        ((1, 0, 0), (2, 0, 0), "unplaced"),
    ],
)
def test_planes_in_words(i, j, plane):
    assert plane_of(i, j) == plane


@pytest.mark.parametrize("axes", SIGNED_AXES)
def test_every_grid_along_the_axes_of_the_patient_is_in_one_plane(axes):
    frame = frames.from_itk((0, 0, 0), (1, 2, 3), axes.ravel())
    across = int(np.abs(axes[:, 2]).argmax())
    assert plane_of_frame(frame) == ("sagittal", "coronal", "axial")[across]
    assert check_frame(frame) == []


@pytest.mark.parametrize(("degrees", "told"), [(0.05, []), (0.2, ["oblique-axes"])])
def test_axes_off_those_of_the_patient(degrees, told):
    axes = rotation(np.radians(degrees), 0, 0)
    found = check_oblique(axes.T * [[2.0], [3.0], [4.0]])
    assert [d.code for d in found] == told
    assert all(d.numbers["degrees"] == pytest.approx(degrees, abs=1e-4) for d in found)


def test_a_shear_is_told_with_its_angle():
    slanted = np.array([[1, np.sin(0.1), 0], [0, np.cos(0.1), 0], [0, 0, 1]])
    sheared, oblique = check_frame(frames.from_itk((0, 0, 0), (1, 1, 1), slanted.ravel()))
    assert (sheared.code, oblique.code) == ("sheared-axes", "oblique-axes")
    assert sheared.numbers["degrees"] == pytest.approx(np.degrees(0.1), abs=1e-4)
