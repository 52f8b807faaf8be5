"""Results of a live raster: rows, features and tables of its objects."""

from __future__ import annotations

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from live_objects import BOX, segmented

from sam_common.errors import InputError
from sam_common.server.sessions.live_source import PlacedMask, Result
from sam_common.server.sessions.object_state import Asked, BoxState, ObjectState, PointState
from sam_common.window import Window
from sam_geo.live.results import ObjectTables, Seen
from sam_geo.raster.frame import frame_from_affine


def test_an_outline_is_a_feature_in_the_rasters_system(live):
    state = ObjectState("o1", "tree", "oak")
    feature = live.geometry(state, segmented(live, BOX))
    expected = shapely.box(500_010, 5_799_975, 500_030, 5_799_985)
    assert shapely.geometry.shape(feature["geometry"]).equals(expected)
    properties = feature["properties"]
    assert (feature["id"], properties["name"], properties["class"]) == ("o1", "tree", "oak")
    assert properties["area_px"] == 800
    assert properties["area_m2"] == pytest.approx(200, rel=1e-3)


def test_export_has_a_row_for_each_object(live, tmp_path, heard):
    folder = tmp_path / "out"
    folder.mkdir()
    outside = Asked(points=(PointState((-20.0, 5.0), 1),))
    clipped = Asked(boxes=(BoxState((-20.0, 9.5, 19.5, 29.5)),))
    objects = [
        (ObjectState(f"o{n}", f"name {n}", "tree"), segmented(live, asked))
        for n, asked in enumerate((BOX, outside, clipped, Asked()))
    ]
    assert live.export(objects, ["gpkg", "geojson"], folder, heard) == {"objects": 4}
    table = geopandas.read_file(folder / "objects.gpkg")
    assert table["status"].tolist() == ["ok", "outside", "clipped", "invalid"]
    assert table["name"].tolist() == ["name 0", "name 1", "name 2", "name 3"]
    assert table["prompt_id"].tolist() == ["o0", "o1", "o2", "o3"]
    assert table["area_px"].tolist()[::2] == [800, 400]
    assert table["touches_edge"].tolist()[::2] == [False, True]
    assert len(geopandas.read_file(folder / "objects.geojson")) == 4
    assert heard.steps == [1, 1]
    for unknown in ("tif", "shp"):
        with pytest.raises(InputError, match=rf"unknown format {unknown} \(known: fgb, geojson"):
            live.export(objects, ["gpkg", unknown], folder, heard)


def result(*windows, **more):
    masks = tuple(PlacedMask(window, np.ones(window.shape, np.bool_)) for window in windows)
    area = sum(mask.array.size for mask in masks)
    return Result("ok", masks, None, area, 0.5, 0.25, **more)


def tables(crs="EPSG:32633"):
    frame = frame_from_affine(Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000))
    return ObjectTables(frame, (100, 200), crs and pyproj.CRS(crs), model="sam")


def test_a_row_is_made_of_a_mask_and_what_is_known_of_it():
    state = ObjectState("o1", "tree 1", "tree")
    window = Window((0, 10), (20, 40))
    row = tables().row(state, result(window, detail=Seen("clipped", 3)))
    assert (row.status, row.prompt_id, row.class_name) == ("clipped", "o1", "tree")
    assert (row.score, row.stability, row.area_px) == (0.5, 0.25, 600.0)
    assert (row.touches_edge, row.seam_merged) == (True, True)
    assert row.geometry.equals(shapely.box(500_005, 5_799_990, 500_020, 5_800_000))
    plain = tables().row(state, result(Window((5, 10), (20, 40))))
    assert (plain.status, plain.touches_edge, plain.seam_merged) == ("ok", False, False)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("empty", "empty"), ("nodata", "nodata"), ("outside", "outside"), ("no_prompt", "invalid")],
)
def test_a_row_without_a_mask_has_a_status_and_no_measures(status, expected):
    row = tables().row(ObjectState("o", "a"), Result(status, score=0.5))
    assert row.status == expected
    assert (row.area_px, row.touches_edge, row.seam_merged, row.geometry) == (None,) * 4


def test_without_a_system_an_outline_has_no_area_in_metres():
    feature = tables(None).feature(ObjectState("o", "a"), result(Window((5, 10), (20, 40))))
    assert feature["geometry"]["type"] == "Polygon"
    assert (feature["properties"]["area_px"], feature["properties"]["area_m2"]) == (450, None)
