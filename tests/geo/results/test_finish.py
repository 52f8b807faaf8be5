"""Options of outlines are checked, and tables of outlines are finished in batches."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from rasterised import iou

from sam_common.errors import InputError
from sam_geo.results.finish import Finish, finish_prompts, finished_tables
from sam_geo.results.rows import Row

UTM = pyproj.CRS("EPSG:32633")


def test_right_angles_need_a_projected_system():
    with pytest.raises(InputError, match="--regularize needs a projected reference system"):
        Finish(regularize=1.0).check(pyproj.CRS("EPSG:4326"))
    Finish(regularize=1.0).check(UTM)
    Finish(regularize=1.0).check(None)
    Finish(simplify=1.0).check(pyproj.CRS("EPSG:4326"))


def test_only_one_way_to_straighten():
    with pytest.raises(InputError, match="give --simplify or --regularize"):
        Finish(simplify=1.0, regularize=1.0)


@pytest.mark.parametrize("option", ["min_area_m2", "simplify", "regularize"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_tolerances_are_finite_and_positive(option, value):
    with pytest.raises(InputError, match=option.replace("_", "-")):
        Finish(**{option: value})


def rows_of(shapes):
    return [Row("ok", n, geometry=shape, area_px=4.0) for n, shape in enumerate(shapes)]


def test_prompts_keep_their_row_whatever_its_size():
    rows = [*rows_of([shapely.box(0, 0, 1, 1)]), Row("empty", 1)]
    table = finish_prompts(rows, Finish(min_area_m2=100), crs=UTM, model="m")
    assert table["status"].tolist() == ["ok", "empty"]
    straight = finish_prompts(rows, Finish(regularize=1.0), crs=UTM, model="m")
    assert straight.geometry.isna().tolist() == [False, True]


@pytest.mark.parametrize("finish", [Finish(), Finish(simplify=0.5), Finish(regularize=0.5)])
def test_batches_are_numbered_through(finish):
    shapes = [shapely.box(500_000 + 20 * n, 5e6, 500_010 + 20 * n, 5e6 + 10) for n in range(2100)]
    tables = [table for table, _ in finished_tables(rows_of(shapes), finish, crs=UTM, model="m")]
    assert [len(table) for table in tables] == [1000, 1000, 100]
    assert np.concatenate([table["id"] for table in tables]).tolist() == list(range(1, 2101))
    assert iou(tables[1].geometry[0], shapes[1000]) > 0.999


def test_nothing_found_is_an_empty_table():
    ((table, _),) = finished_tables([], Finish(dst_crs="EPSG:4326"), crs=UTM, model="m")
    assert len(table) == 0
    assert table.crs == "EPSG:4326"
