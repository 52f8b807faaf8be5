from __future__ import annotations

import json

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from shapely.geometry import LineString, MultiPoint, Point, box

from sam_common.errors import PromptError
from sam_geo.prompts.geo_prompt import GeoPrompt, load_prompts
from sam_geo.raster.source import open_raster

# grey_raster: 80 rows, 100 columns, EPSG:32633, origin (500000, 5800000), 0.5 m
LEFT, TOP, PIXEL = 500_000.0, 5_800_000.0, 0.5


def place(col, row):
    """World coordinates of a pixel corner."""
    return LEFT + col * PIXEL, TOP - row * PIXEL


def world_box(x0, y0, x1, y1):
    return box(*place(x0, y1), *place(x1, y0))


def world_point(x, y):
    return Point(*place(x, y))


def frame_of(shapes, crs="EPSG:32633", **columns):
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)


def load(prompts, raster, **options):
    with open_raster(raster) as source:
        return load_prompts(prompts, source, **options)


def rounded(prompt):
    return None if prompt.box_xyxy is None else [round(v, 6) for v in prompt.box_xyxy]


def test_a_polygon_asks_for_its_box(grey_raster):
    triangle = shapely.Polygon([place(10, 20), place(30, 20), place(10, 50)])
    (prompt,) = load(frame_of([triangle]), grey_raster)
    assert prompt == GeoPrompt(0, box_xyxy=(9.5, 19.5, 29.5, 49.5))


def test_a_point_asks_for_what_lies_under_it(grey_raster):
    (prompt,) = load(frame_of([world_point(10.5, 20.5)]), grey_raster)
    assert prompt == GeoPrompt(0, points_xy=((10.0, 20.0),), point_labels=(1,))


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


def test_features_without_geometry_keep_their_row(grey_raster):
    shapes = frame_of([None, world_box(1, 1, 9, 9), shapely.Polygon()])
    assert [p.status for p in load(shapes, grey_raster)] == ["invalid", "ok", "invalid"]


def test_points_of_one_object_are_one_prompt(grey_raster):
    shapes = [world_point(10.5, 20.5), world_point(40.5, 40.5), world_point(12.5, 22.5)]
    prompts = load(frame_of(shapes, object_id=["a", "b", "a"], label=[1, 1, 0]), grey_raster)
    assert prompts == [
        GeoPrompt("a", points_xy=((10.0, 20.0), (12.0, 22.0)), point_labels=(1, 0)),
        GeoPrompt("b", points_xy=((40.0, 40.0),), point_labels=(1,)),
    ]


def test_a_box_and_points_of_one_object_are_one_prompt(grey_raster):
    shapes = [world_box(10, 20, 30, 50), world_point(12.5, 22.5)]
    prompts = load(frame_of(shapes, object_id=[7, 7], label=[None, 0]), grey_raster)
    assert prompts == [
        GeoPrompt(7, box_xyxy=(9.5, 19.5, 29.5, 49.5), points_xy=((12.0, 22.0),), point_labels=(0,))
    ]


def test_a_multipoint_is_one_prompt(grey_raster):
    shape = MultiPoint([place(10.5, 20.5), place(12.5, 22.5)])
    (prompt,) = load(frame_of([shape]), grey_raster)
    assert prompt.points_xy == ((10.0, 20.0), (12.0, 22.0))
    assert prompt.point_labels == (1, 1)


def test_points_outside_are_left_out_and_said(grey_raster):
    shapes = [world_point(10.5, 20.5), world_point(-12.5, 22.5)]
    (prompt,) = load(frame_of(shapes, object_id=[1, 1]), grey_raster)
    assert prompt == GeoPrompt(1, points_xy=((10.0, 20.0),), point_labels=(1,), status="clipped")


def test_two_boxes_cannot_be_one_object(grey_raster):
    shapes = frame_of([world_box(1, 1, 9, 9)] * 2, object_id=[5, 5])
    message = r"^rows 0, 1 of the GeoDataFrame have the same object_id: one object has one polygon$"
    with pytest.raises(PromptError, match=message):
        load(shapes, grey_raster)


def test_a_background_point_needs_an_object_point(grey_raster):
    shapes = frame_of([world_point(1, 1), world_point(5, 5)], label=[1, 0])
    message = (
        r"^row 1 of the GeoDataFrame is a background point without an object point: "
        r"give all points of one object the same object_id$"
    )
    with pytest.raises(PromptError, match=message):
        load(shapes, grey_raster)


def test_lines_are_no_prompts(grey_raster):
    shapes = frame_of([world_point(1, 1), LineString([place(0, 0), place(9, 9)])])
    message = r"^row 1 of the GeoDataFrame is a LineString: prompts are points, polygons or boxes$"
    with pytest.raises(PromptError, match=message):
        load(shapes, grey_raster)


