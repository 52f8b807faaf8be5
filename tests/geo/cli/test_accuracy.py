"""`sam-geo sample` and `sam-geo assess`: a map to points, and checked points to figures."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from geo_program import invoke

TRANSFORM = Affine(10, 0, 465_000, 0, -10, 5_080_000)


@pytest.fixture
def class_map(tmp_path):
    """A map of 200 x 300 pixels of 100 m2: a third fields, a third forest, a third town."""
    values = np.repeat([1, 2, 3], 100)[None, :] + np.zeros((200, 1), dtype=int)
    path = tmp_path / "map.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint8", crs="EPSG:32633", height=200, width=300,
        transform=TRANSFORM, nodata=0,
    ) as dataset:  # fmt: skip
        dataset.write(values.astype(np.uint8), 1)
    names = {"1": "fields", "2": "forest", "3": "town"}
    record = {"parameters": {"table": path.name}, "classes": names}
    path.with_suffix(".job.json").write_text(json.dumps(record))
    return path


@pytest.fixture
def checked(class_map, tmp_path):
    """A sample whose points were looked up: a tenth of the fields is forest."""
    path = tmp_path / "points.gpkg"
    done = invoke("sample", class_map, "-o", path, "--size", 300, "--allocation", "equal")
    assert done.exit_code == 0, done.output
    points = geopandas.read_file(path)
    points["reference"] = points["stratum"]
    wrong = points.index[points["stratum"] == "fields"][:10]
    points.loc[wrong, "reference"] = "forest"
    points.to_file(path)
    return path


def test_a_sample_says_how_it_was_drawn(class_map, tmp_path):
    done = invoke("sample", class_map, "-o", tmp_path / "p.gpkg", "--size", 90, "--json")
    said = json.loads(done.stdout)
    assert [row["points"] for row in said["classes"]] == [30, 30, 30]
    points = geopandas.read_file(tmp_path / "p.gpkg")
    assert list(points.columns) == [
        *("point_id", "stratum", "weight_m2", "chance", "reference", "geometry")
    ]
    assert set(points.geom_type) == {"Point"}
    assert points.crs == "EPSG:32633"
    assert (points["reference"] == "").all()
    assert points["chance"].unique() == pytest.approx([30 / 20_000])
    assert points["weight_m2"].sum() == pytest.approx(6e6, rel=1e-3)


@pytest.mark.parametrize("suffix", [".fgb", ".geojson", ".parquet", ".shp"])
def test_a_sample_in_any_format_can_be_assessed(class_map, tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    assert invoke("sample", class_map, "-o", path, "--size", 60).exit_code == 0
    done = invoke("assess", class_map, path, "--class-field", "stratum", "--json")
    found = json.loads(done.stdout)
    assert found["overall"]["value"] == 1
    assert found["points"] == 60


def test_figures_of_an_assessment(class_map, checked):
    found = json.loads(invoke("assess", class_map, checked, "--json").stdout)
    assert found["points"] == 300
    fields, forest, _ = found["classes"]
    assert fields["users"]["value"] == pytest.approx(0.9)
    assert fields["users"]["standard_error"] == pytest.approx(np.sqrt(0.9 * 0.1 / 99))
    assert forest["area_m2"]["value"] == pytest.approx(1.1 * forest["mapped_m2"], rel=1e-4)
    low, high = (forest["area_m2"][end] for end in ("low", "high"))
    assert low < 1.1 * forest["mapped_m2"] < high
    assert found["counts"] == [[90, 10, 0], [0, 100, 0], [0, 0, 100]]
    assert found["overall"]["value"] == pytest.approx(29 / 30, rel=1e-4)


def test_the_table_shows_intervals_in_hectares(class_map, checked):
    done = invoke("assess", class_map, checked)
    assert "Overall accuracy 0.967 ± 0.020 (300 points, 95 % intervals)" in done.stdout
    assert "0.900 ± 0.059" in done.stdout
    assert "area, ha" in done.stdout
    square_metres = invoke("assess", class_map, checked, "--unit", "m2")
    assert "mapped, m2" in square_metres.stdout


def test_a_layer_of_points(class_map, checked):
    """`--points-layer` chooses among several."""
    points = geopandas.read_file(checked)
    points.iloc[:200].to_file(checked, layer="half")
    code = invoke("assess", class_map, checked).exit_code
    assert code != 0
    done = invoke("assess", class_map, checked, "--points-layer", "half", "--json")
    assert json.loads(done.stdout)["points"] == 200


def test_points_that_do_not_count_are_told(class_map, checked, tmp_path):
    points = geopandas.read_file(checked)
    points.loc[:4, "reference"] = None
    points.loc[10:12, "geometry"] = points.loc[10:12, "geometry"].translate(xoff=1e5)
    path = tmp_path / "some.gpkg"
    points.to_file(path)
    done = invoke("assess", class_map, path, "--json")
    assert json.loads(done.stdout)["left_out"] == {
        "geometry": 0, "outside": 3, "nodata": 0, "unlabelled": 5,
    }  # fmt: skip
    assert "points that do not count: 3 outside of the map, 5 without a true class" in done.stderr


def test_refusals(class_map, checked, tmp_path, error_of):
    code, told = error_of("assess", class_map, checked, "--class-field", "truth")
    assert code == 2
    assert told == (
        f"error: {checked} has no column 'truth': choose the one that holds the class with "
        f"--class-field; its columns are point_id, stratum, weight_m2, chance, reference\n"
    )
    code, told = error_of("assess", class_map, checked, "--class-field", "chance")
    assert code == 2
    assert "is not a whole number (classes are names or whole numbers)" in told
    other = geopandas.read_file(checked)
    other["reference"] = "snow"
    other.to_file(tmp_path / "snow.gpkg")
    code, told = error_of("assess", class_map, tmp_path / "snow.gpkg")
    assert code == 2
    assert told == (
        f"error: the points and {class_map} have no class in common: the points have snow, the map "
        f"fields, forest, town (choose the column with --class-field)\n"
    )
    code, told = error_of("sample", class_map, "-o", tmp_path / "x.gpkg", "--size", 5)
    assert code == 2
    assert told.startswith("error: --size 5 is too few for 3 classes")
    assert not (tmp_path / "x.gpkg").exists()
