"""Tables that are not what was written, by the fault of a disk or a driver."""

from __future__ import annotations

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from result_tables import table_of

from sam_common.errors import OutputError
from sam_geo.tables.read_back import Content, Fidelity
from sam_geo.tables.write import write_table


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


SHAPES = [shapely.box(0, 0, 3, 2), None, shapely.box(5, 5, 6, 6)]
COLUMNS = {
    "whole": pd.array([1, None, 3], dtype="Int64"),
    "part": [0.5, np.nan, 2.5],
    "text": ["a ", None, ""],
    "truth": [True, False, True],
}


def given(shapes=SHAPES, fidelity=None, **columns):
    content = Content(fidelity or Fidelity())
    table = geopandas.GeoDataFrame(COLUMNS | columns, geometry=list(shapes), crs=32633)
    content.add(table.iloc[:2])
    content.add(table.iloc[2:])
    return content


def found(shapes=SHAPES, fidelity=None, **columns):
    """The same content as a driver gives it."""
    content = Content(fidelity or Fidelity())
    cells = {
        name: pa.array(values, from_pandas=True) for name, values in (COLUMNS | columns).items()
    }
    wkb = [None if shape is None else shapely.to_wkb(shape) for shape in shapes]
    content.add_arrow(pa.table(cells | {"geom": pa.array(wkb, pa.binary())}), "geom")
    return content


def test_the_size_of_batches_is_of_no_account():
    given().check(found(), "t.gpkg")
    assert (given().rows, given().shapes) == (3, 2)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("whole", pd.array([1, None, 4], dtype="Int64")),
        ("whole", pd.array([1, 0, 3], dtype="Int64")),
        ("part", [0.5, np.nan, np.nextafter(2.5, 3)]),
        ("part", [0.5, 0.0, 2.5]),
        ("text", ["a", None, ""]),
        ("text", ["a ", "", ""]),
        ("text", ["a", " ", ""]),  # the same letters, in other cells
        ("truth", [True, True, True]),
    ],
)
def test_another_value_is_told_by_its_column(column, values):
    with pytest.raises(OutputError, match=f"^cannot write t.gpkg: other values of {column} were"):
        given().check(found(**{column: values}), "t.gpkg")


@pytest.mark.parametrize(
    ("column", "values", "fidelity"),
    [
        ("whole", pd.array([1, None, 4], dtype="Int64"), Fidelity(whole=2)),
        ("part", [0.5, np.nan, 2.25], Fidelity(floats=False)),
        ("text", ["a", "", None], Fidelity(blanks=False)),
    ],
)
def test_what_a_format_does_not_keep_is_not_compared(column, values, fidelity):
    given(fidelity=fidelity).check(found(fidelity=fidelity, **{column: values}), "t.shp")


MOVED = [shapely.box(0, 0, 3, 2.5), None, shapely.box(5, 5, 6, 6)]
TURNED = [shapely.Polygon([(3, 2), (3, 0), (0, 0), (0, 2)]), None, shapely.box(5, 5, 6, 6)]
FEWER = [shapely.box(0, 0, 3, 2), None, None]


@pytest.mark.parametrize(
    ("geometry", "seen"),
    [("exact", [MOVED, TURNED, FEWER]), ("bounds", [MOVED, FEWER]), ("presence", [FEWER])],
)
def test_shapes_are_compared_as_far_as_a_format_keeps_them(geometry, seen):
    fidelity = Fidelity(geometry)
    for shapes in (MOVED, TURNED, FEWER):
        if shapes not in seen:
            given(fidelity=fidelity).check(found(shapes, fidelity), "t.gpkg")
            continue
        with pytest.raises(OutputError, match="other values of the geometry were read back"):
            given(fidelity=fidelity).check(found(shapes, fidelity), "t.gpkg")


def test_a_polygon_may_come_back_as_several():
    many = [None if shape is None else shapely.MultiPolygon([shape]) for shape in SHAPES]
    given().check(found(many), "t.gpkg")


def test_rows_are_counted_first():
    with pytest.raises(OutputError, match=r"^cannot write t\.gpkg: of 3 rows 0 were read back$"):
        given().check(Content(Fidelity()), "t.gpkg")


def test_columns_of_types_that_differ_from_format_to_format_are_left_out():
    dates = pd.to_datetime(["2020-01-01", None, "2021-01-01"])
    given(whole=dates).check(found(), "t.gpkg")
    given(whole=[2**70, None, 3]).check(found(), "t.gpkg")


def test_letters_and_parts_that_move_to_another_row_are_told():
    words = {"text": ["ab", "c", ""]}
    given(**words).check(found(**words), "t.gpkg")
    with pytest.raises(OutputError, match="other values of text were read back"):
        given(**words).check(found(text=["a", "bc", ""]), "t.gpkg")
    first, _, last = SHAPES
    together = [shapely.MultiPolygon([first, last]), None, shapely.Polygon()]
    with pytest.raises(OutputError, match="other values of the geometry were read back"):
        given([first, None, last]).check(found(together), "t.gpkg")
