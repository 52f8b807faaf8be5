"""Layers of a GeoPackage, of which one is replaced."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import geopandas
import pytest
from result_tables import table_of

from sam_common.errors import OutputError
from sam_geo.tables.geopackage import check_index, check_layer, contents, has_others, tables
from sam_geo.tables.write import write_table


def test_overwriting_a_geopackage_leaves_its_other_layers(tmp_path):
    path = tmp_path / "work.gpkg"
    table_of().to_file(path, layer="roads")
    write_table(table_of(), path, overwrite=True, layer="trees")
    write_table(table_of().iloc[:1], path, overwrite=True, layer="trees")
    assert sorted(geopandas.list_layers(path)["name"]) == ["roads", "trees"]
    assert len(geopandas.read_file(path, layer="roads")) == 3
    assert len(geopandas.read_file(path, layer="trees")) == 1
    with pytest.raises(OutputError, match="give another name with --layer"):
        write_table(table_of(), path, overwrite=True, layer="ROADS")


def test_a_geopackage_of_its_own_layer_has_the_same_bytes_when_replaced(tmp_path):
    path = tmp_path / "work.gpkg"
    write_table(table_of(), path)
    first = path.read_bytes()
    write_table(table_of(), path, overwrite=True)
    assert path.read_bytes() == first


def test_a_geopackage_that_is_being_changed_is_not_replaced(tmp_path):
    path = tmp_path / "work.gpkg"
    write_table(table_of(), path)
    before = path.read_bytes()
    path.with_name("work.gpkg-wal").write_bytes(b"changes")
    with pytest.raises(OutputError, match=r"is open in another program.*work\.gpkg-wal"):
        write_table(table_of(), path, overwrite=True)
    assert path.read_bytes() == before


def test_a_spatial_index_that_lacks_shapes_is_no_output(tmp_path, monkeypatch):
    path = tmp_path / "trees.gpkg"

    def shorten(part, layer, shapes):
        with closing(sqlite3.connect(part)) as connection, connection:
            connection.execute(f'DELETE FROM "rtree_{layer}_geom" WHERE id = 1')  # noqa: S608
        check_index(part, layer, shapes)

    monkeypatch.setattr("sam_geo.tables.write.check_index", shorten)
    with pytest.raises(OutputError, match="the spatial index of trees knows 1 of 2 shapes"):
        write_table(table_of(), path)
    assert list(tmp_path.iterdir()) == []


def test_the_layer_has_the_files_name(tmp_path):
    path = tmp_path / "trees.gpkg"
    write_table(table_of(), path)
    assert geopandas.list_layers(path)["name"].tolist() == ["trees"]


@pytest.fixture
def work(tmp_path):
    """A GeoPackage with the layers roads and trees."""
    path = tmp_path / "work.gpkg"
    for layer in ("roads", "trees"):
        write_table(table_of(), path, overwrite=True, layer=layer)
    return path


def test_layers_are_listed_with_their_kinds(work):
    with closing(sqlite3.connect(work)) as connection, connection:
        connection.execute("CREATE VIEW seen AS SELECT 1")
        connection.execute("CREATE INDEX swift ON trees (prompt_id)")
    assert contents(work) == {"roads": "features", "trees": "features"}
    found = tables(work)
    assert (found["trees"], found["seen"], found["swift"]) == ("table", "view", "index")
    assert has_others(work, "trees")
    assert has_others(work, "ponds")


@pytest.mark.parametrize("content", [None, b"", b"no database at all"])
def test_what_is_no_geopackage_holds_nothing(tmp_path, content):
    path = tmp_path / "a.gpkg"
    if content is not None:
        path.write_bytes(content)
    assert contents(path) == tables(path) == {}
    assert not has_others(path, "trees")
    check_layer(path, "trees")


def test_a_damaged_geopackage_is_not_taken_for_an_empty_one(work):
    data = bytearray(work.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    work.write_bytes(data)
    with pytest.raises(OutputError, match=f"^cannot see which layers lie in {work}: "):
        contents(work)


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "gpkg_trees", "GPKGx", "RTree_a", "sqlite_a"])
def test_names_that_no_layer_can_have(work, name):
    with pytest.raises(OutputError, match="--layer"):
        check_layer(work, name)


@pytest.mark.parametrize("name", ["seen", "SEEN", "swift", "Trees"])
def test_names_that_are_taken_in_a_file_that_is_kept(work, name):
    with closing(sqlite3.connect(work)) as connection, connection:
        connection.execute("CREATE VIEW seen AS SELECT 1")
        connection.execute("CREATE INDEX swift ON trees (prompt_id)")
    with pytest.raises(OutputError, match="cannot stand beside: give another name with --layer"):
        check_layer(work, name)
    check_layer(work, "trees")
    check_layer(work, "ponds")


@pytest.mark.parametrize("side", ["-wal", "-journal"])
@pytest.mark.parametrize("content", [b"", b"changes"])
def test_a_journal_with_changes_is_in_the_way(work, side, content):
    work.with_name(work.name + side).write_bytes(content)
    if not content:
        check_layer(work, "trees")
        return
    with pytest.raises(OutputError, match=rf"open in another program, .*\(work\.gpkg{side} l"):
        check_layer(work, "trees")


def test_the_spatial_index_has_every_shape_of_its_layer(work):
    check_index(work, "trees", 2)
    for shapes in (1, 3):
        message = f"^the spatial index of trees knows 2 of {shapes} shapes$"
        with pytest.raises(OutputError, match=message):
            check_index(work, "trees", shapes)
