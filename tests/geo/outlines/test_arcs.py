"""Arcs between the nodes of polygons, and the polygons that they make again."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterised import coverage_of
from scenes import parcels

from sam_geo.outlines.arcs import arcs_of


def arcs_among(*shapes):
    return arcs_of(np.array(shapes, dtype=object))


def paths(arcs):
    """For each arc its vertices, and the polygons that have it in common."""
    every = np.arange(len(arcs.vertices.bounds) - 1)
    found = {}
    for n in every:
        vertices, _ = arcs.vertices.spread(np.array([n]))
        owners, _ = arcs.owners.spread(np.array([n]))
        found[tuple(map(tuple, arcs.xy[vertices].tolist()))] = owners.tolist()
    return found


def test_two_squares_have_one_edge_in_common():
    found = paths(arcs_among(shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)))
    assert found == {
        ((1, 0), (1, 1)): [0, 1],
        ((1, 0), (0, 0), (0, 1), (1, 1)): [0],
        ((1, 0), (2, 0), (2, 1), (1, 1)): [1],
    }


def test_a_vertex_within_an_edge_is_one_of_both():
    below, left, right = shapely.box(0, 0, 2, 1), shapely.box(0, 1, 1, 2), shapely.box(1, 1, 2, 2)
    found = paths(arcs_among(below, left, right))
    assert found[(0, 1), (1, 1)] == [0, 1]
    assert found[(1, 1), (2, 1)] == [0, 2]


@pytest.mark.parametrize("step", [1, -1])
def test_an_island_and_its_lake_are_one_closed_arc(step):
    island = shapely.Polygon([(3, 3), (6, 3), (6, 6), (3, 6)][::step])
    land = shapely.difference(shapely.box(0, 0, 9, 9), island)
    found = paths(arcs_among(island, land))
    assert sorted(found.values()) == [[0, 1], [1]]
    assert all(path[0] == path[-1] == min(path) for path in found)


def test_polygons_that_overlap_have_no_nodes():
    # a corner of both, where a node would begin both arcs
    found = paths(arcs_among(shapely.box(0, 0, 4, 4), shapely.box(-2, -2, 4, 4)))
    assert {path[0] for path in found} == {(0, 0), (-2, -2)}


def test_polygons_that_touch_at_a_corner_meet_at_a_node():
    found = paths(arcs_among(shapely.box(0, 0, 1, 1), shapely.box(1, 1, 2, 2)))
    assert {path[0] for path in found} == {(1, 1)}


def test_the_same_polygon_twice_is_an_overlap():
    found = paths(arcs_among(shapely.box(0, 0, 1, 1), shapely.box(0, 0, 1, 1)))
    assert list(found.values()) == [[0, 1]]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 0.6]))
def test_all_vertices_make_the_same_polygons(seed, part):
    labels = parcels(60, 30, seed)
    labels[np.isin(labels, np.flatnonzero(np.random.default_rng(seed).random(31) > part))] = 0
    shapes = coverage_of(labels)
    # those of the same number are one: parts, holes, and corners that touch
    shapes = np.append(shapes, shapely.MultiPolygon([shapely.box(70, 0, 71, 1), shapes[0]]))
    arcs = arcs_of(shapes)
    everything = np.ones(len(arcs.vertices.values), dtype=np.bool_)
    which = np.arange(len(shapes))
    found = arcs.outlines(everything, which)
    assert shapely.equals(found, shapes).all()
    assert shapely.get_type_id(found).tolist() == shapely.get_type_id(shapes).tolist()
    some = arcs.outlines(everything, which[1::2])
    assert [one.wkb for one in some] == [one.wkb for one in found[1::2]]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_rings_may_begin_anywhere(turn):
    corners = [(0, 0), (4, 0), (4, 4), (0, 4)]
    one = shapely.Polygon(corners[turn:] + corners[:turn])
    found = paths(arcs_among(one, shapely.box(4, 0, 8, 4)))
    assert found[(4, 0), (4, 4)] == [0, 1]
    assert len(found) == 3
