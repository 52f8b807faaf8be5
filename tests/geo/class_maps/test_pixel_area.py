"""True areas of pixels, against the geodesic areas of their polygons."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine

from sam_common.window import Window
from sam_geo.class_maps.pixel_area import pixel_areas
from sam_geo.outlines.area import measurer
from sam_geo.raster.frame import frame_from_affine

TURNED = Affine.translation(4e5, 5e6) @ Affine.rotation(30) @ Affine.scale(7)
GRIDS = {
    "UTM": ("EPSG:32633", Affine(10, 0, 465_000, 0, -10, 5_080_000)),
    "web mercator": ("EPSG:3857", Affine(19.1, 0, 1_400_000, 0, -19.1, 6_600_000)),
    "degrees": ("EPSG:4326", Affine(0.01, 0, 8, 0, -0.01, 62)),
    "feet": ("EPSG:2263", Affine(3, 0, 980_000, 0, -3, 190_000)),
    "turned": ("EPSG:32633", TURNED),
    "equal-area": ("EPSG:3035", Affine(25, 0, 4_000_000, 0, -25, 3_000_000)),
}


@pytest.mark.parametrize("name", GRIDS)
def test_areas_are_those_of_the_pixels_polygons(name):
    code, transform = GRIDS[name]
    crs = pyproj.CRS(code)
    window = Window((5, 40), (75, 130))
    found = pixel_areas(crs, frame_from_affine(transform))(window)
    assert found.shape == (70, 90)
    shapes = []
    for row, col in ((5, 40), (37, 64), (74, 129)):
        ring = [transform @ corner for corner in _corners(row, col)]
        shapes.append(shapely.Polygon(ring))
    expected, _ = measurer(crs)(np.array(shapes, dtype=object))
    at = [found[0, 0], found[32, 24], found[69, 89]]
    assert at == pytest.approx(list(expected), rel=2e-6)


def _corners(row, col):
    return [(col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1)]


def test_the_sum_is_that_of_the_outline():
    code, transform = GRIDS["web mercator"]
    window = Window((0, 0), (900, 700))
    found = pixel_areas(pyproj.CRS(code), frame_from_affine(transform))(window)
    ring = [transform @ corner for corner in ((0, 0), (700, 0), (700, 900), (0, 900))]
    ((expected,), _) = measurer(pyproj.CRS(code))(np.array([shapely.Polygon(ring)], dtype=object))
    assert found.sum() == pytest.approx(expected, rel=1e-6)


def test_windows_do_not_change_areas():
    code, transform = GRIDS["degrees"]
    areas = pixel_areas(pyproj.CRS(code), frame_from_affine(transform))
    whole = areas(Window((0, 0), (100, 90)))
    assert np.array_equal(areas(Window((31, 50), (70, 89))), whole[31:70, 50:89])


def test_pixels_without_a_reference_system_count():
    assert (
        pixel_areas(None, frame_from_affine(Affine.identity()))(Window((0, 0), (2, 3))).sum() == 6
    )


def test_a_local_grid_counts_its_own_metres():
    local = pyproj.CRS('LOCAL_CS["site",UNIT["metre",1]]')
    areas = pixel_areas(local, frame_from_affine(Affine(2, 0, 0, 0, -2, 0)))
    assert areas(Window((0, 0), (3, 3))) == pytest.approx(np.full((3, 3), 4.0))
