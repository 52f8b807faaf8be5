"""Writers of every format, batch by batch."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from result_tables import SQUARE, read, table_of

from sam_geo.tables.formats import FORMATS
from sam_geo.tables.write import table_writer, write_table
from sam_geo.tables.writers import geometry_name, reading, writer_for


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


def test_many_batches_of_every_format_are_read_back_whole(tmp_path):
    for suffix in FORMATS:
        with table_writer(tmp_path / f"trees{suffix}") as write:
            for first in range(0, 3000, 700):
                shapes = [shapely.Point(n, n).buffer(3) for n in range(first, first + 700)]
                shapes[5] = None
                ids = range(first, first + 700)
                write(geopandas.GeoDataFrame({"id": ids}, geometry=shapes, crs=32633))
        assert len(read(tmp_path / f"trees{suffix}")) == 3500


@pytest.mark.parametrize("batches", [[2500], [700, 700, 1100], [1] * 3 + [2497], [1000, 1500]])
def test_row_groups_do_not_depend_on_batches(tmp_path, batches):
    path, first = tmp_path / "trees.parquet", 0
    with table_writer(path) as write:
        for count in batches:
            shapes = [shapely.Point(n, n) for n in range(first, first + count)]
            ids = range(first, first + count)
            write(geopandas.GeoDataFrame({"id": ids}, geometry=shapes, crs=32633))
            first += count
    file = pq.ParquetFile(path)
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [1000, 1000, 500]
    assert file.read(["id"])["id"].to_pylist() == list(range(2500))


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


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_dropped_writer_leaves_at_most_its_file(tmp_path, suffix):
    part = tmp_path / f"part{suffix}"
    writer = writer_for(part, tmp_path / f"t{suffix}", FORMATS[suffix], "t")
    writer.write(table_of())
    writer.drop()
    assert {path.name for path in tmp_path.iterdir()} <= {part.name}


def test_a_layer_is_read_in_batches_with_its_geometry(tmp_path):
    write_table(table_of(), tmp_path / "t.gpkg", layer="trees")
    with reading(tmp_path / "t.gpkg", "trees") as (meta, batches):
        name = geometry_name(meta)
        rows = pa.Table.from_batches(list(batches), batches.schema)
    assert rows["prompt_id"].to_pylist() == [3, 1, 2]
    shapes = shapely.from_wkb(np.array([*rows[name].to_pylist(), None], dtype=object)[:-1])
    assert shapes[0].equals(SQUARE)
    assert shapes[1] is None
    assert geometry_name({"geometry_name": ""}) == "wkb_geometry"


def test_the_extent_of_one_batch_is_not_that_of_the_file(tmp_path):
    with table_writer(tmp_path / "t.parquet") as write:
        write(table_of().iloc[:1])
        write(table_of().iloc[2:])
    about = json.loads(pq.read_schema(tmp_path / "t.parquet").metadata[b"geo"])
    (column,) = about["columns"].values()
    assert "bbox" not in column
    assert column["geometry_types"] == []
    assert len(read(tmp_path / "t.parquet")) == 2
