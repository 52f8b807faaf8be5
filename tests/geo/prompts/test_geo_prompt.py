from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import shapely
from grey_prompts import frame_of, load, place, world_box, world_point
from shapely.geometry import LineString, MultiPoint, box

from sam_common.errors import PromptError
from sam_geo.prompts.geo_prompt import GeoPrompt


def test_a_polygon_asks_for_its_box(grey_raster):
    triangle = shapely.Polygon([place(10, 20), place(30, 20), place(10, 50)])
    (prompt,) = load(frame_of([triangle]), grey_raster)
    assert prompt == GeoPrompt(0, box_xyxy=(9.5, 19.5, 29.5, 49.5))


def test_a_point_asks_for_what_lies_under_it(grey_raster):
    (prompt,) = load(frame_of([world_point(10.5, 20.5)]), grey_raster)
    assert prompt == GeoPrompt(0, points_xy=((10.0, 20.0),), point_labels=(1,))


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