def test_classes_go_through(grey_raster):
    boxes = [world_box(1, 1, 9, 9)] * 2
    points = [world_point(1, 1)] * 2
    for shapes in (
        frame_of(boxes, Class=["tree", None], label=["x", "y"]),
        frame_of(boxes, Label=["tree", "y"]),
        frame_of(points, label=["tree", "y"]),
        frame_of(points, label=[1, 1], **{"class": ["tree", "y"]}),
    ):
        names = [prompt.class_name for prompt in load(shapes, grey_raster)]
        assert names == ["tree", "y"]
    signs = load(frame_of(points, label=["1", "1.0"]), grey_raster)
    assert [prompt.class_name for prompt in signs] == [None, None]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"id": [7, 8, 9]}, [7, 8, 9]),
        ({"id": [7.0, 8.0, 9.0]}, [7, 8, 9]),
        ({"id": ["7", "8", "9"]}, ["7", "8", "9"]),
        ({"id": ["a", "8", "9"]}, ["a", "8", "9"]),
        ({"id": [7.5, 8.0, 9.0]}, ["7.5", "8.0", "9.0"]),
        ({"id": [0, 0, 0]}, [0, 1, 2]),  # what a shapefile's unused id column looks like
        ({"id": [7, None, 9]}, [0, 1, 2]),
        ({"id": [7, 8, 9], "prompt_id": ["x", "y", "z"]}, ["x", "y", "z"]),
        ({"object_id": ["p", "q", "r"], "id": [1, 2, 3]}, ["p", "q", "r"]),
    ],
)
def test_prompt_ids(grey_raster, columns, expected):
    shapes = frame_of([world_box(1, 1, 9, 9)] * 3, **columns)
    assert [prompt.prompt_id for prompt in load(shapes, grey_raster)] == expected


def test_a_prompt_id_must_be_distinct(grey_raster):
    shapes = frame_of([world_box(1, 1, 9, 9)] * 3, prompt_id=[4, 5, 4])
    message = r"^prompt_id 4 is there more than once in the GeoDataFrame$"
    with pytest.raises(PromptError, match=message):
        load(shapes, grey_raster)


def test_real_tree_boxes_are_their_json(data):
    folder = data / "geo/neon_osbs_trees"
    truth = json.loads((folder / "neon_osbs_trees.json").read_text())["prompts"]
    prompts = load(folder / "OSBS_029.csv", folder / "OSBS_029.tif")
    assert len(prompts) == len(truth) == 61
    for prompt, item in zip(prompts, truth, strict=True):
        assert prompt.class_name == item["label"]
        assert (np.array(prompt.box_xyxy) + 0.5).tolist() == item["box_xyxy_px"]
    # the same boxes in the raster's reference system
    shapes = geopandas.GeoDataFrame(
        geometry=[box(*item["box_crs"]) for item in truth], crs="EPSG:32617"
    )
    for prompt, item in zip(load(shapes, folder / "OSBS_029.tif"), truth, strict=True):
        np.testing.assert_allclose(np.array(prompt.box_xyxy) + 0.5, item["box_xyxy_px"], atol=1e-6)


def test_an_empty_geodataframe(grey_raster):
    message = r"^no prompts in the GeoDataFrame: it has no features$"
    with pytest.raises(PromptError, match=message):
        load(frame_of([]), grey_raster)


def test_a_polygon_beyond_the_projection_is_outside(grey_raster):
    (prompt,) = load(frame_of([box(10, 91, 20, 95)], crs="EPSG:4326"), grey_raster)
    assert prompt.status == "outside"


def test_truth_values_are_signs_too(grey_raster):
    shapes = frame_of([world_point(1, 1), world_point(2, 2)], label=[True, False], object_id=[1, 1])
    assert load(shapes, grey_raster)[0].point_labels == (1, 0)


def test_other_columns_do_no_harm(grey_raster):
    shapes = frame_of([world_box(1, 1, 9, 9)], tags=[["a", "b"]], when=[None])
    assert len(load(shapes, grey_raster)) == 1


@pytest.mark.parametrize(
    ("folder", "image", "vector"),
    [
        ("oam_tree_polygons_city", "5b90f92da0d7280005fab355_4310.tif", "gt_polygons.gpkg"),
        ("spacenet_atlanta_buildings", "atlanta_pan.tif", "buildings.geojson"),
    ],
)
def test_real_polygons_have_the_boxes_of_their_json(data, folder, image, vector):
    place = data / "geo" / folder
    truth = json.loads((place / f"{folder}.json").read_text())["prompts"]
    prompts = load(place / vector, place / image)
    found = {tuple(np.round(np.array(p.box_xyxy) + 0.5, 1)) for p in prompts if p.is_placed}
    wanted = {tuple(np.round(item["box_xyxy_px"], 1)) for item in truth}
    near = sum(any(np.allclose(a, b, atol=0.11) for b in found) for a in wanted)
    assert near == len(wanted)


MOON = (
    'PROJCS["m",GEOGCS["m",DATUM["D_MOON",SPHEROID["MOON",1737400,0]],PRIMEM["Reference_Meridian",'
    '0],UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],PARAMETER["standard_'
    'parallel_1",0],PARAMETER["central_meridian",0],PARAMETER["false_easting",0],PARAMETER['
    '"false_northing",0],UNIT["metre",1]]'
)
SITE = 'LOCAL_CS["Site",UNIT["metre",1]]'


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
