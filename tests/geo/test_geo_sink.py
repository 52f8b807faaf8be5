from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely

from sam_common.errors import OutputError
from sam_geo.sink import FORMATS, write_table

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
    assert back.crs == "EPSG:32633"
    assert back["prompt_id"].tolist() == [3, 1, 2]
    assert back["status"].tolist() == ["ok", "empty", "ok"]
    assert back["score"].tolist()[::2] == [0.5, 0.625]
    assert back["score"].isna().tolist() == [False, True, False]
    assert back["class"].fillna("none").tolist() == ["tree", "none", "ä"]
    assert back.geometry.isna().tolist() == [False, True, False]
    assert back.geometry[0].equals(SQUARE)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


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
    message = rf"^cannot write \.dwg: {path} \(give one of \.gpkg, \.fgb, \.geojson, \.parquet\)$"
    with pytest.raises(OutputError, match=message):
        write_table(table_of(), path)


def test_a_folder_that_is_not_there(tmp_path):
    folder = tmp_path / "nowhere"
    message = rf"^no such folder for the output: {folder} \(make it first\)$"
    with pytest.raises(OutputError, match=message):
        write_table(table_of(), folder / "trees.gpkg")
