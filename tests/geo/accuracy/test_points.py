"""Reference points: where they lie, what is their class, and which do not count."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely
from class_maps import NAMES, TRANSFORM

from sam_common.errors import PromptError
from sam_geo.accuracy.points import read_points
from sam_geo.class_maps import class_map
from sam_geo.class_maps.class_map import open_class_map


@pytest.fixture
def points_file(tmp_path):
    """Write points in the middle of pixels (row, col), with columns."""

    def write(cells, crs="EPSG:32633", **columns):
        shapes = [
            None if cell is None else shapely.Point(TRANSFORM @ (cell[1] + 0.5, cell[0] + 0.5))
            for cell in cells
        ]
        table = geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32633")
        path = tmp_path / "points.gpkg"
        table.to_crs(crs).to_file(path)
        return path

    return write


def test_values_of_the_map_under_each_point(write_map, thirds, points_file, monkeypatch):
    monkeypatch.setattr(class_map, "SIDE", 25)
    rng = np.random.default_rng(3)
    cells = np.stack([rng.integers(0, 90, 200), rng.integers(0, 119, 200)], axis=1)
    path = points_file(cells.tolist(), crs="EPSG:4326", reference=["forest"] * 200)
    with open_class_map(write_map(thirds, names=NAMES)) as classes:
        found = read_points(path, classes)
    assert np.array_equal(found.cells, cells)
    assert np.array_equal(found.mapped, thirds[tuple(cells.T)])
    assert found.reference == ("forest",) * 200
    assert found.strata is None
    assert set(found.left_out.values()) == {0}


def test_points_that_do_not_count(write_map, thirds, points_file):
    cells = [(5, 5), (5, 119), (-1, 3), (90, 3), (5, 6), None]
    path = points_file(cells, reference=["water", "a", "b", "c", None, "d"])
    with open_class_map(write_map(thirds)) as classes:
        found = read_points(path, classes)
    assert found.reference == ("water",)
    assert found.left_out == {"geometry": 1, "outside": 2, "nodata": 1, "unlabelled": 1}


def test_weights_say_how_large_the_strata_are(write_map, thirds, points_file):
    cells = [(5, 5), (50, 5), (51, 5), (52, 5)]
    path = points_file(
        cells,
        reference=["1", "2", None, "2"],
        stratum=["near", "far", "far", "far"],
        weight_m2=[7.0, 2.0, 2.0, 2.0],
    )
    with open_class_map(write_map(thirds)) as classes:
        found = read_points(path, classes)
    assert found.strata == ("near", "far", "far")
    assert found.stratum_m2 == {"near": 7.0, "far": 6.0}


def test_nothing_that_counts_is_refused(write_map, thirds, points_file):
    path = points_file([(5, 5), (500, 5)], reference=["", "a"])
    with open_class_map(write_map(thirds)) as classes, pytest.raises(PromptError) as caught:
        read_points(path, classes)
    assert str(caught.value) == (
        f"no point of {path} tells anything of {classes.source.path}: 1 outside, 1 unlabelled (a "
        f"point needs its true class in column reference, and a pixel of the map under it)"
    )


def test_polygons_are_no_points(write_map, thirds, tmp_path):
    table = geopandas.GeoDataFrame(
        {"reference": ["a"]}, geometry=[shapely.box(465_010, 5_079_500, 465_100, 5_079_900)],
        crs="EPSG:32633",
    )  # fmt: skip
    table.to_file(tmp_path / "p.gpkg")
    with (
        open_class_map(write_map(thirds)) as classes,
        pytest.raises(PromptError, match=r"row 0 of .* is a Polygon: a map is checked at points"),
    ):
        read_points(tmp_path / "p.gpkg", classes)


def test_coordinates_of_a_table_need_a_system_where_it_is_in_doubt(write_map, thirds, tmp_path):
    (tmp_path / "p.csv").write_text("x,y,reference\n465055.0,5079455.0,forest\n")
    with open_class_map(write_map(thirds)) as classes:
        found = read_points(tmp_path / "p.csv", classes, crs="EPSG:32633")
        assert found.cells.tolist() == [[54, 5]]
        with pytest.raises(PromptError, match="--points-crs"):
            read_points(tmp_path / "p.csv", classes)
