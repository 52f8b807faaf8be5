"""Prompts from Python: lists, GeoJSON mappings; polygons as masks."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from shapely.geometry import Point, box

from sam_common.errors import CapabilityError, PromptError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.prompted.segment import segment_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster

# grey_raster: 80 rows, 100 columns, EPSG:32633, origin (500000, 5800000), 0.5 m
LEFT, TOP = 500_000.0, 5_800_000.0
BOX = (LEFT + 5, TOP - 20, LEFT + 15, TOP - 10)
BOX_PX = (9.5, 19.5, 29.5, 39.5)


def load(prompts, raster, **options):
    with open_raster(raster) as source:
        return load_prompts(prompts, source, **options)


def to_lonlat(shape):
    return geopandas.GeoSeries([shapely.segmentize(shape, 1)], crs="EPSG:32633").to_crs(4326)[0]


@pytest.mark.parametrize(
    "prompts",
    [[BOX], [list(BOX)], np.array([BOX]), [box(*BOX)], (BOX,)],
    ids=["tuple", "list", "array", "shapely", "tuple of tuples"],
)
def test_a_list_of_boxes_is_in_the_rasters_system(grey_raster, prompts):
    (prompt,) = load(prompts, grey_raster)
    np.testing.assert_allclose(prompt.box_xyxy, BOX_PX)


def test_a_list_may_mix_boxes_points_and_shapes(grey_raster):
    prompts = load([(LEFT + 5.25, TOP - 10.25), BOX, Point(LEFT, TOP - 1), None], grey_raster)
    assert [p.status for p in prompts] == ["ok", "ok", "ok", "invalid"]
    assert prompts[0].points_xy == ((10.0, 20.0),)
    assert prompts[2].points_xy == ((-0.5, 1.5),)
    assert [p.prompt_id for p in prompts] == [0, 1, 2, 3]


def test_a_list_in_pixels(grey_raster):
    (prompt,) = load([(10, 20, 30, 40)], grey_raster, crs="pixel")
    assert prompt.box_xyxy == BOX_PX


def test_geojson_is_in_longitude_and_latitude(grey_raster, tmp_path):
    feature = {
        "type": "Feature",
        "id": 12,
        "properties": {"class": "roof"},
        "geometry": shapely.geometry.mapping(to_lonlat(box(*BOX))),
    }
    collection = {"type": "FeatureCollection", "features": [feature]}
    file = tmp_path / "prompts.geojson"
    file.write_text(json.dumps(collection))
    for given in (collection, feature, file):
        (prompt,) = load(given, grey_raster)
        np.testing.assert_allclose(prompt.box_xyxy, BOX_PX, atol=1e-3)
        assert prompt.class_name == "roof"
        assert prompt.prompt_id == 12
    (prompt,) = load(feature["geometry"], grey_raster)
    np.testing.assert_allclose(prompt.box_xyxy, BOX_PX, atol=1e-3)


def test_the_crs_of_old_geojson_is_followed(grey_raster):
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    geometry = shapely.geometry.mapping(box(*BOX))
    features = [{"type": "Feature", "properties": None, "geometry": geometry}]
    mapping = {"type": "FeatureCollection", "crs": crs, "features": features}
    (prompt,) = load(mapping, grey_raster)
    np.testing.assert_allclose(prompt.box_xyxy, BOX_PX)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([], "no prompts in the list"),
        ([BOX, (1, 2, 3)], "prompt 1 of the list is neither a box"),
        ([BOX, "box"], "prompt 1 of the list is not made of numbers: 'box'"),
        ([(5, 0, 1, 4)], "prompt 0 of the list: box"),
        ([(np.nan, 1)], "prompt 0 of the list: point must be finite"),
        ({"type": "FeatureCollection", "features": []}, "no prompts in the GeoJSON mapping"),
        ({"type": "Feature", "properties": {}}, "feature 0 of the GeoJSON mapping is none"),
        ({"coordinates": [1, 2]}, "feature 0 of the GeoJSON mapping is none"),
        (
            {
                "type": "FeatureCollection",
                "crs": {"properties": {"name": "EPSG:1"}},
                "features": [
                    {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}
                ],
            },
            "no such reference system in the GeoJSON mapping: 'EPSG:1'",
        ),
    ],
)
def test_what_makes_no_sense_is_named(grey_raster, prompts, message):
    with pytest.raises(PromptError, match=message):
        load(prompts, grey_raster)


# polygons as masks


class Remembering(FakeSegmenter):
    seen = None

    def decode_batches(self, embedding, prompts, *, multimask=False):
        self.seen = [*(self.seen or []), prompts]
        return FakeSegmenter.decode_batches(self, embedding, prompts, multimask=multimask)


TRIANGLE = shapely.Polygon([(LEFT + 5, TOP - 5), (LEFT + 25, TOP - 5), (LEFT + 5, TOP - 25)])


def test_polygons_go_to_the_network_as_masks(grey_raster):
    segmenter = Remembering(model_size=1024)
    point = Point(LEFT + 10, TOP - 10)
    prompts = [TRIANGLE, point, box(*BOX)]
    table = segment_prompts(grey_raster, prompts, segmenter=segmenter, polygon_masks=True)
    assert table["status"].tolist() == ["ok"] * 3
    with_masks = [p for p in segmenter.seen if p.mask_logits is not None]
    assert [len(p) for p in with_masks] == [2]
    # 80 x 100 pixels become 205 x 256 of the grid; pixel (r, c) covers 2.56 cells a side
    logits = with_masks[0].mask_logits[0]
    assert (logits[206:] == -10).all()
    rows, cols = (np.arange(205) + 0.5) / 2.56, (np.arange(256) + 0.5) / 2.56
    inside = (cols[None] > 10) & (rows[:, None] > 10) & (rows[:, None] + cols[None] < 60)
    grid = logits[:205] > 0
    assert (grid != inside).mean() < 0.01
    assert inside.mean() > 0.08


def test_masks_are_not_given_unasked(grey_raster):
    segmenter = Remembering()
    segment_prompts(grey_raster, [TRIANGLE], segmenter=segmenter)
    assert all(p.mask_logits is None for p in segmenter.seen)


def test_another_polygon_in_the_same_box_is_another_job(grey_raster):
    other = shapely.Polygon([(LEFT + 5, TOP - 5), (LEFT + 25, TOP - 25), (LEFT + 5, TOP - 25)])
    first, second = (load([p], grey_raster, with_masks=True)[0] for p in (TRIANGLE, other))
    assert first.box_xyxy == second.box_xyxy
    assert first.identity != second.identity
    assert first.identity == load([TRIANGLE], grey_raster, with_masks=True)[0].identity


def test_a_checkpoint_that_takes_no_masks_says_so(grey_raster):
    boxes_only = FakeSegmenter(
        capabilities=Capabilities(points=False, boxes=True, masks=False, multimask=False)
    )
    with pytest.raises(CapabilityError, match="mask"):
        segment_prompts(grey_raster, [TRIANGLE], segmenter=boxes_only, polygon_masks=True)


def test_many_masks_are_decoded_a_few_at_a_time(grey_raster):
    segmenter = Remembering()
    prompts = [box(LEFT + n % 40, TOP - 5, LEFT + n % 40 + 5, TOP - 1) for n in range(150)]
    segment_prompts(grey_raster, prompts, segmenter=segmenter, polygon_masks=True)
    assert [len(p) for p in segmenter.seen] == [64, 64, 22]


def test_what_leaves_the_projection_keeps_its_box_only(make_raster):
    gnomonic = "+proj=gnom +lat_0=0 +lon_0=0"  # nothing beyond 90 degrees
    raster = make_raster(
        np.zeros((1, 80, 100), np.uint8), crs=gnomonic, transform=Affine(1e4, 0, 0, 0, -1e4, 4e5)
    )
    wide = geopandas.GeoDataFrame(geometry=[box(1, 1, 95, 2)], crs="EPSG:4326")
    (prompt,) = load(wide, raster, with_masks=True)
    assert prompt.outline is None
    assert prompt.status == "clipped"


def test_a_polygon_between_pixel_centres_is_no_empty_mask(grey_raster):
    segmenter = Remembering(model_size=1024)
    sliver = box(LEFT + 10.05, TOP - 12.2, LEFT + 10.2, TOP - 12.05)
    segment_prompts(grey_raster, [sliver], segmenter=segmenter, polygon_masks=True)
    assert (segmenter.seen[0].mask_logits > -10).any()


# tables


def table_of(**columns):
    shapes = [box(*BOX), box(LEFT + 20, TOP - 20, LEFT + 30, TOP - 10)]
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32633")


def test_two_columns_of_one_name_are_one_where_they_agree(grey_raster):
    joined = table_of(label=["tree", "oak"], other=["tree", "oak"], more=[1, 2])
    twice = joined.rename(columns={"other": "label"})
    assert [prompt.class_name for prompt in load(twice, grey_raster)] == ["tree", "oak"]
    differ = joined.assign(other=["a", "b"]).rename(columns={"other": "label"})
    with pytest.raises(PromptError, match=r"2 columns that may be label \(label, label\)"):
        load(differ, grey_raster)
    harmless = joined.drop(columns="other").assign(x=[3, 4]).rename(columns={"x": "more"})
    assert len(load(harmless, grey_raster)) == 2


def test_geometries_of_a_table(grey_raster):
    table = table_of()
    table.insert(0, "second", table.geometry)
    assert len(load(table.set_geometry("second"), grey_raster)) == 2
    with pytest.raises(PromptError, match="has 2 columns of the name geometry"):
        load(table.rename(columns={"second": "geometry"}), grey_raster)
    with pytest.raises(PromptError, match="has no geometry column: choose one with set_geometry"):
        load(geopandas.GeoDataFrame({"a": [1]}), grey_raster)
    levels = table_of(a=[1, 2])
    levels.columns = pd.MultiIndex.from_tuples([("a", "b"), ("geometry", "")])
    with pytest.raises(PromptError, match=r"columns of several levels: \('a', 'b'\)"):
        load(levels, grey_raster)


def test_a_geoseries_has_its_own_system(grey_raster):
    series = geopandas.GeoSeries([box(*BOX)], crs="EPSG:32633").to_crs(4326)
    (prompt,) = load(series, grey_raster)
    np.testing.assert_allclose(prompt.box_xyxy, BOX_PX, atol=1e-3)


def test_layers_are_in_files(grey_raster):
    with pytest.raises(PromptError, match="layers are in files, not in GeoDataFrame: 'trees'"):
        load(table_of(), grey_raster, layer="trees")


POINT = {"type": "Point", "coordinates": [15.0003, 52.3501]}


def test_a_property_hides_no_geometry(grey_raster):
    properties = {"geometry": "round", "id": "007", "tags": [1]}
    (prompt,) = load(
        {"type": "Feature", "id": 3, "properties": properties, "geometry": POINT}, grey_raster
    )
    assert (prompt.status, prompt.prompt_id) == ("ok", "007")


def test_an_empty_property_says_nothing_of_an_id(grey_raster):
    feature = {"type": "Feature", "id": 2**53 + 1, "properties": {"ID": None}, "geometry": POINT}
    (prompt,) = load(feature, grey_raster)
    assert prompt.prompt_id == 2**53 + 1


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"type": "FeatureCollection"}, "has no list of features: None"),
        ({"type": "FeatureCollection", "features": "abc"}, "has no list of features: 'abc'"),
        ({"type": "FeatureCollection", "features": [None]}, "feature 0 of .* is none: None"),
        ({"type": "Point", "coordinates": [1]}, "feature 0 of the GeoJSON mapping is none"),
        ({"type": "Feature", "properties": [1], "geometry": POINT}, "feature 0 of .* is none"),
        ({"type": "Point", "coordinates": [np.nan, 1]}, "row 0 of .* that are not finite"),
        ({**POINT, "crs": "EPSG:4326"}, "no such reference system in .*: 'EPSG:4326'"),
        ({**POINT, "crs": {"properties": {"name": 5.5}}}, "no such reference system in .*: 5.5"),
    ],
)
def test_mappings_that_are_no_geojson(grey_raster, mapping, message):
    with pytest.raises(PromptError, match=message):
        load(mapping, grey_raster)


@pytest.mark.parametrize("prompts", [5, None, pd.DataFrame({"xmin": [1]})])
def test_what_is_no_prompts(grey_raster, prompts):
    with pytest.raises(PromptError, match="prompts are a file, a table with geometries, GeoJSON"):
        load(prompts, grey_raster)
