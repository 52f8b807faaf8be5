"""The most probable of candidates that lie on each other."""

from __future__ import annotations

import numpy as np
import shapely

from sam_geo.object_classes.overlaps import covered_by

SHAPES = np.array(
    [
        shapely.box(0, 0, 10, 10),  # a roof
        shapely.box(0, 0, 5, 10),  # its half
        shapely.box(-20, -20, 40, 40),  # the block
        shapely.box(9, 0, 19, 10),  # a neighbour that touches it
        shapely.box(100, 100, 110, 110),
    ],
    dtype=object,
)


def test_the_most_probable_one_stays():
    assert covered_by(SHAPES, np.array([0.9, 0.8, 0.1, 0.7, 0.2])).tolist() == [-1, 0, 0, -1, -1]
    assert covered_by(SHAPES, np.array([0.5, 0.8, 0.1, 0.7, 0.2])).tolist() == [1, -1, 1, -1, -1]
    assert covered_by(SHAPES, np.array([0.5, 0.4, 0.9, 0.7, 0.2])).tolist() == [2, 2, -1, 2, -1]


def test_of_equal_ones_the_first_stays():
    same = np.array([SHAPES[0]] * 3, dtype=object)
    assert covered_by(same, np.full(3, 0.5)).tolist() == [-1, 0, 0]


def test_an_outline_that_crosses_itself():
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    found = covered_by(np.array([SHAPES[0], bow], dtype=object), np.array([0.9, 0.3]))
    assert found.tolist() == [-1, 0]
