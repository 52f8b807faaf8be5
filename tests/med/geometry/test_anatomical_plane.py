"""Planes of the patient in words, and axes off those of the patient."""

from __future__ import annotations

import numpy as np
import pytest

from sam_med.geometry.anatomical_plane import plane_of


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
