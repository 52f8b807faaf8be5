"""Tables of prompts: geometries, spellings of columns, and cells."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from shapely.geometry import GeometryCollection, LineString, MultiPoint, Point
from vector_files import BOX, SHAPES, frame_of

from sam_common.errors import PromptError
from sam_geo.prompt_files.table import (
    PROMPTS,
    PromptTable,
    Wanted,
    cells_of,
    column_of,
    object_array,
    spelled,
)
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster


def test_collections_of_one_kind(tmp_path, load):
    points = GeometryCollection([Point(500_005, 5_799_990), MultiPoint([(500_006, 5_799_990)])])
    frame_of([GeometryCollection(SHAPES), points, GeometryCollection()]).to_file(
        tmp_path / "p.gpkg"
    )
    prompts = load("p.gpkg")
    assert prompts[0].box_xyxy == (9.5, 19.5, 59.5, 49.5)
    assert prompts[1].points_xy == ((9.5, 19.5), (11.5, 19.5))
    assert prompts[2].status == "invalid"
    frame_of([GeometryCollection([SHAPES[0], Point(1, 2)])]).to_file(tmp_path / "m.gpkg")
    with pytest.raises(PromptError, match=r"row 0 of .* is a GeometryCollection: prompts are"):
        load("m.gpkg")


def test_heights_are_left_out(tmp_path, load):
    ring = [(x, y, 7.0) for x, y in SHAPES[0].exterior.coords]
    for name in ("p.gpkg", "p.shp", "p.geojson"):
        frame_of([shapely.Polygon(ring)]).to_file(tmp_path / name)
        (prompt,) = load(name)
        np.testing.assert_allclose(prompt.box_xyxy, BOX, atol=1e-6)


@pytest.mark.parametrize(
    "shape",
    [Point(np.inf, 1), shapely.Polygon([(0, 0), (np.inf, 1), (1, 0)]), Point(np.nan, 1)],
)
def test_coordinates_are_finite(grey_raster, shape):
    with (
        open_raster(grey_raster) as source,
        pytest.raises(PromptError, match=r"row 1 of .* coordinates that are not finite"),
    ):
        load_prompts(frame_of([SHAPES[0], shape]), source)


def test_a_point_without_numbers_is_no_point(grey_raster):
    with open_raster(grey_raster) as source:
        prompts = load_prompts(frame_of([Point(np.nan, np.nan), SHAPES[0]]), source)
    assert [prompt.status for prompt in prompts] == ["invalid", "ok"]


def test_lines_in_a_collection_are_no_prompts(grey_raster):
    lines = GeometryCollection([LineString([(0, 0), (1, 1)])])
    with open_raster(grey_raster) as source, pytest.raises(PromptError, match="GeometryCollection"):
        load_prompts(frame_of([lines]), source)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Class", "class"),
        ("prompt-ID", "prompt_id"),
        ("promptId", "prompt_id"),
        ("PROMPT ID ", "prompt_id"),
        ("__id__", "id"),
        ("imageURL", "image_url"),
        ("größe", "größe"),
        (7, "7"),
    ],
)
def test_spellings_of_names(name, plain):
    assert spelled(name) == plain
    assert PROMPTS.reads(name) == (plain not in {"größe", "7"})


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("point_labe", "point_label"),
        ("IS_FOREGRO", "is_foreground"),
        ("object_num", "object_number"),
        ("object_id", "object_id"),
        ("point_lab", "point_lab"),
        ("population", "population"),
        ("Class", "Class"),  # a name that is not cut off keeps its spelling
    ],
)
def test_names_of_ten_letters_may_be_cut_off(name, whole):
    assert PROMPTS.whole_name(name) == whole


def test_a_column_is_found_in_any_spelling_unless_two_differ():
    columns = [("Class", ["a", np.nan]), ("other", [1, 2]), ("CLASS ", ["a", float("nan")])]
    assert column_of(columns, "class", "t") == columns[0]
    assert column_of(columns, "label", "t") is None
    with pytest.raises(PromptError, match=r"^t has 2 columns that may be class \(Class, CLASS\)"):
        column_of([*columns[:2], ("CLASS ", ["b", None])], "class", "t")


def table_of(values, **options):
    shapes = object_array([Point(n, n) for n in range(len(values))])
    return PromptTable("t", shapes, [("class", values)], **options)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["a", " ", "", None], ["a", None, None, None]),
        ([np.int8(3), np.nan, pd.NA, pd.NaT], [3, None, None, None]),
        ([np.float32(1.5), np.bool_(True), 2**70], [1.5, True, 2**70]),
        ([dt.date(2020, 1, 1)], [dt.date(2020, 1, 1)]),
    ],
)
def test_cells_are_values_of_python(cells, read):
    found = table_of(cells).column("class")
    assert found == read
    assert [type(value) for value in found] == [type(value) for value in read]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([1], r"is no number or text in row 5: \[1\]$"),
        (b"a", r"is no number or text in row 5: b'a'$"),
        ("a\0b", "has a zero byte or half a character in row 5, which no file can hold"),
        ("a\ud800", "has a zero byte or half a character in row 5"),
        (
            np.float32(2**24),
            "has floats of 32 bits, which are no exact numbers in row 5: 1677",
        ),
        (np.float16(2048), "has floats of 16 bits"),
    ],
)
def test_cells_that_no_output_can_hold_are_named_by_their_row(cell, message):
    with pytest.raises(PromptError, match=f"^column class of t {message}"):
        table_of([cell], numbers=[5]).column("class")


def test_a_column_that_is_not_there_is_empty():
    assert table_of(["a", "b"]).column("label") == [None, None]


def test_rows_that_are_kept_keep_their_numbers():
    table = table_of(["a", "b", "c", "d"]).kept([1, 3])
    assert (len(table), table.number(0), table.number(1)) == (2, 1, 3)
    assert table.column("class") == ["b", "d"]
    assert [shape.x for shape in table.geometry] == [1, 3]
    assert table.kept([1]).number(0) == 3


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 2], dtype=np.float32),
        pd.Series([1, 2], dtype="float32"),
        pd.Series(pd.array([1, 2], dtype="Float32")),
        pa.chunked_array([pa.array([1, 2], pa.float32())]),
    ],
)
def test_short_floats_stay_short(values):
    if isinstance(values, np.ndarray):
        values = pd.Series(values)
    assert [type(value) for value in cells_of(values)] == [np.float32] * 2


def test_integers_beside_empty_cells_stay_integers():
    large = 2**53 + 1
    assert cells_of(pa.chunked_array([pa.array([large, None])])) == [large, None]
    assert cells_of(pd.Series(pd.array([large, None], dtype="Int64"))) == [large, pd.NA]


def test_collections_in_collections_are_taken_apart():
    inner = GeometryCollection([SHAPES[1], GeometryCollection()])
    table = PromptTable("t", object_array([GeometryCollection([inner, SHAPES[0]]), None]))
    assert table.geometry[0].geom_type == "MultiPolygon"
    assert table.geometry[0].area == sum(shape.area for shape in SHAPES)
    assert table.geometry[1] is None


def test_columns_beside_those_of_prompts_are_read_where_they_are_wanted():
    samples = Wanted(option="samples", columns=frozenset({"land_cover", "landcover_class"}))
    assert samples.reads("Land Cover")
    assert samples.reads("id")
    assert not samples.reads("height")
    assert not PROMPTS.reads("land_cover")
    # a Shapefile's name of ten letters
    assert samples.whole_name("landcover_") == "landcover_class"
    assert samples.whole_name("point_labe") == "point_label"
    assert samples.whole_name("land_cover") == "land_cover"
