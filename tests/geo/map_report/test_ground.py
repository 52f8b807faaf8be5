"""Ground: lengths and directions of maps in many systems, against geodesics of pyproj."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
import rasterio.transform
from affine import Affine

from sam_geo.map_report.ground import lonlat_of, measure_ground
from sam_geo.raster.frame import frame_from_affine

SIZE = (300, 400)
TURNED = Affine.translation(500_000, 5_800_000) @ Affine.rotation(30) @ Affine.scale(10, -10)
LOCAL = 'LOCAL_CS["site",UNIT["foot",0.3048],AXIS["X",EAST],AXIS["Y",NORTH]]'
MAPS = {
    "utm": ("EPSG:32633", Affine(10, 0, 465_000, 0, -10, 5_080_000)),
    "web mercator": ("EPSG:3857", Affine(10, 0, 1_300_000, 0, -10, 8_400_000)),
    "degrees": ("EPSG:4326", Affine(0.001, 0, 10, 0, -0.001, 60)),
    "degrees beyond 180": ("EPSG:4326", Affine(0.1, 0, 190, 0, -0.1, 60)),
    "grads from Paris": ("EPSG:4807", Affine(0.001, 0, 1, 0, -0.001, 54)),
    "feet": ("EPSG:2263", Affine(1, 0, 980_000, 0, -1, 200_000)),
    "turned": ("EPSG:32633", TURNED),
    "rows from the south": ("EPSG:32633", Affine(10, 0, 465_000, 0, 10, 5_080_000)),
    "south is up": ("EPSG:32633", Affine(-10, 0, 465_000, 0, 10, 5_080_000)),
    "the Moon": ("IAU_2015:30100", Affine(0.001, 0, 10, 0, -0.001, 54)),
}


def ground_of(crs, transform, size=SIZE):
    return measure_ground(pyproj.CRS(crs), frame_from_affine(transform), size)


def rasterio_xy(transform, corner):
    """World (x, y) of a corner (col, row)."""
    return rasterio.transform.xy(transform, corner[1], corner[0], offset="ul")


def geodesic(crs, transform, *corners):
    """Metres between two corners (col, row), on the ellipsoid of the system."""
    crs = pyproj.CRS(crs)
    way = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    degrees = math.degrees(crs.geodetic_crs.axis_info[0].unit_conversion_factor)
    (lon0, lat0), (lon1, lat1) = (
        [part * degrees for part in way.transform(*rasterio_xy(transform, corner))]
        for corner in corners
    )
    return crs.get_geod().inv(lon0, lat0, lon1, lat1)[2]


@pytest.mark.parametrize("name", MAPS)
def test_pixels_and_bars_are_as_long_as_geodesics(name):
    crs, transform = MAPS[name]
    ground = ground_of(crs, transform)
    assert ground.col_m == pytest.approx(
        geodesic(crs, transform, (199.5, 150), (200.5, 150)), rel=1e-4
    )
    assert ground.row_m == pytest.approx(
        geodesic(crs, transform, (200, 149.5), (200, 150.5)), rel=1e-4
    )
    bar = ground.scale_bar()
    ends = (200 - bar.pixels / 2, 150), (200 + bar.pixels / 2, 150)
    assert bar.metres == pytest.approx(geodesic(crs, transform, *ends), rel=1e-2)
    first = bar.metres / 10 ** math.floor(math.log10(bar.metres))
    assert first == pytest.approx(1) or first == pytest.approx(2) or first == pytest.approx(5)
    assert 0.15 < bar.pixels / SIZE[1] < 0.41


def test_web_mercator_has_no_false_metres():
    """At 60 degrees it doubles lengths."""
    ground = ground_of(*MAPS["web mercator"])
    assert ground.col_m == pytest.approx(5, rel=0.02)


def test_where_the_scale_differs_at_the_edges_it_is_told():
    bar = ground_of("EPSG:4326", Affine(0.1, 0, 10, 0, -0.1, 75)).scale_bar()
    upper, lower = bar.at_edges
    middle = math.cos(math.radians(60))
    assert upper / bar.metres == pytest.approx(math.cos(math.radians(75)) / middle, rel=0.02)
    assert lower / bar.metres == pytest.approx(math.cos(math.radians(45)) / middle, rel=0.02)
    near = ground_of(*MAPS["utm"]).scale_bar()
    assert near.at_edges == pytest.approx((near.metres, near.metres), rel=1e-4)


def test_a_bar_across_a_continent_counts_what_lies_under_it():
    """Over the pole, where pixels grow from the middle on."""
    crs, transform = pyproj.CRS("EPSG:3031"), Affine(30_000, 0, -6e6, 0, -30_000, 4.5e6)
    bar = ground_of(crs, transform).scale_bar()
    cols = np.linspace(200 - bar.pixels / 2, 200 + bar.pixels / 2, 1001)
    line = rasterio.transform.xy(transform, np.full(1001, 150), cols, offset="ul")
    lonlat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*line)
    assert bar.metres == 2_000_000
    assert bar.metres == pytest.approx(crs.get_geod().line_length(*lonlat), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "north", "is_mirrored"),
    [
        ("web mercator", 0, False), ("degrees", 0, False), ("degrees beyond 180", 0, False),
        ("rows from the south", 0, True), ("south is up", 180, False), ("turned", 30, False),
    ],
)  # fmt: skip
def test_north_is_where_it_is(name, north, is_mirrored):
    ground = ground_of(*MAPS[name])
    # grid north is not true north off the middle of a zone
    assert abs((ground.north_deg - north + 180) % 360 - 180) < 0.5
    assert ground.is_mirrored == is_mirrored


def test_true_north_is_meant_not_that_of_the_grid():
    """Six degrees of longitude off the middle of a zone, at 51 degrees north."""
    ground = ground_of("EPSG:32632", Affine(10, 0, 920_000, 0, -10, 5_694_000))
    middle = np.array([[922_000, 5_692_500]])
    lon, lat = lonlat_of(pyproj.CRS("EPSG:32632"))(middle)[0]
    convergence = pyproj.Proj("EPSG:32632").get_factors(lon, lat).meridian_convergence
    assert ground.north_deg == pytest.approx(-convergence, abs=0.01)
    assert abs(convergence) > 4


@pytest.mark.parametrize(
    ("crs", "step"), [("EPSG:3031", 20_000), ("EPSG:3035", 10_000)], ids=["pole", "Europe"]
)
def test_no_arrow_where_north_differs_within_the_map(crs, step):
    middle = {"EPSG:3031": (0, 0), "EPSG:3035": (4_321_000, 3_210_000)}[crs]
    transform = Affine(step, 0, middle[0] - 200 * step, 0, -step, middle[1] + 150 * step)
    ground = ground_of(crs, transform)
    assert (ground.north_deg, ground.is_mirrored) == (None, False)


def test_a_system_without_a_globe_has_the_lengths_of_its_grid():
    ground = ground_of(LOCAL, Affine(2, 0, 0, 0, -2, 0))
    assert (ground.col_m, ground.row_m) == pytest.approx((0.6096, 0.6096))
    assert (ground.north_deg, ground.is_mirrored) == (None, False)
    assert ground_of(LOCAL, Affine(2, 0, 0, 0, 2, 0)).is_mirrored
    assert ground.scale_bar().metres == 50


def test_nothing_is_told_without_a_system_or_outside_of_its_domain():
    assert measure_ground(None, frame_from_affine(MAPS["utm"][1]), SIZE) is None
    assert ground_of("EPSG:32633", Affine(1e8, 0, 0, 0, -1e8, 0)) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (3, 2)])
def test_maps_of_a_few_pixels(size):
    bar = ground_of(*MAPS["utm"], size).scale_bar()
    assert bar.pixels <= 0.4 * size[1]
    assert bar.pixels * 10 == pytest.approx(bar.metres, rel=1e-3)


def test_longitude_and_latitude_are_those_of_wgs_84():
    """The Bessel ellipsoid of Potsdam lies about 130 m beside it."""
    crs = pyproj.CRS("EPSG:31468")
    found = lonlat_of(crs)(np.array([[4_468_000.0, 5_333_000.0]]))[0]
    back = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(*found)
    assert back == pytest.approx((4_468_000, 5_333_000), abs=0.01)
    assert lonlat_of(None) is None
    assert lonlat_of(pyproj.CRS(LOCAL)) is None
    assert lonlat_of(pyproj.CRS("IAU_2015:30100")) is None
