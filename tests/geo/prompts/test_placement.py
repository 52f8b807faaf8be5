"""Prompts of any reference system in the indices of a raster."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from grey_prompts import frame_of, load, place, rounded, world_box, world_point
from shapely.geometry import Point, box

from sam_common.errors import PromptError
from sam_geo.prompt_files.table import PromptTable, object_array
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.prompts.placement import bounding_box, clip_box, into_indices, is_cut, is_inside
from sam_geo.raster.source import open_raster

MOON = (
    'PROJCS["m",GEOGCS["m",DATUM["D_MOON",SPHEROID["MOON",1737400,0]],PRIMEM["Reference_Meridian",'
    '0],UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],PARAMETER["standard_'
    'parallel_1",0],PARAMETER["central_meridian",0],PARAMETER["false_easting",0],PARAMETER['
    '"false_northing",0],UNIT["metre",1]]'
)
SITE = 'LOCAL_CS["Site",UNIT["metre",1]]'


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32634", "EPSG:3035"])
def test_other_reference_systems_arrive_at_the_same_pixels(grey_raster, crs):
    shapes = frame_of([world_box(10, 20, 30, 50), world_point(10.5, 20.5)])
    here = load(shapes, grey_raster)
    there = load(shapes.to_crs(crs), grey_raster)
    # a straight edge is a curve elsewhere, and datum shifts there and back differ by 0.3 mm
    np.testing.assert_allclose(there[0].box_xyxy, here[0].box_xyxy, atol=1e-3)
    np.testing.assert_allclose(there[1].points_xy, here[1].points_xy, atol=1e-3)


def test_edges_are_densified(make_raster):
    # an arctic raster: a long straight edge in longitude is an arc there
    transform = (500, 0, -500_000, 0, -500, 500_000)
    path = make_raster(
        np.ones((1, 2000, 2000), dtype=np.uint8),
        crs="EPSG:3995",
        transform=Affine(*transform),
    )
    ring = frame_of([box(-40, 86, 40, 88)], crs="EPSG:4326")
    (prompt,) = load(ring, path)
    with open_raster(path) as source:
        bottom = source.frame.to_index([0.0, -_arctic_radius(86)])[0]
    # the lowest point of the arc lies at longitude 0, far from both corners
    assert prompt.box_xyxy[3] == pytest.approx(bottom, abs=0.5)


def _arctic_radius(latitude):
    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3995", always_xy=True).transform(
        0, latitude
    )
    return float(np.hypot(x, y))


def test_partly_outside_is_clipped_and_said(grey_raster):
    prompts = load(frame_of([world_box(-10, 70, 20, 90)]), grey_raster)
    assert prompts == [GeoPrompt(0, box_xyxy=(-0.5, 69.5, 19.5, 79.5), status="clipped")]


def test_rounding_of_a_reprojection_is_no_clipping(grey_raster):
    whole = frame_of([world_box(0, 0, 100, 80)]).to_crs("EPSG:4326")
    (prompt,) = load(whole, grey_raster)
    assert prompt.status == "ok"
    assert rounded(prompt) == [-0.5, -0.5, 99.5, 79.5]


@pytest.mark.parametrize(
    "shape",
    [
        world_box(-30, 10, -5, 20),
        world_box(100, 0, 110, 10),  # these touch an edge only
        world_box(-10, 0, 0, 10),
        world_box(0, -10, 10, 0),
        world_box(0, 80, 10, 90),
        world_point(-1, 10),
        world_point(50, 80),  # on the outer edge, which belongs to no pixel
    ],
)
def test_outside_keeps_its_row(grey_raster, shape):
    shapes = frame_of([shape, world_box(10, 10, 20, 20)], **{"class": ["tree", "tree"]})
    prompts = load(shapes, grey_raster)
    assert prompts[0] == GeoPrompt(0, class_name="tree", status="outside")
    assert prompts[1].status == "ok"


def test_where_the_projection_does_not_reach_is_outside(grey_raster):
    (prompt,) = load(frame_of([Point(15, 95)], crs="EPSG:4326"), grey_raster)
    assert prompt.status == "outside"


def test_a_polygon_beyond_the_projection_is_outside(grey_raster):
    (prompt,) = load(frame_of([box(10, 91, 20, 95)], crs="EPSG:4326"), grey_raster)
    assert prompt.status == "outside"


@pytest.mark.parametrize("system", [MOON, SITE, "IAU_2015:49900"])
def test_no_way_between_reference_systems(make_raster, system):
    raster = make_raster(np.zeros((1, 80, 100), np.uint8), crs=system)
    shapes = frame_of([box(15, 45, 15.1, 45.1)], crs="EPSG:4326")
    message = r"^there is no way from WGS 84, .*: give pixel coordinates with --prompts-crs pixel,"
    with pytest.raises(PromptError, match=message):
        load(shapes, raster)
    (prompt,) = load([world_box(10, 20, 30, 50)], raster)  # in its own system
    assert rounded(prompt) == [9.5, 19.5, 29.5, 49.5]


def test_another_local_system_is_another_place(make_raster):
    raster = make_raster(np.zeros((1, 80, 100), np.uint8), crs=SITE)
    shapes = frame_of([world_box(10, 20, 30, 50)], crs=pyproj.CRS(SITE))
    assert rounded(load(shapes, raster)[0]) == [9.5, 19.5, 29.5, 49.5]
    other = shapes.set_crs(pyproj.CRS(SITE.replace("Site", "Yard")), allow_override=True)
    with pytest.raises(PromptError, match=r"is in the local system 'Yard', but .* is in 'Site'"):
        load(other, raster)


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:4978", "WGS 84, .* has no x and y on a map"),
        ("EPSG:5773", "EGM96 height, .* has no x and y on a map"),
        ("d\udce4", r"no such coordinate reference system: 'd\\udce4'"),
        ("", "no such coordinate reference system: ''"),
        ("{}", "no such coordinate reference system: '{}'"),
        ("+proj=longlat +R=1737400", "there is no way from unknown"),
    ],
)
def test_reference_systems_without_a_place(grey_raster, crs, message):
    with pytest.raises(PromptError, match=message):
        load(frame_of([Point(15, 52)]), grey_raster, crs=crs)


def test_the_old_way_to_write_a_code(grey_raster):
    lon, lat = pyproj.Transformer.from_crs("EPSG:32633", 4326, always_xy=True).transform(
        *place(10.5, 20.5)
    )
    (prompt,) = load([Point(lon, lat)], grey_raster, crs="+init=epsg:4326")
    np.testing.assert_allclose(prompt.points_xy, [(10, 20)], atol=1e-6)


def test_prompts_without_crs_are_refused(tmp_path, grey_raster):
    path = tmp_path / "boxes.gpkg"
    with pytest.warns(UserWarning, match="crs"):
        frame_of([world_box(1, 1, 9, 9)], crs=None).to_file(path)
    message = (
        f"^{path} has no coordinate reference system: name it with --prompts-crs, for example "
        f"--prompts-crs EPSG:4326, or --prompts-crs pixel for pixel coordinates$"
    )
    with pytest.raises(PromptError, match=message):
        load(path, grey_raster)
    (prompt,) = load(path, grey_raster, crs="EPSG:32633")
    assert rounded(prompt) == [0.5, 0.5, 8.5, 8.5]


def test_without_crs_on_both_sides_coordinates_are_pixels(make_raster):
    path = make_raster(
        np.ones((1, 80, 100), dtype=np.uint8),
        crs=None,
        transform=Affine.identity(),
    )
    (prompt,) = load(frame_of([box(10, 20, 30, 50)], crs=None), path)
    assert prompt.box_xyxy == (9.5, 19.5, 29.5, 49.5)


def test_pixels_by_name(grey_raster):
    shapes = frame_of([box(10, 20, 30, 50)], crs="EPSG:4326")  # as every GeoJSON says
    (prompt,) = load(shapes, grey_raster, crs="pixel")
    assert prompt.box_xyxy == (9.5, 19.5, 29.5, 49.5)


def test_a_given_crs_is_over_the_files(grey_raster):
    shapes = frame_of([world_box(10, 20, 30, 50)], crs="EPSG:4326")  # UTM in GeoJSON
    (prompt,) = load(shapes, grey_raster, crs="EPSG:32633")
    assert rounded(prompt) == [9.5, 19.5, 29.5, 49.5]


def test_world_prompts_need_a_world_raster(make_raster):
    path = make_raster(np.ones((1, 80, 100), dtype=np.uint8), crs=None)
    message = (
        f"^the GeoDataFrame is in WGS 84, but {path} has no coordinate reference system: "
        f"give the prompts in pixel coordinates with --prompts-crs pixel$"
    )
    with pytest.raises(PromptError, match=message):
        load(frame_of([Point(15, 52)], crs="EPSG:4326"), path)


def test_an_unknown_crs(grey_raster):
    message = r"^no such coordinate reference system: 'EPSG:1' \(for example EPSG:4326\)$"
    with pytest.raises(PromptError, match=message):
        load(frame_of([world_box(1, 1, 9, 9)]), grey_raster, crs="EPSG:1")


RASTER_HW = (80, 100)


@pytest.mark.parametrize(
    ("box_xyxy", "clipped"),
    [
        ((9.5, 19.5, 29.5, 49.5), (9.5, 19.5, 29.5, 49.5)),
        ((-3, -3, 200, 200), (-0.5, -0.5, 99.5, 79.5)),
        ((5, 5, 5, 5), (5, 5, 5, 5)),
        ((-9, 0, -0.5, 9), None),
        ((-9, 0, -0.4995, 9), None),  # rounding of the edge
        ((0, 79.5, 9, 90), None),
        ((99.4995, 0, 110, 9), None),
        ((0, 79.4995, 9, 90), None),
        ((np.nan, 0, 9, 9), None),
    ],
)
def test_boxes_are_clipped_at_the_outer_edges(box_xyxy, clipped):
    assert clip_box(box_xyxy, RASTER_HW) == clipped


def test_less_than_a_thousandth_of_a_pixel_is_no_cut():
    assert not is_cut((-0.5005, 0, 9, 9), (-0.5, 0, 9, 9))
    assert is_cut((-0.502, 0, 9, 9), (-0.5, 0, 9, 9))


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((-0.5, -0.5), True),
        ((99.49, 79.49), True),
        ((99.5, 0), False),
        ((0, 79.5), False),
        ((-0.51, 0), False),
        ((np.inf, 0), False),
        ((np.nan, 0), False),
    ],
)
def test_the_far_edges_belong_to_no_pixel(point, inside):
    assert is_inside(point, RASTER_HW) == inside


def test_bounds_of_what_exists_of_a_shape():
    ring = shapely.LinearRing([(0, 1), (np.inf, np.inf), (9, np.inf), (4, 3), (0, 1)])
    assert bounding_box(shapely.Polygon(ring)) == (0, 1, 4, 3)
    assert np.isnan(bounding_box(shapely.Point(np.inf, np.inf))).all()


def test_vertices_that_do_not_exist_are_infinite(grey_raster):
    table = PromptTable("t", object_array([Point(15, 95), None]), crs=pyproj.CRS(4326))
    with open_raster(grey_raster) as source:
        point, nothing = into_indices(table, source)
    assert np.isinf(shapely.get_coordinates(point)).all()
    assert nothing is None
