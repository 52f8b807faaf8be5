"""Size and form of polygons."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.features
import shapely

from sam_geo.object_features.shape import FORM, SIZE, forms, sizes

L = shapely.union(shapely.box(0, 0, 40, 10), shapely.box(0, 0, 10, 40))
SHAPES = np.array([shapely.Point(0, 0).buffer(30), shapely.box(0, 0, 80, 20), L], dtype=object)


def test_known_forms():
    found = forms(SHAPES)
    assert found.shape == (3, len(FORM))
    disc, box, bent = found
    assert disc[0] == pytest.approx(1, abs=0.05)
    assert box.tolist() == pytest.approx([4 * np.pi * 1600 / 200**2, 1, 1, 2, 1])
    assert bent[1] == pytest.approx(700 / (700 + 450))
    assert sizes(SHAPES)[1].tolist() == pytest.approx([np.log2(1600)])
    assert len(SIZE) == 1


def test_no_turn_place_or_size_changes_a_form():
    moved = np.array(
        [
            shapely.affinity.translate(
                shapely.affinity.scale(shapely.affinity.rotate(one, 33), 3, 3), 500, -90
            )
            for one in SHAPES[1:]
        ],
        dtype=object,
    )
    assert forms(moved) == pytest.approx(forms(SHAPES[1:]), abs=0.01)


def test_pixels_and_drawn_outlines_have_like_forms():
    disc = shapely.Point(50, 50).buffer(30)
    mask = rasterio.features.rasterize([disc], (100, 100), dtype="uint8")
    pixels = shapely.union_all(
        [shapely.geometry.shape(s) for s, v in rasterio.features.shapes(mask) if v]
    )
    one, other = forms(np.array([disc, pixels], dtype=object))
    assert other[0] == pytest.approx(one[0], abs=0.2)
    assert other[1:] == pytest.approx(one[1:], abs=0.06)


def test_a_hole_and_nothing_at_all():
    ring = shapely.box(0, 0, 10, 10) - shapely.box(2, 2, 8, 8)
    flat = shapely.Polygon([(0, 0), (5, 0), (9, 0)])
    found = forms(np.array([ring, flat, shapely.MultiPolygon([ring])], dtype=object))
    assert found[0, -1] == pytest.approx(0.64)
    assert found[2, -1] == pytest.approx(0.64)
    assert np.isnan(found[1]).any()
