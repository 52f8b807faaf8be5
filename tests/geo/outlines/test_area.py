"""Areas and perimeters against dense geodesic polygons."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely

from sam_geo.outlines.area import measurer


def area_of(shape, crs):
    """Square metres of one shape."""
    areas, _ = measurer(crs)(np.array([shape], dtype=object))
    return areas[0]


def _square(crs, longitude, latitude, side):
    """An axis-parallel square of `side` units of the reference system at a place."""
    to_crs = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = to_crs.transform(longitude, latitude)
    return shapely.box(x, y, x + side, y + side)


def _truth(shape, crs):
    """Area on the ellipsoid, with edges so dense that they follow the projection's lines."""
    dense = shapely.segmentize(shape, (shape.bounds[2] - shape.bounds[0]) / 2000)
    to_lonlat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lonlat = shapely.transform(dense, to_lonlat.transform, interleaved=False)
    return abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(lonlat)[0])


@pytest.mark.parametrize("latitude", [0.5, 52, 60, -60])
@pytest.mark.parametrize(
    ("crs", "side"),
    [
        ("EPSG:3857", 100.0),
        ("EPSG:3857", 500_000.0),
        ("EPSG:4326", 3e-6),
        ("EPSG:4326", 4.0),
        ("EPSG:32633", 100.0),
        ("EPSG:32633", 300_000.0),
    ],
)
def test_areas_are_true_in_every_projection(crs, side, latitude):
    shape = _square(crs, 15, latitude, side)
    assert area_of(shape, pyproj.CRS(crs)) == pytest.approx(_truth(shape, crs), rel=1e-5)


def test_web_mercator_does_not_inflate():
    shape = _square("EPSG:3857", 15, 52, 1000)
    true = area_of(shape, pyproj.CRS("EPSG:3857"))
    assert shape.area / true == pytest.approx(2.63, abs=0.02)


def test_holes_are_subtracted():
    crs = pyproj.CRS("EPSG:32633")
    outer, inner = (
        shapely.box(5e5, 5e6, 5e5 + 300, 5e6 + 300),
        shapely.box(5e5 + 100, 5e6 + 100, 5e5 + 200, 5e6 + 200),
    )
    assert area_of(outer.difference(inner), crs) == pytest.approx(
        area_of(outer, crs) - area_of(inner, crs), rel=1e-9
    )


def test_many_shapes_are_measured_as_each_by_itself():
    crs = pyproj.CRS("EPSG:3857")
    one, other = _square(crs, 15, 52, 1000), _square(crs, 15, 60, 30)
    both = shapely.MultiPolygon([other, shapely.transform(other, lambda xy: xy + 1000)])
    areas, perimeters = measurer(crs)(np.array([one, None, both], dtype=object))
    assert areas[0] == area_of(one, crs)
    assert np.isnan(areas[1])
    assert np.isnan(perimeters[1])
    assert areas[2] == pytest.approx(2 * area_of(other, crs), rel=1e-3)
    assert perimeters[2] == pytest.approx(2 * 4 * np.sqrt(area_of(other, crs)), rel=1e-3)


@pytest.mark.parametrize(
    "text",
    ["+proj=utm +zone=33 +ellps=bessel +towgs84=598,74,418,0,0,0,0", "EPSG:5555", "EPSG:4979"],
)
def test_bound_and_compound_systems_have_areas(text):
    crs = pyproj.CRS(text)
    side = 1e-3 if crs.is_geographic else 100.0
    shape = _square(crs, 15, 52, side)
    assert area_of(shape, crs) == pytest.approx(_truth(shape, crs), rel=1e-3)


def test_grads_are_angles_too():
    # Paris meridian, longitude and latitude in grads
    crs = pyproj.CRS("EPSG:4807")
    shape = _square(crs, 2.5, 48, 0.01)
    assert area_of(shape, crs) == pytest.approx(_truth(shape, crs), rel=1e-4)


def test_without_a_place_on_earth_there_are_no_square_metres():
    assert np.isnan(area_of(shapely.box(0, 0, 1, 1), None))
    local = pyproj.CRS('LOCAL_CS["site grid",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]')
    assert np.isnan(area_of(shapely.box(0, 0, 1, 1), local))


def test_what_leaves_the_projection_has_no_area():
    # an orthographic map shows one half of the Earth only
    areas, lengths = measurer(pyproj.CRS("+proj=ortho +lat_0=0 +lon_0=0"))(
        np.array([shapely.box(0, 0, 1e6, 1e6), shapely.box(0, 0, 8e6, 8e6)], dtype=object)
    )
    assert areas[0] > 1e12
    assert np.isnan(areas[1])
    assert np.isnan(lengths[1])


def test_the_whole_of_a_sphere_by_its_two_halves():
    # 4 pi r^2 of a sphere of 1 m, whose geographic system is in degrees
    ball = pyproj.CRS("+proj=longlat +R=1")
    halves = np.array([shapely.box(0, -90, 90, 90), shapely.box(90, -90, 180, 90)], dtype=object)
    areas, _ = measurer(ball)(halves)
    assert areas.sum() == pytest.approx(2 * np.pi, rel=1e-3)


def test_rings_may_run_in_any_direction():
    crs = pyproj.CRS("EPSG:32633")
    outer = np.array([(0, 0), (300, 0), (300, 300), (0, 300)]) + np.array([5e5, 5e6])
    inner = np.array([(100, 100), (200, 100), (200, 200), (100, 200)]) + np.array([5e5, 5e6])
    areas = [
        area_of(shapely.Polygon(shell, [hole]), crs)
        for shell in (outer, outer[::-1])
        for hole in (inner, inner[::-1])
    ]
    assert areas == pytest.approx([80_000 / 0.9996**2] * 4, rel=1e-3)
