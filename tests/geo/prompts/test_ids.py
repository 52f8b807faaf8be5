"""Names of prompts: text stays text, integers stay exact, from the file to the output."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
from shapely.geometry import Point, box

from sam_common.errors import PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.prompted.segment import segment_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster
from sam_geo.tables.write import write_table

LARGE = 2**53 + 1
SHAPES = [box(500_001 + 9 * n, 5_799_980, 500_005 + 9 * n, 5_799_990) for n in range(2)]


def frame_of(shapes=SHAPES, **columns):
    return geopandas.GeoDataFrame(columns, geometry=list(shapes), crs="EPSG:32633")


def ids_of(prompts, raster):
    with open_raster(raster) as source:
        return [prompt.prompt_id for prompt in load_prompts(prompts, source)]


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".parquet"])
@pytest.mark.parametrize(
    ("ids", "dtype"),
    [(["007", "8"], object), ([LARGE, LARGE - 1], "int64"), ([-5, 10**17 + 1], "int64")],
)
def test_names_arrive_in_every_format(tmp_path, grey_raster, suffix, ids, dtype):
    given = frame_of(prompt_id=pd.Series(ids, dtype=dtype))
    path = tmp_path / f"in{suffix}"
    given.to_parquet(path) if suffix == ".parquet" else given.to_file(path)
    assert ids_of(path, grey_raster) == ids
    table = segment_prompts(grey_raster, path, segmenter=FakeSegmenter())
    for out in (".gpkg", ".geojson", ".shp", ".parquet", ".fgb"):
        write_table(table, tmp_path / f"out{out}")
        if out == ".parquet":
            found = geopandas.read_parquet(tmp_path / "out.parquet")["prompt_id"].tolist()
        else:
            _, cells = pyogrio.read_arrow(tmp_path / f"out{out}", columns=["prompt_id"])
            found = cells["prompt_id"].to_pylist()
        assert found == ids


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".parquet"])
def test_empty_cells_make_no_floats(tmp_path, grey_raster, suffix):
    points = [Point(500_005 + n, 5_799_990) for n in range(4)]
    objects = pd.array([LARGE, LARGE - 1, None, LARGE], dtype="Int64")
    given = frame_of(points, object_id=objects, **{"class": pd.array([3, None, 4, 3], "Int64")})
    path = tmp_path / f"in{suffix}"
    given.to_parquet(path) if suffix == ".parquet" else given.to_file(path)
    with open_raster(grey_raster) as source:
        prompts = load_prompts(path, source)
    assert [len(prompt.points_xy) for prompt in prompts] == [2, 1, 1]
    assert [prompt.class_name for prompt in prompts] == ["3", None, "4"]


def test_geojson_mappings_keep_integers(grey_raster):
    point = {"type": "Point", "coordinates": [15.0003, 52.3501]}
    features = [
        {"type": "Feature", "properties": properties, "geometry": point}
        for properties in ({"prompt_id": LARGE, "object_id": LARGE - 1}, {"prompt_id": 1})
    ]
    collection = json.loads(json.dumps({"type": "FeatureCollection", "features": features}))
    assert ids_of(collection, grey_raster) == [LARGE, 1]


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        ({"id": pd.array([LARGE, LARGE - 1], dtype="Int64")}, [LARGE, LARGE - 1]),
        ({"id": pd.array([LARGE, 1], dtype="int64[pyarrow]")}, [LARGE, 1]),
        ({"id": np.array([2**64 - 1, 1], dtype="uint64")}, [str(2**64 - 1), "1"]),
        ({"id": np.array([3, 4], dtype="int8")}, [3, 4]),
        ({"id": pd.array(["007", None], dtype="string")}, [0, 1]),
        ({"id": [1, "1"]}, [0, 1]),
        ({"id": [dt.date(2020, 1, 1), None], "prompt_id": ["a", "b"]}, ["a", "b"]),
        ({"prompt_id": [None, None], "id": [4, 5]}, [4, 5]),
    ],
)
def test_columns_of_a_geodataframe(grey_raster, column, ids):
    found = ids_of(frame_of(**column), grey_raster)
    assert found == ids
    assert list(map(type, found)) == list(map(type, ids))


@pytest.mark.parametrize("name", ["class", "label"])
@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([1, None], ["1", None]),
        ([1.0, np.nan], ["1", None]),
        ([1.5, 2.0], ["1.5", "2.0"]),
        (["1.0", None], ["1.0", None]),
        ([Decimal("4.00"), None], ["4", None]),
        ([LARGE, 1], [str(LARGE), "1"]),
    ],
)
def test_classes_that_are_numbers(grey_raster, name, values, classes):
    with open_raster(grey_raster) as source:
        prompts = load_prompts(frame_of(**{name: values}), source)
    assert [prompt.class_name for prompt in prompts] == classes


def test_a_number_beside_an_empty_cell_has_no_point_in_any_file(tmp_path, grey_raster):
    given = frame_of(**{"class": [1.0, np.nan], "object_id": [7.0, np.nan]})
    for suffix in (".gpkg", ".geojson", ".shp", ".parquet"):
        path = tmp_path / f"in{suffix}"
        given.to_parquet(path) if suffix == ".parquet" else given.to_file(path)
        with open_raster(grey_raster) as source:
            assert [prompt.class_name for prompt in load_prompts(path, source)] == ["1", None]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"class": [2.0**53, 1.0]}, "column class of .* floats beyond 2\\^53"),
        ({"class": ["a\0b", "c"]}, "column class of .* has a zero byte .* in row 0, which no file"),
        (
            {"class": pd.Series(["a", "\ud800"], dtype=object)},
            "column class of .* half a character in row 1",
        ),
        ({"prompt_id": ["a", "b\0"]}, "column prompt_id of .* has a zero byte .* in row 1"),
        ({"id": [2.0**53, 1.0]}, "column id of .* floats beyond 2\\^53"),
        ({"prompt_id": [1, None]}, "row 1 of the GeoDataFrame has no prompt_id"),
        ({"prompt_id": [1, "1"]}, "prompt_id 1 is there more than once"),
        ({"id": [[1, 2], [3]]}, r"column id of .* is no number or text in row 0: \[1, 2\]"),
        ({"label": [{"a": 1}, None]}, "column label of .* is no number or text in row 0"),
        ({"class": [b"a", b"b"]}, "column class of .* is no number or text"),
    ],
)
def test_what_is_no_name_is_refused(grey_raster, column, message):
    with pytest.raises(PromptError, match=message):
        ids_of(frame_of(**column), grey_raster)


@pytest.mark.parametrize("suffix", [None, ".parquet", ".gpkg"])
def test_short_floats_are_no_exact_names(tmp_path, grey_raster, suffix):
    for large, is_exact in ((2.0**24, False), (2.0**24 - 1, True)):
        given = frame_of(id=np.array([large, 1], dtype=np.float32))
        path = tmp_path / f"in{suffix}"
        if suffix is not None:
            given.to_parquet(path) if suffix == ".parquet" else given.to_file(path)
        prompts = given if suffix is None else path
        if is_exact:
            assert ids_of(prompts, grey_raster) == [2**24 - 1, 1]
            continue
        with pytest.raises(
            PromptError, match=r"column id of .* floats of 32 bits, which are no ex"
        ):
            ids_of(prompts, grey_raster)


@pytest.mark.parametrize("dtype", ["float32", "Float32", "float[pyarrow]"])
def test_short_floats_of_pandas(grey_raster, dtype):
    with pytest.raises(PromptError, match=r"column id of .* floats of 32 bits"):
        ids_of(frame_of(id=pd.array([2.0**24, 1], dtype=dtype)), grey_raster)
    with open_raster(grey_raster) as source:
        prompts = load_prompts(frame_of(**{"class": pd.array([3, None], dtype=dtype)}), source)
    assert [prompt.class_name for prompt in prompts] == ["3", None]


def test_the_index_has_names_too(grey_raster):
    named = frame_of(id=["x", "y"]).set_index("id")
    assert ids_of(named, grey_raster) == ["x", "y"]
    several = frame_of(id=["x", "y"], k=[1, 2]).set_index(["k", "id"])
    assert ids_of(several, grey_raster) == ["x", "y"]
    with pytest.raises(PromptError, match=r"2 columns that may be id \(id, id\)"):
        ids_of(named.assign(id=["p", "q"]), grey_raster)
    assert ids_of(frame_of().set_index(pd.Index([0, 0])), grey_raster) == [0, 1]


@pytest.mark.parametrize("name", ["2020/01/01 10:00", "2020-01-02T00:00:00+02:00", "12:30"])
def test_a_text_like_a_date_stays_a_text(tmp_path, grey_raster, name):
    path = tmp_path / "in.geojson"
    frame_of(prompt_id=["x", "y"]).to_file(path)
    path.write_text(path.read_text().replace('"x"', json.dumps(name)))
    assert ids_of(path, grey_raster) == [name, "y"]
