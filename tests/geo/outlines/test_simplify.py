"""Simplification of parcels that share edges, and of masks that overlap."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterised import iou, stairs_of
from scenes import parcels

from sam_geo.outlines.simplify import simplify


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 3.0, 20.0]))
def test_coverages_stay_coverages(seed, tolerance):
    labels = parcels(120, 40, seed)
    shapes = np.array(
        [
            shapely.geometry.shape(part)
            for part, _ in rasterio.features.shapes(labels.astype("int32"))
        ],
        dtype=object,
    )
    result = simplify(shapes, tolerance)
    assert shapely.is_valid(result).all()
    assert not shapely.is_empty(result).any()
    # no overlap, no gap: corners of the outer frame may go, nothing inside it
    whole = shapely.union_all(result)
    assert shapely.area(result).sum() == pytest.approx(shapely.area(whole))
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0
    assert shapely.area(whole) >= 120 * 120 - 4 * tolerance**2
    assert shapely.get_num_coordinates(result).sum() <= shapely.get_num_coordinates(shapes).sum()


def test_overlapping_masks_are_simplified_by_themselves():
    stairs = stairs_of(shapely.Point(0, 0).buffer(20))
    other = shapely.affinity.translate(stairs, 12.25, 0)
    apart = shapely.affinity.translate(stairs, 100, 0)
    shapes = np.array([stairs, other, apart], dtype=object)
    result = simplify(shapes, 1.0)
    counts = shapely.get_num_coordinates(result)
    assert (counts < shapely.get_num_coordinates(shapes) / 3).all()
    for before, after in zip(shapes, result, strict=True):
        assert iou(before, after) > 0.93


def test_neighbours_share_their_edge_afterwards():
    # a common edge of stairs between two squares
    steps = [(10 + n % 2, n) for n in range(21)]
    left = shapely.Polygon([(0, 0), *steps, (0, 20)])
    right = shapely.Polygon([(30, 0), *steps, (30, 20)])
    one, other = simplify(np.array([left, right], dtype=object), 3.0)
    assert shapely.get_num_coordinates(one) < shapely.get_num_coordinates(left)
    assert shapely.area(shapely.intersection(one, other)) == 0
    assert shapely.union(one, other).geom_type == "Polygon"


def test_no_shape_vanishes_whatever_the_tolerance():
    alone, below, above = (
        shapely.box(50, 0, 51, 1),
        shapely.box(0, 0, 2, 2),
        shapely.box(1, 1, 3, 3),
    )
    result = simplify(np.array([alone, below, above], dtype=object), 1000.0)
    assert shapely.is_valid(result).all()
    assert (shapely.area(result) >= 0.5).all()


def test_no_shape_at_all():
    assert simplify(np.array([], dtype=object), 1.0).tolist() == []
