"""Rows as a table: one type for each column, areas on the ellipsoid."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely

from sam_geo.results.rows import COLUMNS, Row, table_of

UTM = pyproj.CRS("EPSG:32633")
SQUARE = shapely.box(500_000, 5_000_000, 500_100, 5_000_100)
TYPES = {
    "id": "int64", "prompt_id": "Int64", "class": "object", "status": "object",
    "score": "float64", "stability": "float64", "area_m2": "float64", "perimeter_m": "float64",
    "area_px": "float64", "touches_edge": "boolean", "seam_merged": "boolean",
    "model": "object", "geometry": "geometry",
}  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [Row("empty", 1)],
        [Row("ok", 1, "oak", 0.5, 0.75, 4.0, touches_edge=True, seam_merged=False)],
    ],
    ids=len,
)
def test_columns_have_one_type_whatever_is_in_them(rows):
    table = table_of(rows, crs=UTM, model="sam")
    assert tuple(table.columns) == COLUMNS
    assert {name: str(kind) for name, kind in table.dtypes.items()} == TYPES
    assert table.crs == UTM
    assert table["id"].tolist() == list(range(1, len(rows) + 1))


def test_measures_are_those_on_the_ellipsoid():
    table = table_of([Row(geometry=SQUARE), Row("failed")], crs=UTM, model="sam")
    longlat = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    xs, ys = longlat.transform(*SQUARE.exterior.coords.xy)
    area, perimeter = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(xs, ys)
    assert table["area_m2"][0] == pytest.approx(abs(area), rel=1e-6)
    assert table["perimeter_m"][0] == pytest.approx(perimeter, rel=1e-6)
    assert table[["area_m2", "perimeter_m"]].iloc[1].isna().all()


def test_without_a_system_there_is_no_area():
    table = table_of([Row(geometry=SQUARE, area_px=7.0)], crs=None, model="sam")
    assert np.isnan(table["area_m2"][0])
    assert table["area_px"][0] == 7
    assert table.geometry[0] is SQUARE


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([3, None, -(2**63)], [3, None, -(2**63)]),
        ([2**63, 1], ["9223372036854775808", "1"]),
        (["a", 7, None], ["a", "7", None]),
        ([None, None], [None, None]),
    ],
)
def test_names_of_prompts_stay_exact(given, expected):
    table = table_of([Row("empty", name) for name in given], crs=None, model="sam")
    assert [None if found is None or found != found else found  # noqa: PLR0124 - NaN
            for found in table["prompt_id"].astype(object).where(table["prompt_id"].notna(), None)
            ] == expected  # fmt: skip
