"""Which polygons share an area."""

from __future__ import annotations

import numpy as np
import shapely
from affine import Affine
from rasterised import coverage_of
from scenes import parcels
from shapely.affinity import affine_transform

from sam_geo.outlines.overlaps import Overlaps


def pairs_of(shapes):
    overlaps = Overlaps.among(np.array(shapes, dtype=object))
    every = np.arange(len(shapes))
    first, second = (each.ravel() for each in np.meshgrid(every, every))
    found = overlaps.between(first, second)
    return {(a, b) for a, b in zip(first[found].tolist(), second[found].tolist(), strict=True)}


def test_areas_in_common_count_and_nothing_else():
    shapes = [
        shapely.box(0, 0, 10, 10),
        shapely.box(5, 5, 15, 15),  # over the first
        shapely.box(10, 0, 20, 5),  # an edge with the first, one with the second
        shapely.box(2, 2, 3, 3),  # within the first
        shapely.box(-5, -5, 0, 0),  # a corner
    ]
    assert pairs_of(shapes) == {(0, 1), (1, 0), (0, 3), (3, 0)}


def test_one_pixel_in_common_counts_at_any_place():
    for origin in (0, 5_000_000):
        tall = shapely.box(origin, origin, origin + 3_000, origin + 3_000)
        low = shapely.box(origin + 2_999.9, origin + 2_999.9, origin + 6_000, origin + 6_000)
        assert pairs_of([tall, low]) == {(0, 1), (1, 0)}


def test_rounding_makes_no_overlap():
    shapes = coverage_of(parcels(120, 40))
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(33) @ Affine.scale(0.1)
    a, b, c, d, e, f = list(turned)[:6]
    shapes = np.array([affine_transform(one, [a, b, d, e, c, f]) for one in shapes], dtype=object)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    # some of the interiors do meet, by rounding alone
    assert shapely.relate_pattern(shapes[one], shapes[other], "T********").sum() > len(shapes)
    assert pairs_of(shapes) == set()


def test_alone_or_apart_nothing_overlaps():
    assert pairs_of([shapely.box(0, 0, 1, 1)]) == set()
    assert pairs_of([shapely.box(0, 0, 1, 1), shapely.box(3, 3, 4, 4)]) == set()
