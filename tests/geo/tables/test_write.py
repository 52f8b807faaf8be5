from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely

from sam_common.errors import OutputError
from sam_geo.results.rows import COLUMNS, Row
from sam_geo.results.rows import table_of as rows_table
from sam_geo.tables.formats import FORMATS
from sam_geo.tables.geopackage import check_index
from sam_geo.tables.shapefile import SHORT_NAMES
from sam_geo.tables.write import table_writer, write_table

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

    monkeypatch.setattr("sam_geo.tables.write.pyogrio.write_dataframe", fail)
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


# read back before it takes its name


def cut_when_closed(monkeypatch, share):
    """A disk that takes a part of each file, whose driver says nothing about it."""
    write = pyogrio.write_arrow

    def cut(batches, path, **options):
        write(batches, path, **options)
        for member in path.parent.glob(f"{path.stem}.*"):
            if member.suffix in {".fgb", ".geojson", ".shp", ".dbf"}:
                with member.open("r+b") as file:
                    file.truncate(int(member.stat().st_size * share))

    monkeypatch.setattr("sam_geo.tables.write.pyogrio.write_arrow", cut)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
@pytest.mark.parametrize("suffix", [".fgb", ".geojson", ".shp"])
def test_a_file_that_is_cut_short_is_no_output(tmp_path, monkeypatch, suffix, share):
    path = tmp_path / f"trees{suffix}"
    shapes = [shapely.Point(n, n).buffer(3) for n in range(300)]
    table = geopandas.GeoDataFrame({"id": range(300)}, geometry=shapes, crs=32633)
    cut_when_closed(monkeypatch, share)
    with pytest.raises(OutputError, match=f"^cannot write {path}: ") as caught:
        write_table(table, path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_geopackage_that_lost_rows_is_no_output(tmp_path, monkeypatch):
    path = tmp_path / "trees.gpkg"
    write = pyogrio.write_dataframe

    def forget(batch, *arguments, **options):
        write(batch.iloc[:-1], *arguments, **options)

    monkeypatch.setattr("sam_geo.tables.write.pyogrio.write_dataframe", forget)
    with pytest.raises(OutputError, match="of 3 rows 2 were read back"):
        write_table(table_of(), path)
    assert list(tmp_path.iterdir()) == []


def test_a_geoparquet_with_other_values_is_no_output(tmp_path, monkeypatch):
    path = tmp_path / "trees.parquet"
    path.write_bytes(b"old")

    class Wrong(pq.ParquetWriter):
        def write_table(self, table):
            at = table.schema.get_field_index("prompt_id")
            super().write_table(table.set_column(at, table.schema.field(at), [[3, 1, 9]]))

    monkeypatch.setattr("sam_geo.tables.write.pq.ParquetWriter", Wrong)
    with pytest.raises(OutputError, match="other values of prompt_id were read back"):
        write_table(table_of(), path, overwrite=True)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["trees.parquet"]


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


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_table_without_rows_is_written(tmp_path, suffix):
    path = tmp_path / f"trees{suffix}"
    write_table(rows_table([], crs=pyproj.CRS("EPSG:32633"), model="m"), path)
    assert len(read(path)) == 0


def test_many_batches_of_every_format_are_read_back_whole(tmp_path):
    for suffix in FORMATS:
        with table_writer(tmp_path / f"trees{suffix}") as write:
            for first in range(0, 3000, 700):
                shapes = [shapely.Point(n, n).buffer(3) for n in range(first, first + 700)]
                shapes[5] = None
                ids = range(first, first + 700)
                write(geopandas.GeoDataFrame({"id": ids}, geometry=shapes, crs=32633))
        assert len(read(tmp_path / f"trees{suffix}")) == 3500


# identity stays


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


def test_a_text_that_a_shapefile_would_cut_is_refused(tmp_path):
    rows = [Row("ok", n, "x" * 254 + end, geometry=SQUARE) for n, end in enumerate("ab")]
    table = rows_table(rows, crs=pyproj.CRS("EPSG:32633"), model="m")
    with pytest.raises(OutputError, match=r"cuts texts at 254 bytes, but class of trees\.shp"):
        write_table(table, tmp_path / "trees.shp")
    assert list(tmp_path.iterdir()) == []


# files that belong together


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_suffix_in_capitals_is_written_as_it_is_said(tmp_path, suffix):
    path = tmp_path / f"trees{suffix.upper()}"
    write_table(table_of(), path)
    names = {entry.name for entry in tmp_path.iterdir()}
    assert path.name in names
    assert all(name.isascii() and name.partition(".")[2].isupper() for name in names)
    with pytest.raises(OutputError, match="output exists"):
        write_table(table_of(), path)


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


# layers


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
