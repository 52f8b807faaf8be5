from __future__ import annotations

import json

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from sam_common.errors import InputError, OutputError
from sam_geo.destination import reproject_table
from sam_geo.rows import COLUMNS, Row
from sam_geo.rows import table_of as rows_table
from sam_geo.shapefile import SHORT_NAMES
from sam_geo.sink import FORMATS, table_writer, write_table

SQUARE = shapely.box(500_000, 5_800_000, 500_010, 5_800_020)


def table_of(crs="EPSG:32633"):
    parts = shapely.MultiPolygon([SQUARE, shapely.box(500_100, 5_800_000, 500_110, 5_800_020)])
    return geopandas.GeoDataFrame(
        {
            "prompt_id": [3, 1, 2],
            "status": ["ok", "empty", "ok"],
            "score": [0.5, np.nan, 0.625],
            "area_m2": [200.0, np.nan, 400.0],
            "area_px": [800.0, np.nan, 1600.0],
            "class": ["tree", None, "ä"],
        },
        geometry=[SQUARE, None, parts],
        crs=crs,
    )


def read(path):
    return geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_rows_come_back_in_order_with_their_crs(tmp_path, suffix):
    path = tmp_path / f"trees{suffix}"
    write_table(table_of(), path)
    back = read(path)
    # RFC 7946 knows longitude and latitude only
    assert back.crs == ("EPSG:4326" if suffix == ".geojson" else "EPSG:32633")
    assert back["prompt_id"].tolist() == [3, 1, 2]
    assert back["status"].tolist() == ["ok", "empty", "ok"]
    assert back["score"].tolist()[::2] == [0.5, 0.625]
    assert back["score"].isna().tolist() == [False, True, False]
    assert back["class"].fillna("none").tolist() == ["tree", "none", "ä"]
    assert back.geometry.isna().tolist() == [False, True, False]
    assert back.to_crs("EPSG:32633").geometry[0].hausdorff_distance(SQUARE) < 0.02
    if suffix != ".geojson":
        assert back.geometry[0].equals(SQUARE)
    assert {entry.stem for entry in tmp_path.iterdir()} == {path.stem}
    assert suffix == ".shp" or len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_the_same_table_gives_the_same_bytes(tmp_path, suffix):
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b/a{suffix}"
    second.parent.mkdir()
    write_table(table_of(), first)
    write_table(table_of(), second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb"])
def test_without_crs_it_is_written_without(tmp_path, suffix):
    path = tmp_path / f"trees{suffix}"
    write_table(table_of(crs=None), path)
    assert read(path).crs is None


def test_no_geometry_at_all(tmp_path):
    path = tmp_path / "trees.gpkg"
    write_table(table_of().iloc[[1]], path)
    back = read(path)
    assert back["status"].tolist() == ["empty"]


def test_the_layer_has_the_files_name(tmp_path):
    path = tmp_path / "trees.gpkg"
    write_table(table_of(), path)
    assert geopandas.list_layers(path)["name"].tolist() == ["trees"]


def test_an_output_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "trees.gpkg"
    path.write_text("mine")
    message = rf"^output exists: {path} \(give --overwrite to replace it\)$"
    with pytest.raises(OutputError, match=message):
        write_table(table_of(), path)
    assert path.read_text() == "mine"
    write_table(table_of(), path, overwrite=True)
    assert len(read(path)) == 3


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "trees.gpkg"
    path.write_text("mine")

    def fail(*_args, **_options):
        raise OSError("disk full")

    monkeypatch.setattr("sam_geo.sink.pyogrio.write_dataframe", fail)
    with pytest.raises(OutputError, match=f"^cannot write {path}: disk full$"):
        write_table(table_of(), path, overwrite=True)
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["trees.gpkg"]


def test_an_unknown_suffix(tmp_path):
    path = tmp_path / "trees.dwg"
    message = (
        rf"^cannot write \.dwg: {path} \(give one of \.gpkg, \.fgb, \.geojson, \.parquet, \.shp\)$"
    )
    with pytest.raises(OutputError, match=message):
        write_table(table_of(), path)


def test_a_folder_that_is_not_there(tmp_path):
    folder = tmp_path / "nowhere"
    message = rf"^no such folder for the output: {folder} \(make it first\)$"
    with pytest.raises(OutputError, match=message):
        write_table(table_of(), folder / "trees.gpkg")


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_batches_give_the_whole_table(tmp_path, suffix):
    path = tmp_path / f"trees{suffix}"
    with table_writer(path) as write:
        write(table_of().iloc[:1])
        write(table_of().iloc[1:])
    back = read(path)
    assert back["prompt_id"].tolist() == [3, 1, 2]
    assert back.geometry.isna().tolist() == [False, True, False]
    assert {entry.stem for entry in tmp_path.iterdir()} == {path.stem}


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_what_ends_the_block_early_leaves_the_old_file(tmp_path, suffix):
    path = tmp_path / f"trees{suffix}"
    path.write_text("mine")

    def fail_half_way():
        with table_writer(path, overwrite=True) as write:
            write(table_of())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_geoparquet_has_a_bbox_for_every_row(tmp_path):
    path = tmp_path / "trees.parquet"
    with table_writer(path) as write:
        write(table_of())
    about = json.loads(pq.read_schema(path).metadata[b"geo"])
    assert about["version"] == "1.1.0"
    assert about["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    near = geopandas.read_parquet(path, bbox=(500_050, 5_799_000, 500_200, 5_801_000))
    assert near["prompt_id"].tolist() == [2]


def test_geojson_rings_follow_the_right_hand_rule(tmp_path):
    path = tmp_path / "trees.geojson"
    write_table(table_of(), path)
    document = json.loads(path.read_text())
    assert "crs" not in document
    ring = document["features"][0]["geometry"]["coordinates"][0][0]
    assert shapely.LinearRing(ring).is_ccw
    assert -180 <= ring[0][0] <= 180


def test_a_table_in_another_system(tmp_path):
    moved = reproject_table(table_of(), "EPSG:4326")
    assert moved.crs == "EPSG:4326"
    assert moved.geometry.isna().tolist() == [False, True, False]
    assert moved.to_crs("EPSG:32633").geometry[0].hausdorff_distance(SQUARE) < 1e-6
    assert reproject_table(table_of(), "EPSG:32633").geometry[0].equals(SQUARE)
    with pytest.raises(InputError, match=r"^no such coordinate reference system: 'EPSG:1'"):
        reproject_table(table_of(), "EPSG:1")
    with pytest.raises(InputError, match=r"^the raster has no coordinate reference system"):
        reproject_table(table_of(crs=None), "EPSG:4326")


def test_a_shapefile_has_short_names_and_keeps_every_value(tmp_path):
    rows = [
        Row("ok", 7, "ä" * 40, 0.5, 0.9, 800.0, True, False, SQUARE),
        Row("empty", 8, None),
    ]
    path = tmp_path / "trees.shp"
    write_table(rows_table(rows, crs=pyproj.CRS("EPSG:32633"), model="mobile_sam"), path)
    back = geopandas.read_file(path)
    expected = [SHORT_NAMES.get(name, name) for name in COLUMNS]
    assert back.columns.tolist() == expected
    assert all(len(name) <= 10 for name in expected[:-1])
    assert back["class"].fillna("").tolist() == ["ä" * 40, ""]
    assert back["at_edge"].tolist()[0] == 1
    assert back["seam_mergd"].tolist()[0] == 0
    assert back["perim_m"][0] == pytest.approx(60, rel=1e-3)
    assert back.crs == "EPSG:32633"


def test_a_shapefile_is_replaced_with_all_that_belongs_to_it(tmp_path):
    path = tmp_path / "trees.shp"
    write_table(table_of(), path)
    first = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    (tmp_path / "trees.qix").write_bytes(b"index of the old file")
    write_table(table_of(), path, overwrite=True)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == first
