"""Thumbnails: an object is in the middle of its picture, outlined where it lies."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sam_geo.object_report.thumbnail import SIDE_PX, thumbnail
from sam_geo.raster.frame import corners_to_world
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch


@pytest.fixture
def drawn(make_raster):
    """A function that draws a box (left, top, right, bottom) in pixel corners of a black raster."""

    def draw(box, size=(300, 400), values=0):
        array = np.full((1, *size), values, dtype=np.uint8)
        with open_raster(str(make_raster(array))) as source:
            shape = shapely.transform(
                shapely.box(*box), lambda xy: corners_to_world(xy, source.frame)
            )
            return thumbnail(source, choose_stretch(source), shape)

    return draw


def yellow(canvas):
    red, green, blue = np.moveaxis(canvas.astype(int), -1, 0)
    return (red > 120) & (green > 100) & (blue < 90)


def test_the_outline_lies_where_the_object_does(drawn):
    canvas = drawn((100, 120, 140, 160))
    # 40 px and 14 px on each side
    assert canvas.shape == (SIDE_PX, SIDE_PX, 3)
    rows, cols = np.nonzero(yellow(canvas))
    scale = SIDE_PX / 68
    for found, expected in (
        (rows.min(), 14),
        (rows.max(), 54),
        (cols.min(), 14),
        (cols.max(), 54),
    ):
        assert found == pytest.approx(expected * scale, abs=2.5)


def test_a_small_object_is_shown_with_what_is_around_it(drawn):
    canvas = drawn((100, 100, 102, 102))
    cols = np.nonzero(yellow(canvas).any(axis=0))[0]
    assert np.ptp(cols) == pytest.approx(2 / 14 * SIDE_PX, abs=5)


def test_an_object_at_the_edge_is_cut_by_it(drawn):
    canvas = drawn((0, 100, 40, 140))
    # nothing lies left of the raster: 54 px wide, 68 px high
    assert canvas.shape == (SIDE_PX, round(SIDE_PX * 54 / 68), 3)


def test_what_lies_outside_has_no_picture(drawn):
    assert drawn((-900, -900, -880, -880)) is None


def test_a_hole_is_outlined_too(make_raster):
    ring = shapely.difference(shapely.box(50, 50, 150, 150), shapely.box(90, 90, 110, 110))
    with open_raster(str(make_raster(np.zeros((1, 200, 200), dtype=np.uint8)))) as source:
        shape = shapely.transform(ring, lambda xy: corners_to_world(xy, source.frame))
        canvas = thumbnail(source, choose_stretch(source), shape)
    middle = yellow(canvas)[SIDE_PX // 2]
    # the middle row crosses the outer and the inner ring twice
    assert int((np.diff(middle.astype(int)) == 1).sum()) == 4
