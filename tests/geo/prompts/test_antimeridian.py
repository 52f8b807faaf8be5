"""Prompts and rasters across 180 degrees."""

from __future__ import annotations

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from shapely.geometry import MultiPoint, MultiPolygon, Point, box

from sam_geo.prompts.antimeridian import half_turn
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster

EARTH = 20_037_508.342789244
ACROSS = {
    # raster's system, x of its left edge, size of a pixel, x of 180 degrees
    "degrees beyond 180": ("EPSG:4326", 170.0, 0.2, 180.0),
    "degrees before -180": ("EPSG:4326", -190.0, 0.2, -180.0),
    "web mercator": ("EPSG:3857", EARTH - 100_000, 2000.0, EARTH),
    "world mercator": ("EPSG:3395", -EARTH - 100_000, 2000.0, -EARTH),
    "grads": ("EPSG:4807", 190.0, 0.2, 200.0),
}
ROWS, COLS = 80, 100


def placed(raster, shapes, crs):
    with open_raster(raster) as source:
        return load_prompts(geopandas.GeoDataFrame(geometry=shapes, crs=crs), source)


@pytest.fixture(params=sorted(ACROSS))
def across(request, make_raster):
    """A raster with 180 degrees of its own meridian in the middle, and where that is."""
    crs, left, pixel, line = ACROSS[request.param]
    transform = Affine(pixel, 0, left, 0, -pixel, 8 * pixel)
    values = np.zeros((1, ROWS, COLS), dtype=np.uint8)
    return make_raster(values, crs=crs, transform=transform), crs, pixel, line


def test_a_box_in_two_parts_is_one_box(across):
    raster, crs, pixel, line = across
    half = half_turn(pyproj.CRS(crs))
    sign = np.sign(line)
    inner = box(line - sign * 3 * pixel, -2 * pixel, line, 2 * pixel)
    # the other part is written at the other end of the world
    outer = shapely.transform(inner, lambda xy: xy * [-1, 1])
    (prompt,) = placed(raster, [MultiPolygon([inner, outer])], crs)
    (whole,) = placed(raster, [box(line - 3 * pixel, -2 * pixel, line + 3 * pixel, 2 * pixel)], crs)
    assert abs(line) == pytest.approx(half)
    np.testing.assert_allclose(prompt.box_xyxy, whole.box_xyxy, atol=1e-6)
    assert prompt.status == "ok"
    assert prompt.box_xyxy[2] - prompt.box_xyxy[0] == pytest.approx(6)


def test_a_box_that_jumps_at_180_is_one_box(across):
    raster, crs, pixel, line = across
    # corners as files write them: -179 after 179
    low, high = abs(line) - 3 * pixel, -(abs(line) - 3 * pixel)
    ring = [(low, -2 * pixel), (high, -2 * pixel), (high, 2 * pixel), (low, 2 * pixel)]
    (prompt,) = placed(raster, [shapely.Polygon(ring)], crs)
    assert prompt.status == "ok"
    assert prompt.box_xyxy[2] - prompt.box_xyxy[0] == pytest.approx(6)


def test_points_on_the_other_side_are_found(across):
    raster, crs, pixel, line = across
    x = -(abs(line) - 2.5 * pixel) * np.sign(line)
    (prompt,) = placed(raster, [MultiPoint([(x, 0.0), (line, 0.0)])], crs)
    columns = [x for x, _ in prompt.points_xy]
    assert abs(columns[0] - columns[1]) == pytest.approx(2.5)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32601"])
def test_a_utm_raster_across_180(data, crs):
    raster = data / "geo/awkward/cog_dateline.tif"
    native = box(690_000, 5_700_000, 740_000, 5_750_000)
    (expected,) = placed(raster, [native], "EPSG:32660")
    dense = shapely.segmentize(native, 500)
    moved = geopandas.GeoSeries([dense], crs="EPSG:32660").to_crs(crs)[0]
    (prompt,) = placed(raster, [moved], crs)
    assert prompt.status == "ok"
    np.testing.assert_allclose(prompt.box_xyxy, expected.box_xyxy, atol=0.02)


def test_far_from_180_nothing_moves(grey_raster):
    with open_raster(grey_raster) as source:
        centre = source.frame.to_world([40.0, 50.0])
    lon, lat = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True).transform(
        *centre
    )
    there, elsewhere = placed(grey_raster, [Point(lon, lat), Point(lon - 180, lat)], "EPSG:4326")
    np.testing.assert_allclose(there.points_xy, [(50, 40)], atol=1e-6)
    assert elsewhere.status == "outside"


def test_the_other_half_of_the_world_is_outside(make_raster):
    transform = Affine(0.1, 0, 10.0, 0, -0.1, 4.0)
    raster = make_raster(np.zeros((1, ROWS, COLS), np.uint8), crs="EPSG:4326", transform=transform)
    there = box(11, 0, 12, 1)
    across = MultiPolygon([box(175, 0, 180, 1), box(-180, 0, -175, 1)])
    prompts = placed(raster, [across, there, None, MultiPolygon([there])], "EPSG:4326")
    assert [prompt.status for prompt in prompts] == ["outside", "ok", "invalid", "ok"]


def test_a_raster_of_the_whole_world_takes_wide_boxes(make_raster):
    transform = Affine(3.6, 0, -180.0, 0, -2.25, 90.0)
    raster = make_raster(np.zeros((1, ROWS, COLS), np.uint8), crs="EPSG:4326", transform=transform)
    (prompt,) = placed(raster, [box(-170, -60, 170, 60)], "EPSG:4326")
    assert prompt.box_xyxy[2] - prompt.box_xyxy[0] == pytest.approx(340 / 3.6)


@pytest.mark.parametrize("code", [32633, 3035, 3031, 2193])
def test_other_projections_do_not_repeat(code):
    assert half_turn(pyproj.CRS(code)) is None


@pytest.mark.parametrize("left", [-180.0, 0.0])
def test_a_box_round_the_whole_earth_is_no_box_across_180(make_raster, left):
    transform = Affine(3.6, 0, left, 0, -2.25, 90.0)
    raster = make_raster(np.zeros((1, ROWS, COLS), np.uint8), crs="EPSG:4326", transform=transform)
    world = box(left, -60, left + 360, 60)
    for shape in (world, shapely.segmentize(world, 10)):
        (prompt,) = placed(raster, [shape], "EPSG:4326")
        assert prompt.status == "ok"
        np.testing.assert_allclose(prompt.box_xyxy, (-0.5, 12.8, 99.5, 66.2), atol=0.04)


def test_a_box_round_the_earth_asks_for_all_of_a_raster_in_mercator(make_raster):
    transform = Affine(2 * EARTH / COLS, 0, -EARTH, 0, -2 * EARTH / ROWS, EARTH)
    raster = make_raster(np.zeros((1, ROWS, COLS), np.uint8), crs="EPSG:3857", transform=transform)
    (prompt,) = placed(raster, [box(-180, -60, 180, 60)], "EPSG:4326")
    assert prompt.status == "ok"
    assert prompt.box_xyxy[2] - prompt.box_xyxy[0] == pytest.approx(COLS)
