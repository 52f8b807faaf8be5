"""Simplification of parcels that share edges, of islands, and of masks that overlap."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterised import coverage_of, iou, stairs_of
from scenes import parcels

from sam_geo.outlines.simplify import simplify

TOLERANCES = st.sampled_from([0.5, 1.0, 1.5, 3.0, 20.0])
TURNED = Affine.translation(500_000, 5_000_000) @ Affine.rotation(33) @ Affine.scale(0.3, -0.3)


def as_array(*shapes):
    return np.array(shapes, dtype=object)


def placed(shapes, transform):
    a, b, c, d, e, f = list(transform)[:6]
    return shapely.transform(
        shapes,
        lambda xy: np.column_stack(
            [a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f]
        ),
    )


def masks_over(shapes, seed):
    """Larger areas that overlap some of them, as masks do."""
    return np.concatenate([shapes, coverage_of(parcels(120, 4, seed))[::2]])


def distances(before, after):
    return shapely.hausdorff_distance(shapely.boundary(before), shapely.boundary(after))


@pytest.mark.parametrize("transform", [Affine.identity(), TURNED], ids=["pixels", "turned"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), tolerance=TOLERANCES)
def test_coverages_stay_coverages(transform, seed, tolerance):
    scale = np.sqrt(abs(transform.determinant))
    tolerance *= scale
    shapes = placed(coverage_of(parcels(120, 40, seed)), transform)
    result = simplify(shapes, tolerance)
    assert shapely.is_valid(result).all()
    assert not shapely.is_empty(result).any()
    # GEOS's own test: no overlap, and every edge inside has the same vertices on both sides
    assert shapely.coverage_is_valid(result)
    whole = shapely.coverage_union_all(result)
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0
    assert distances(shapes, result).max() <= tolerance * (1 + 1e-6)
    if tolerance < 4 * scale:
        peer = shapely.coverage_simplify(shapes, tolerance)
        count, other = (shapely.get_num_coordinates(each).sum() for each in (result, peer))
        assert count < 1.1 * other


@pytest.mark.parametrize("overlapping", [False, True])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), tolerance=TOLERANCES)
def test_only_what_lies_near_decides_and_no_order(overlapping, seed, tolerance):
    rng = np.random.default_rng(seed)
    shapes = coverage_of(parcels(120, 60, seed))
    shapes = shapes[rng.random(len(shapes)) < 0.8]
    if overlapping:
        shapes = masks_over(shapes, seed)
    result = simplify(shapes, tolerance)
    order = rng.permutation(len(shapes))
    for one, other in zip(result[order], simplify(shapes[order], tolerance), strict=True):
        assert shapely.equals_identical(one, other)
    for n in rng.choice(len(shapes), 5):
        near = np.flatnonzero(shapely.dwithin(shapes, shapes[n], 2 * tolerance))
        others = rng.permutation(near[near != n])
        (one,) = simplify(shapes[[n, *others]], tolerance, count=1)
        assert shapely.equals_identical(one, result[n])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), tolerance=TOLERANCES)
def test_what_was_apart_stays_apart(seed, tolerance):
    shapes = masks_over(coverage_of(parcels(120, 60, seed))[::2], seed)
    result = simplify(shapes, tolerance)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=2 * tolerance)
    apart = shapely.area(shapely.intersection(shapes[one], shapes[other])) == 0
    shared = shapely.intersection(result[one[apart]], result[other[apart]])
    assert shapely.area(shared) == pytest.approx(0, abs=1e-9)
    assert distances(shapes, result).max() <= tolerance * (1 + 1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), by=st.tuples(st.integers(-999, 999), st.integers(-999, 999)))
def test_a_place_elsewhere_changes_nothing(seed, by):
    shapes = coverage_of(parcels(120, 40, seed))
    there = simplify(placed(shapes, Affine.translation(*by)), 1.5)
    here = placed(simplify(shapes, 1.5), Affine.translation(*by))
    assert all(shapely.equals_identical(a, b) for a, b in zip(here, there, strict=True))


def test_overlapping_masks_are_simplified_by_themselves():
    stairs = stairs_of(shapely.Point(0, 0).buffer(20))
    other = shapely.affinity.translate(stairs, 12.25, 0)
    apart = shapely.affinity.translate(stairs, 100, 0)
    shapes = as_array(stairs, other, apart)
    result = simplify(shapes, 1.0)
    for before, after in zip(shapes, result, strict=True):
        assert shapely.equals_identical(after, simplify(as_array(before), 1.0)[0])
        assert iou(before, after) > 0.93
    counts = shapely.get_num_coordinates(result)
    assert (counts < shapely.get_num_coordinates(shapes) / 3).all()


def test_neighbours_share_their_edge_afterwards():
    # a common edge of stairs between two squares
    steps = [(10 + n % 2, n) for n in range(21)]
    left = shapely.Polygon([(0, 0), *steps, (0, 20)])
    right = shapely.Polygon([(30, 0), *steps, (30, 20)])
    one, other = simplify(as_array(left, right), 3.0)
    assert shapely.get_num_coordinates(one) == shapely.get_num_coordinates(other) == 5
    assert shapely.area(shapely.intersection(one, other)) == 0
    assert shapely.union(one, other).geom_type == "Polygon"


def test_an_edge_shared_with_one_that_overlaps_another_stays_shared():
    steps = [(10 + n % 2, n) for n in range(21)]
    left = shapely.Polygon([(0, 0), *steps, (0, 20)])
    right = shapely.Polygon([(30, 0), *steps, (30, 20)])
    one, other, _ = simplify(as_array(left, right, shapely.box(20, 5, 50, 15)), 3.0)
    assert shapely.get_num_coordinates(one) == shapely.get_num_coordinates(other) == 5
    assert shapely.union(one, other).geom_type == "Polygon"


def test_a_corner_within_the_edge_of_another_stays_a_corner_of_both():
    below = shapely.box(0, 0, 20, 10)
    left = shapely.Polygon([(0, 10), (10, 10), (11, 15), (10, 20), (0, 20)])
    right = shapely.Polygon([(10, 10), (20, 10), (20, 20), (10, 20), (11, 15)])
    result = simplify(as_array(below, left, right), 2.0)
    assert (10.0, 10.0) in result[0].exterior.coords
    assert shapely.coverage_is_valid(result)
    assert shapely.get_num_coordinates(result[1]) == 5


def test_what_lies_between_two_nodes_does_not_fall_together():
    # a sliver whose both sides could become the same straight line
    lens = shapely.Polygon([(0, 0), (10, 1), (20, 0), (10, -1)])
    above = shapely.Polygon([(0, 0), (10, 1), (20, 0), (20, 20), (0, 20)])
    below = shapely.Polygon([(0, 0), (10, -1), (20, 0), (20, -20), (0, -20)])
    result = simplify(as_array(lens, above, below), 3.0)
    assert shapely.coverage_is_valid(result)
    assert result[0].area > 0


def test_an_island_keeps_the_shore_of_its_lake():
    shore = stairs_of(shapely.Point(0, 0).buffer(10))
    land = shapely.difference(shapely.box(-30, -30, 30, 30), shore)
    result = simplify(as_array(shore, land), 1.0)
    assert shapely.get_num_coordinates(result[0]) < shapely.get_num_coordinates(shore) / 3
    assert shapely.equals(shapely.union_all(result), shapely.box(-30, -30, 30, 30))
    assert shapely.coverage_is_valid(result)


def test_nothing_is_passed_over():
    # a bay of 2 by 1 with a rock in it, which a straight coast would take in
    coast = shapely.Polygon(
        [(0, 0), (30, 0), (30, 10), (17, 10), (17, 8), (13, 8), (13, 10), (0, 10)]
    )
    rock = shapely.box(14.5, 8.5, 15.5, 9.5)
    open_bay, bay = (simplify(each, 3.0)[0] for each in (as_array(coast), as_array(coast, rock)))
    assert shapely.get_num_coordinates(open_bay) == 5
    assert shapely.equals(bay, coast)


def test_several_parts_and_holes_come_back():
    ring = shapely.difference(shapely.box(0, 0, 9, 9), shapely.box(3, 3, 6, 6))
    # two parts that touch at a corner
    pair = shapely.MultiPolygon([shapely.box(20, 0, 25, 5), shapely.box(25, 5, 30, 10)])
    single = shapely.MultiPolygon([shapely.box(40, 0, 45, 5)])
    shapes = as_array(ring, pair, single)
    for before, after in zip(shapes, simplify(shapes, 1.0), strict=True):
        assert after.geom_type == before.geom_type
        assert shapely.equals(before, after)


def test_no_shape_vanishes_whatever_the_tolerance():
    alone, below, above = (
        shapely.box(50, 0, 51, 1),
        shapely.box(0, 0, 2, 2),
        shapely.box(1, 1, 3, 3),
    )
    result = simplify(as_array(alone, below, above), 1000.0)
    assert shapely.is_valid(result).all()
    assert (shapely.area(result) >= 0.5).all()


def test_no_shape_at_all():
    assert simplify(np.array([], dtype=object), 1.0).tolist() == []
    assert simplify(as_array(shapely.box(0, 0, 1, 1)), 1.0, count=0).tolist() == []
