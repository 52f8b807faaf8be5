"""Coverages traced from label rasters, against GDAL's polygons and the checks of GEOS."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from sam_geo.outlines import coverage
from sam_geo.outlines.coverage import (
    corners_of,
    edge_count,
    simplify_coverage,
    straightened,
    trace,
)

images = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)
)


def traced(image):
    """The pieces of an image, numbered, and their outlines."""
    pieces = label(image, background=-1, connectivity=1).astype(np.int32)
    return pieces, trace(pieces, corners_of(np.pad(image, 1, constant_values=-1)).nodes)


@settings(max_examples=150)
@given(images)
def test_outlines_are_those_of_gdal(image):
    pieces, shapes = traced(image)
    expected = {
        int(number): shapely.geometry.shape(part)
        for part, number in rasterio.features.shapes(pieces, connectivity=4)
    }
    assert len(shapes) == len(expected)
    for number, shape in enumerate(shapes, start=1):
        assert shape.equals(expected[number])


@settings(max_examples=150)
@given(images)
def test_outlines_are_a_coverage_of_exact_area(image):
    pieces, shapes = traced(image)
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    assert shapely.area(shapes).tolist() == np.bincount(pieces.ravel())[1:].tolist()


def test_where_others_meet_a_straight_edge_has_a_vertex():
    _, (above, left, right) = traced(np.array([[1, 1], [2, 3]]))
    assert (1.0, 1.0) in above.exterior.coords
    assert shapely.get_num_coordinates([above, left, right]).tolist() == [6, 5, 5]


def test_no_other_vertex_lies_in_a_straight_edge():
    _, shapes = traced(np.ones((5, 7), dtype=int))
    assert shapes[0].normalize().equals_exact(shapely.box(0, 0, 7, 5).normalize(), 0)


def test_pieces_that_touch_at_a_corner_only_stay_apart():
    _, shapes = traced(np.eye(3, dtype=int))
    assert len(shapes) == 5
    assert shapely.get_num_interior_rings(shapes).tolist() == [0] * 5


def test_a_ring_that_closes_at_a_corner_is_a_hole():
    _, shapes = traced(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]]))
    (ring,) = (shape for shape in shapes if shape.area == 7)
    assert ring.is_valid
    assert len(ring.interiors) == 1


def test_corners_are_nodes_turns_or_passes():
    found = corners_of(np.pad([[1, 1], [2, 3]], 1, constant_values=-1))
    assert found.nodes.tolist() == [[0, 0, 0], [1, 1, 1], [0, 1, 0]]
    assert found.turns.tolist() == [[1, 0, 1], [0, 0, 0], [1, 0, 1]]
    assert found.passes.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_edges_between_values_are_counted():
    assert edge_count(np.array([[1, 1, 2], [1, 2, 2]])) == 3


def test_only_named_vertices_are_straightened():
    ring = [(0, 0), (2, 0), (4, 0), (4, 4), (0, 4), (0, 2)]
    hole = [(1, 1), (2, 1), (3, 1), (3, 3), (1, 3)]
    shapes = np.array([shapely.Polygon(ring, [hole]), shapely.box(0, 0, 1, 1)], dtype=object)
    found, other = straightened(shapes, lambda xy: (xy[:, 0] != 0) | (xy[:, 1] == 0))
    # the vertex (0, 2) is in line, but not named
    left = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 2)]
    expected = shapely.Polygon(left, [[(1, 1), (3, 1), (3, 3), (1, 3)]])
    assert found.normalize().equals_exact(expected.normalize(), 0)
    assert shapely.get_num_coordinates(found) == shapely.get_num_coordinates(expected)
    assert other.equals(shapes[1])


@settings(max_examples=80)
@given(images, st.sampled_from([0.5, 1.0, 2.0, 30.0]))
def test_a_simplified_coverage_fills_the_same_rectangle(image, tolerance):
    _, shapes = traced(image)
    found = simplify_coverage(shapes, tolerance)
    assert shapely.is_valid(found).all()
    assert shapely.coverage_is_valid(found)
    assert shapely.area(found).sum() == pytest.approx(image.size)
    assert shapely.union_all(found).equals(shapely.box(0, 0, *image.shape[::-1]))


def test_stairs_become_slopes():
    _, shapes = traced(np.tri(40, dtype=int))
    found = simplify_coverage(shapes, 1.0)
    assert shapely.get_num_coordinates(shapes).sum() > 150
    assert shapely.get_num_coordinates(found).sum() < 20


def test_without_tolerance_nothing_is_touched():
    _, shapes = traced(np.tri(9, dtype=int))
    assert simplify_coverage(shapes, 0) is shapes


@pytest.mark.parametrize(
    "spoiled",
    [
        shapely.Polygon(),
        shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]),  # crosses itself
        shapely.box(0, 0, 1, 1),  # leaves a gap
        shapely.box(0, 0, 9, 9),  # lies over its neighbours
    ],
)
def test_a_spoiled_simplification_is_not_taken(monkeypatch, spoiled):
    _, shapes = traced(np.tri(9, dtype=int))

    def spoil(given, *_, **__):
        return np.array([spoiled, *given[1:]], dtype=object)

    monkeypatch.setattr(coverage.shapely, "coverage_simplify", spoil)
    assert simplify_coverage(shapes, 1.0) is shapes
