"""Tracing: the same polygons as GDAL's, of any mask, vertex for vertex."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_geo.outlines.trace import traced

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14)).filter(
    lambda mask: bool(mask.any())
)


def from_gdal(mask):
    """The polygons that GDAL makes of a mask, as one geometry."""
    found = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
    return shapely.union_all([shapely.geometry.shape(shape) for shape, _ in found])


def drawing(*rows):
    """A mask from a drawing: # is object."""
    return np.array([[sign == "#" for sign in row] for row in rows])


RING = drawing("###", "#.#", "###")
# the hole touches the outside, another hole, and a part that lies in it
PINCHED = drawing("####.", "#.#.#", "##.##", "#.###", "####.")
ISLAND = drawing("#####", "#...#", "#.#.#", "#...#", "#####")


@given(masks)
@example(RING)
@example(PINCHED)
@example(ISLAND)
@example(np.eye(5, dtype=bool))
@example(~np.eye(5, dtype=bool))
@example(np.indices((7, 9)).sum(axis=0) % 2 == 0)
def test_polygons_are_those_of_gdal(mask):
    found = traced(mask)
    assert shapely.is_valid(found)
    assert found.area == mask.sum()
    ours, theirs = (
        sorted(shapely.get_parts(shape.normalize()).tolist(), key=lambda part: part.wkt)
        for shape in (found, from_gdal(mask))
    )
    # GDAL's parts that touch at a corner stay parts in a union: so do ours
    assert [part.wkt for part in ours] == [part.wkt for part in theirs]


@given(masks)
def test_rings_turn_at_every_vertex_and_come_back_to_none(mask):
    for ring in shapely.get_rings(shapely.get_parts(traced(mask))):
        xy = shapely.get_coordinates(ring)
        steps = np.diff(np.vstack([xy, xy[1:2]]), axis=0)
        assert ((steps == 0).sum(axis=1) == 1).all()
        assert (np.diff((steps[:, 0] == 0).astype(int)) != 0).all()
        assert len(np.unique(xy[:-1], axis=0)) == len(xy) - 1


@given(masks, st.sampled_from([np.fliplr, np.flipud, np.transpose, np.rot90]))
def test_a_turned_mask_has_the_turned_outline(mask, turn):
    height, width = mask.shape
    at = {
        np.fliplr: lambda xy: np.stack([width - xy[:, 0], xy[:, 1]], axis=1),
        np.flipud: lambda xy: np.stack([xy[:, 0], height - xy[:, 1]], axis=1),
        np.transpose: lambda xy: xy[:, ::-1],
        np.rot90: lambda xy: np.stack([xy[:, 1], width - xy[:, 0]], axis=1),
    }
    expected = shapely.transform(traced(mask), at[turn])
    assert traced(np.ascontiguousarray(turn(mask))).normalize() == expected.normalize()


@given(masks, st.integers(-5, 10**6), st.integers(0, 10**6))
def test_the_origin_moves_the_outline(mask, x, y):
    moved = shapely.transform(traced(mask), lambda xy: xy + np.array([x, y]))
    assert shapely.equals_exact(traced(mask, (x, y)), moved)


def test_parts_come_from_top_to_bottom_with_their_own_holes():
    mask = np.zeros((9, 8), dtype=bool)
    mask[0:3, 4:7], mask[1, 5] = True, False
    mask[5:8, 0:3], mask[6, 1] = True, False
    upper, lower = shapely.get_parts(traced(mask))
    assert upper.bounds == (4, 0, 7, 3)
    assert lower.bounds == (0, 5, 3, 8)
    assert [len(part.interiors) for part in (upper, lower)] == [1, 1]


@pytest.mark.parametrize("mask", [RING, np.ones((1, 1), bool), np.ones((3, 4), bool)[:, ::2]])
def test_one_part_is_a_polygon(mask):
    assert traced(mask).geom_type == "Polygon"
