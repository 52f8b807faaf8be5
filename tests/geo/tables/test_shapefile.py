"""The files of a Shapefile, together."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import geopandas
import pyproj
import pytest
from result_tables import SQUARE, table_of

from sam_common.errors import OutputError
from sam_geo.results.rows import COLUMNS, Row
from sam_geo.results.rows import table_of as rows_table
from sam_geo.tables.shapefile import (
    SHORT_NAMES,
    check_shapefile_output,
    check_text,
    columns_as_text,
    members,
    shapefile_output,
)
from sam_geo.tables.write import write_table


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


def test_a_text_that_a_shapefile_would_cut_is_refused(tmp_path):
    rows = [Row("ok", n, "x" * 254 + end, geometry=SQUARE) for n, end in enumerate("ab")]
    table = rows_table(rows, crs=pyproj.CRS("EPSG:32633"), model="m")
    with pytest.raises(OutputError, match=r"cuts texts at 254 bytes, but class of trees\.shp"):
        write_table(table, tmp_path / "trees.shp")
    assert list(tmp_path.iterdir()) == []


def test_members_of_a_shapefile_are_known_in_any_case(tmp_path):
    write_table(table_of(), tmp_path / "own.shp")
    with pytest.raises(OutputError, match=r"output exists: .*own\.cpg"):
        write_table(table_of(), tmp_path / "OWN.SHP")
    write_table(table_of(), tmp_path / "OWN.SHP", overwrite=True)
    suffixes = ["CPG", "DBF", "PRJ", "SHP", "SHX"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"OWN.{s}" for s in suffixes]


def test_a_shapefile_that_cannot_be_moved_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "own.shp"
    write_table(table_of(), path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    replace = Path.replace

    def fail(source, place):
        if place == path and source.name == "table.shp":
            raise PermissionError(13, "Permission denied")
        return replace(source, place)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=f"cannot write {path}: Permission denied"):
        write_table(table_of().iloc[:1], path, overwrite=True)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


def test_members_are_files_of_this_stem_and_these_suffixes(tmp_path):
    for name in ("own.shp", "OWN.DBF", "own.shp.xml", "own.txt", "owner.shp", "own.a.shp", "o.shp"):
        (tmp_path / name).touch()
    found = [path.name for path in members(tmp_path / "Own.shp")]
    assert sorted(found) == ["OWN.DBF", "own.shp", "own.shp.xml"]
    assert members(tmp_path / "nowhere" / "own.shp") == []


@pytest.mark.parametrize("name", ["own.dbf", "own.CPG", "own.qix"])
def test_any_file_of_the_table_is_in_the_way(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(OutputError, match=f"output exists: .*{name}"):
        check_shapefile_output(tmp_path / "own.shp", overwrite=False)
    check_shapefile_output(tmp_path / "own.shp", overwrite=True)


def test_bytes_of_a_text_are_counted_not_letters():
    check_text("class of t.shp", "ä" * 127)
    with pytest.raises(OutputError, match=r"^a Shapefile cuts texts at 254 bytes, but a of t\."):
        check_text("a of t.shp", "ä" * 127 + "b")


@pytest.mark.parametrize(
    ("values", "wide"),
    [
        ([10**18 - 1, -(10**18) + 1, None], set()),
        ([10**18, 0], {"n"}),
        ([0, -(10**18)], {"n"}),
        ([-(2**63)], {"n"}),
    ],
)
def test_numbers_of_more_than_18_digits_become_text(tmp_path, values, wide):
    with closing(sqlite3.connect(tmp_path / "s.gpkg")) as connection, connection:
        connection.execute('CREATE TABLE "st""age" (n INTEGER, m MEDIUMINT, t TEXT, r REAL)')
        rows = [(value, 5, "x", 1e30) for value in values]
        connection.executemany('INSERT INTO "st""age" VALUES (?, ?, ?, ?)', rows)
    assert columns_as_text(tmp_path / "s.gpkg", 'st"age', Path("t.shp")) == wide


def test_files_that_fail_their_check_replace_nothing(tmp_path):
    target = tmp_path / "own.shp"
    target.write_text("old")

    def refuse(_part):
        raise OutputError("not what was given")

    with (
        pytest.raises(OutputError, match="not what"),
        shapefile_output(target, verify=refuse) as part,
    ):
        part.write_text("new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_files_go_to_where_a_link_leads_and_older_ones_go(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "own.qix").write_text("index of the old table")
    (tmp_path / "own.shp").symlink_to(there / "own.shp")
    with shapefile_output(tmp_path / "own.shp", verify=lambda _part: None) as part:
        part.write_text("new")
        part.with_suffix(".dbf").write_text("rows")
    assert (tmp_path / "own.shp").is_symlink()
    assert sorted(path.name for path in there.iterdir()) == ["own.dbf", "own.shp"]
