"""Outlines of masks, against the surfaces and contours of scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from skimage.measure import find_contours, marching_cubes

from sam_med.measurements.outline import outermost_points, outline_edges


def rows(points):
    return {tuple(point) for point in np.round(points, 6).tolist()}


def test_points_of_a_small_mask_by_hand():
    mask = np.array([[0, 1, 1, 0], [1, 0, 0, 1]], bool)
    left_right = {(0, 0.5), (0, 2.5), (1, -0.5), (1, 3.5)}
    above_below = {(-0.5, 1), (0.5, 1), (-0.5, 2), (0.5, 2), (0.5, 0), (1.5, 0), (0.5, 3), (1.5, 3)}
    assert rows(outermost_points(mask)) == left_right | above_below


@pytest.mark.parametrize("seed", range(5))
def test_the_hull_is_that_of_marching_cubes(seed):
    mask = np.random.default_rng(seed).random((6, 9, 7)) < 0.15
    mask[3, 4, 3] = True
    corners, *_ = marching_cubes(np.pad(mask, 1).astype(float), 0.5)
    ours = outermost_points(mask)
    assert rows(ours) <= rows(corners - 1)
    hull = corners[ConvexHull(corners).vertices] - 1
    assert rows(ours[ConvexHull(ours).vertices]) == rows(hull)


@pytest.mark.parametrize("seed", range(5))
def test_edges_are_those_of_contours(seed):
    mask = np.random.default_rng(seed).random((12, 17)) < 0.5
    ours = {frozenset(rows(edge)) for edge in outline_edges(mask)}
    theirs = {
        frozenset(rows(edge))
        for contour in find_contours(np.pad(mask, 1).astype(float), 0.5)
        for edge in np.stack([contour[:-1], contour[1:]], axis=1) - 1
    }
    assert ours == theirs


def test_an_empty_mask_has_no_outline():
    assert outermost_points(np.zeros((3, 4, 5), bool)).shape == (0, 3)
    assert outline_edges(np.zeros((4, 5), bool)).shape == (0, 2, 2)
