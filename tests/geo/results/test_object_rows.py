"""Rows of linked objects: outlines in the world, edges of the raster, packed pixels."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from sam_common.masks.decoded import MaskRegion
from sam_common.stitching.link import LinkedObject
from sam_common.window import Window
from sam_geo.raster.frame import frame_from_affine
from sam_geo.results.object_rows import (
    batches,
    object_rows,
    packed,
    regions_of,
    touches_edge,
    world_outline,
)

NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)


def region(top, left, rows, cols):
    return MaskRegion(
        Window((top, left), (top + rows, left + cols)), np.ones((rows, cols), np.bool_)
    )


def linked(*pieces, **more):
    return LinkedObject(pieces, 0.5, 0.25, len(pieces) > 1, ((0, 0),), 0, **more)


@pytest.mark.parametrize(
    "transform",
    [NORTH_UP, Affine(0.5, 0, 500_000, 0, 0.5, 5_800_000), Affine(0.4, 0.3, 9, 0.3, -0.4, 7)],
    ids=["north-up", "south-up", "turned"],
)
def test_an_outline_is_the_pixels_in_the_world_counterclockwise(transform):
    pieces = [region(2, 3, 4, 5), region(6, 3, 2, 5)]
    found = world_outline(pieces, frame_from_affine(transform))
    expected = shapely.Polygon([transform @ xy for xy in ((3, 2), (8, 2), (8, 8), (3, 8))])
    assert found.geom_type == "Polygon"
    assert found.equals_exact(expected.normalize(), 1e-6) or found.symmetric_difference(
        expected
    ).area == pytest.approx(0, abs=1e-6)
    assert shapely.is_ccw(found.exterior)


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (region(1, 1, 8, 18), False),
        (region(0, 5, 2, 2), True),
        (region(5, 0, 2, 2), True),
        (region(8, 5, 2, 2), True),
        (region(5, 18, 2, 2), True),
    ],
)
def test_an_object_at_any_edge_of_the_raster_touches_it(piece, expected):
    assert touches_edge([piece], (10, 20)) is expected
    assert touches_edge([region(4, 4, 1, 1), piece], (10, 20)) is expected


def test_a_row_says_what_the_object_is():
    pieces = (region(0, 1, 2, 3), region(4, 4, 1, 1))
    rows = list(
        object_rows(
            [linked(*pieces), linked(pieces[1], is_cut=True)],
            frame_from_affine(NORTH_UP),
            (10, 20),
            with_pixels=True,
        )
    )
    first, second = rows
    assert (first.status, second.status) == ("ok", "cut")
    assert (first.score, first.stability, first.area_px) == (0.5, 0.25, 7.0)
    assert (first.seam_merged, second.seam_merged) == (True, False)
    assert (first.touches_edge, second.touches_edge) == (True, False)
    assert first.geometry.area == pytest.approx(7 * 0.25)
    assert [piece.window for piece in regions_of(first.pixels)] == [one.window for one in pieces]
    (plain,) = object_rows([linked(*pieces)], frame_from_affine(NORTH_UP), (10, 20))
    assert plain.pixels is None


@given(
    st.lists(
        st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 9)] * 2, st.integers(0, 2**32 - 1)),
        min_size=1,
        max_size=4,
    )
)
def test_packed_regions_come_back(drawn):
    regions = []
    for top, left, rows, cols, seed in drawn:
        mask = np.random.default_rng(seed).random((rows, cols)) > 0.5
        regions.append(MaskRegion(Window((top, left), (top + rows, left + cols)), mask))
    back = regions_of(packed(linked(*regions)))
    assert [one.window for one in back] == [one.window for one in regions]
    assert all((a.mask == b.mask).all() for a, b in zip(back, regions, strict=True))


def test_nothing_packed_is_no_region():
    assert regions_of(b"") == []


def test_batches_keep_the_order_and_are_made_as_they_are_asked_for():
    made = []

    def rows():
        for n in range(7):
            made.append(n)
            yield n

    found = batches(rows(), 3)
    assert next(found) == [0, 1, 2]
    assert made == [0, 1, 2]
    assert list(found) == [[3, 4, 5], [6]]
    assert list(batches([], 3)) == []
