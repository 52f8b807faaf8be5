"""Outlines of examples in other places."""

from __future__ import annotations

import numpy as np
import shapely

from sam_geo.object_classes.elsewhere import PLACES, elsewhere

EXAMPLES = np.array([shapely.box(4.5, 4.5, 24.5, 14.5), shapely.Point(60, 60).buffer(8)], object)


def test_they_lie_in_the_raster_and_on_no_candidate():
    found = elsewhere(EXAMPLES, EXAMPLES, (100, 120))
    assert len(found) == PLACES
    raster = shapely.box(-0.5, -0.5, 119.5, 99.5)
    for one in found:
        assert raster.buffer(0.6).covers(one)
        for other in EXAMPLES:
            assert one.intersection(other).area < 0.3 * one.union(other).area
    assert {round(one.area) for one in found} == {round(one.area) for one in EXAMPLES}
    again = elsewhere(EXAMPLES, EXAMPLES, (100, 120))
    assert shapely.equals_exact(found, again, 0).all()


def test_where_there_is_no_room():
    large = np.array([shapely.box(-0.5, -0.5, 99.5, 99.5)], dtype=object)
    assert len(elsewhere(large, large, (100, 100))) == 0
    # a raster full of candidates of this size
    tiles = np.array([shapely.box(x, y, x + 20, y + 10) for x in range(0, 120, 2)
                      for y in range(0, 100, 2)], dtype=object)  # fmt: skip
    assert len(elsewhere(EXAMPLES[:1], tiles, (100, 120))) == 0
