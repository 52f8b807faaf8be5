"""The numbers of a comparison in its record and in data frames."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sam_geo.change.classified import Compared
from sam_geo.change.record import change_record, changes_frame, matrix_frame
from sam_geo.change.request import ChangeRequest
from sam_geo.comparison.from_to import count_changes
from sam_geo.comparison.polygons import PolygonCounts


@pytest.fixture
def scene():
    one, two = np.full((40, 50), 1), np.full((40, 50), 1)
    one[:, 25:] = two[:, 25:] = 3
    two[20:30, 5:20] = 2
    two[:, 24] = 3
    return one, two


@pytest.fixture
def recorded(make_map, open_pair, tmp_path):
    def made(one, two, crs="EPSG:6933"):
        paths = make_map("one.tif", one, crs=crs), make_map("two.tif", two, crs=crs)
        request = ChangeRequest(
            before=str(paths[0]), after=str(paths[1]), output=tmp_path / "c.gpkg", min_pixels=3
        )
        with open_pair(*paths) as grid:
            found, _ = count_changes(grid)
            counts = PolygonCounts(2, 3, 450.0)
            return change_record(
                request, grid, found, counts, maps=Compared("a", "b"), seconds={"total": 1.23456}
            )

    return made


def test_the_record_has_all_numbers(recorded, scene):
    record = json.loads(json.dumps(recorded(*scene), allow_nan=False))
    assert record["names"] == [
        {"class": "land", "before": 1, "after": 1},
        {"class": "town", "before": 3, "after": 3},
        {"class": "water", "before": None, "after": 2},
    ]
    assert record["pixels"] == [[810, 40, 150], [0, 1000, 0], [0, 0, 0]]
    assert record["area_m2"][0] == pytest.approx([81_000, 4_000, 15_000], rel=1e-5)
    assert record["compared_m2"] == pytest.approx(200_000, rel=1e-5)
    assert record["changed_m2"] == pytest.approx(19_000, rel=1e-5)
    assert record["misreg_m2"] == pytest.approx(2_000, rel=1e-5)
    assert record["misreg_share"] == pytest.approx(2 / 19)
    assert [(c["from"], c["to"], c["pixels"]) for c in record["changes"]] == [
        ("land", "water", 150),
        ("land", "town", 40),
    ]
    assert record["changes"][1]["misreg_m2"] == pytest.approx(2_000, rel=1e-5)
    assert record["changes"][1]["misreg_share"] == pytest.approx(0.5)
    assert record["polygons"] == {"written": 2, "left_out": 3, "left_out_m2": 450}
    assert record["parameters"] == {
        "table": "c.gpkg",
        "layer": None,
        "misregistration_px": 0.5,
        "min_area_m2": 0,
        "min_pixels": 3,
    }
    assert record["grid"] == {
        "rows": 40,
        "columns": 50,
        "offset_px": {"mean": [0, 0], "spread": [0, 0]},
    }
    assert set(record["inputs"]) == {"before", "after"}
    assert len(record["inputs"]["before"]["sha256"]) == 64
    assert record["seconds"] == {"total": 1.235}
    assert "rasterio" in record["versions"]


def test_areas_are_none_without_a_reference_system(recorded, scene):
    record = recorded(*scene, crs=None)
    assert record["area_m2"] is record["changed_m2"] is record["misreg_m2"] is None
    assert record["changes"][0]["area_m2"] is record["polygons"]["left_out_m2"] is None
    assert record["misreg_share"] == pytest.approx(20 / 190)


def test_frames(make_map, open_pair, scene):
    with open_pair(make_map("one.tif", scene[0]), make_map("two.tif", scene[1])) as grid:
        found, _ = count_changes(grid)
    changes = changes_frame(found, has_area=True)
    assert list(changes.columns) == ["from", "to", "pixels", "area_m2", "misreg_share"]
    assert changes["to"].tolist() == ["water", "town"]
    assert changes["misreg_share"].tolist() == pytest.approx([0, 0.5])
    matrix = matrix_frame(found)
    assert matrix.loc["land", "water"] == changes["area_m2"][0]
    assert (matrix.index.name, matrix.columns.name) == ("from", "to")
    assert all(math.isnan(v) for v in changes_frame(found, has_area=False)["area_m2"])
