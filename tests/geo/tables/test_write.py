from __future__ import annotations

import json

import pyproj
import pytest
from result_tables import SQUARE, read, table_of

from sam_common.errors import OutputError
from sam_geo.results.rows import Row
from sam_geo.results.rows import table_of as rows_table
from sam_geo.tables.formats import FORMATS
from sam_geo.tables.write import table_writer, write_table


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

    monkeypatch.setattr("sam_geo.tables.write.pyogrio.write_dataframe", fail)
    with pytest.raises(OutputError, match=f"^cannot write {path}: disk full$"):
        write_table(table_of(), path, overwrite=True)
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["trees.gpkg"]


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


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_table_without_rows_is_written(tmp_path, suffix):
    path = tmp_path / f"trees{suffix}"
    write_table(rows_table([], crs=pyproj.CRS("EPSG:32633"), model="m"), path)
    assert len(read(path)) == 0


@pytest.mark.parametrize("suffix", sorted(FORMATS))
@pytest.mark.parametrize(
    "ids", [["007", "7", "7.0"], [2**53 + 1, -(2**62) - 1, 3], [2**64, 2, 3], ["[1]", "{}", "1e3"]]
)
def test_ids_stay_what_they_are(tmp_path, suffix, ids):
    path = tmp_path / f"trees{suffix}"
    rows = [Row("ok", name, "2020-01-01", geometry=SQUARE) for name in ids]
    write_table(rows_table(rows, crs=pyproj.CRS("EPSG:32633"), model="m"), path)
    if suffix == ".geojson":
        found = [each["properties"] for each in json.loads(path.read_text())["features"]]
        names = [each["prompt_id"] for each in found]
        assert [each["class"] for each in found] == ["2020-01-01"] * 3
    else:
        names = read(path)["prompt_id"].tolist()
    # beyond 64 bits, and in a Shapefile beyond 18 digits, whole numbers are text
    assert [str(name) for name in names] == [str(name) for name in ids]
    kept = all(isinstance(name, int) and abs(name) < 2**63 for name in ids)
    assert {type(name) for name in names} == {int if kept and suffix != ".shp" else str}


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_suffix_in_capitals_is_written_as_it_is_said(tmp_path, suffix):
    path = tmp_path / f"trees{suffix.upper()}"
    write_table(table_of(), path)
    names = {entry.name for entry in tmp_path.iterdir()}
    assert path.name in names
    assert all(name.isascii() and name.partition(".")[2].isupper() for name in names)
    with pytest.raises(OutputError, match="output exists"):
        write_table(table_of(), path)
