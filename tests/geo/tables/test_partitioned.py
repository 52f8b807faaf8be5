"""Partitioned tables: a folder of GeoParquet files that readers take for one table."""

from __future__ import annotations

import json
import re

import geopandas
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import shapely
from result_tables import table_of

from sam_common.errors import OutputError
from sam_geo.tables import partitioned
from sam_geo.tables.partitioned import check_partitioned_output, partitioned_writer
from sam_geo.tables.writers import geo_table


def squares(first, stop):
    """Rows whose squares lie one after the other along a diagonal."""
    return geopandas.GeoDataFrame(
        {
            "id": np.arange(first, stop, dtype=np.int64),
            "class": pd.Series([None] * (stop - first), dtype=object),
            "touches_edge": pd.array([n % 2 == 0 for n in range(first, stop)], dtype="boolean"),
        },
        geometry=[shapely.box(n, n, n + 1, n + 1) for n in range(first, stop)],
        crs=32633,
    )


@pytest.fixture
def folder(tmp_path):
    """Partitions 0, 2 and 3 of 2500, 100 and 400 rows; the first came in two batches."""
    path = tmp_path / "trees.parquet"
    with partitioned_writer(path) as write:
        write(0, squares(0, 1800))
        write(0, squares(1800, 2500))
        write(2, squares(2500, 2600))
        write(3, squares(2600, 3000))
    return path


def test_it_is_read_as_one_table_in_the_order_of_its_rows(folder, tmp_path):
    table = geopandas.read_parquet(folder)
    assert table["id"].tolist() == list(range(3000))
    assert table.crs == "EPSG:32633"
    assert list(table.columns) == ["id", "class", "touches_edge", "geometry"]
    near = geopandas.read_parquet(folder, bbox=(2550.2, 2550.2, 2550.5, 2550.5))
    assert near["id"].tolist() == [2550]
    assert [path.name for path in tmp_path.iterdir()] == ["trees.parquet"]


def test_each_file_states_the_extent_of_its_rows(folder):
    """Where dask-geopandas reads the spatial partitions from: metadata of files, not of schemas."""
    found = {}
    for path in sorted(folder.glob("*.parquet")):
        about = json.loads(pq.read_metadata(path).metadata[b"geo"])
        assert about["version"] == "1.1.0"
        column = about["columns"]["geometry"]
        assert column["covering"]["bbox"]["ymax"] == ["bbox", "ymax"]
        assert column["geometry_types"] == ["Polygon"]
        found[path.name] = column["bbox"]
    assert found == {
        "part-00000000.parquet": [0, 0, 2500, 2500],
        "part-00000002.parquet": [2500, 2500, 2600, 2600],
        "part-00000003.parquet": [2600, 2600, 3000, 3000],
    }
    whole = json.loads(pq.read_metadata(folder / "_metadata").metadata[b"geo"])
    assert whole["columns"]["geometry"]["bbox"] == [0, 0, 3000, 3000]


def test_the_index_says_which_row_groups_a_box_needs(folder):
    dataset = ds.parquet_dataset(folder / "_metadata")
    box = (pc.field("bbox", "xmax") >= 1200.5) & (pc.field("bbox", "xmin") <= 1200.6)
    needed = [
        (fragment.path.rpartition("/")[2], group.id)
        for whole in dataset.get_fragments()
        for fragment in whole.split_by_row_group(box)
        for group in fragment.row_groups
    ]
    assert needed == [("part-00000000.parquet", 1)]
    assert dataset.to_table(filter=box)["id"].to_pylist() == [1200]
    assert dataset.count_rows() == 3000


def test_a_table_without_rows_has_its_columns(tmp_path):
    with partitioned_writer(tmp_path / "t.parquet") as write:
        write(0, squares(0, 0))
        write(4, squares(0, 0))
    table = geopandas.read_parquet(tmp_path / "t.parquet")
    assert len(table) == 0
    assert table.crs == "EPSG:32633"
    names = sorted(path.name for path in (tmp_path / "t.parquet").iterdir())
    assert names == ["_metadata", "part-00000000.parquet"]


def written(path, *numbered, overwrite=False):
    """Write rows of partitions, given as (number, rows)."""
    with partitioned_writer(path, overwrite=overwrite) as write:
        for number, rows in numbered:
            write(number, rows)


def test_an_error_leaves_the_older_table(folder, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputError, match="cannot write"):
        written(folder, (0, squares(0, 5)), (1, squares(5, 9).drop(columns="id")), overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["trees.parquet"]


def test_other_values_on_the_disk_are_no_output(tmp_path, monkeypatch):
    def spoilt(batch):
        return geo_table(batch.assign(id=batch["id"] + (batch["id"] == 7)))

    monkeypatch.setattr(partitioned, "geo_table", spoilt)
    path = tmp_path / "t.parquet"
    told = f"cannot write {path}: other values of id were read back"
    with (
        pytest.raises(OutputError, match=f"^{re.escape(told)}$"),
        partitioned_writer(path) as write,
    ):
        write(0, squares(0, 9))
    assert list(tmp_path.iterdir()) == []


def test_it_replaces_a_file_or_partitions_and_nothing_else(folder, tmp_path):
    told = f"output exists: {folder} (give --overwrite to replace it)"
    with pytest.raises(OutputError, match=f"^{re.escape(told)}$"):
        check_partitioned_output(folder, overwrite=False)
    with partitioned_writer(folder, overwrite=True) as write:
        write(1, squares(0, 3))
    assert len(geopandas.read_parquet(folder)) == 3
    (folder / "notes.txt").write_text("mine")
    told = (
        f"{folder} is no partitioned table (notes.txt lies in it): move it away, or choose another "
        f"output"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(told)}$"):
        check_partitioned_output(folder, overwrite=True)
    file = tmp_path / "one.parquet"
    squares(0, 2).to_parquet(file)
    with partitioned_writer(file, overwrite=True) as write:
        write(0, squares(0, 5))
    assert len(geopandas.read_parquet(file)) == 5


def test_only_a_parquet_is_partitioned(tmp_path):
    path = tmp_path / "t.gpkg"
    told = f"only a .parquet can be partitioned, got {path}: leave --partition out"
    with pytest.raises(OutputError, match=f"^{re.escape(told)}$"):
        check_partitioned_output(path, overwrite=False)


def test_partitions_come_in_order(tmp_path):
    with pytest.raises(OutputError, match="partition 0 comes after partition 1"):
        written(tmp_path / "t.parquet", (1, squares(0, 2)), (0, squares(2, 4)))


def test_rows_without_a_geometry_are_kept(tmp_path):
    with partitioned_writer(tmp_path / "t.parquet") as write:
        write(0, table_of())
    assert geopandas.read_parquet(tmp_path / "t.parquet")["prompt_id"].tolist() == [3, 1, 2]
