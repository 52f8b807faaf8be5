"""What measures land-cover maps: a tool that found no fault would find none."""

from __future__ import annotations

from collections import Counter

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from tests.benchmarks import (
    landcover,
    landcover_change,
    landcover_data,
    landcover_figures,
    landcover_partition,
)

PIXEL = 2.0


@pytest.fixture
def class_map(tmp_path):
    """Three rows of four pixels: class 1, a pixel of class 2, one without a class."""
    classes = np.ones((3, 4), dtype=np.uint8)
    classes[1, 1], classes[0, 3] = 2, 0
    path = tmp_path / "map.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint8", height=3, width=4, nodata=0,
        crs="EPSG:32633", transform=Affine(PIXEL, 0, 0, 0, -PIXEL, 0),
    ) as dataset:  # fmt: skip
        dataset.write(classes, 1)
    return path


def told(path, outer, inner):
    table = geopandas.GeoDataFrame(
        {"value": [1, 2], "area_m2": [40.0, 4.0]}, geometry=[outer, inner], crs="EPSG:32633"
    )
    areas = [{"value": 1, "area_m2": 40.0}, {"value": 2, "area_m2": 4.0}]
    return landcover_partition.figures(table, path, areas)


HOLE = shapely.box(2, -4, 4, -2)
OUTER = shapely.Polygon([(0, 0), (6, 0), (6, -2), (8, -2), (8, -6), (0, -6)])


def test_a_partition_has_no_fault(class_map):
    found = told(class_map, OUTER.difference(HOLE), HOLE)
    faults = ("invalid", "gaps_px", "overlaps_px", "moved_px", "area_error", "true_area_error")
    assert [found[name] for name in faults] == pytest.approx([0] * 6, abs=1e-12)
    assert found["shared_edges"]
    assert found["small_pieces"] == 1


@pytest.mark.parametrize(
    ("inner", "fault"),
    [
        (shapely.box(2, -4, 3, -2), "gaps_px"),
        (shapely.box(2, -4, 5, -2), "overlaps_px"),
    ],
)
def test_what_is_wrong_by_half_a_pixel_is_told(class_map, inner, fault):
    found = told(class_map, OUTER.difference(HOLE), inner)
    assert found[fault] == pytest.approx(0.5)
    assert found["area_error"] == pytest.approx(0.5)
    assert not found["shared_edges"] or fault == "gaps_px"


@pytest.mark.parametrize("outer", [shapely.box(0, -6, 8, 0), shapely.box(0, -6, 8, -2)])
def test_an_edge_to_nodata_that_was_moved_is_told(class_map, outer):
    found = told(class_map, outer.difference(HOLE), HOLE)
    assert found["gaps_px"] == 0
    assert found["moved_px"] == pytest.approx(abs(outer.area - OUTER.area) / PIXEL**2)


def test_edges_to_ground_that_nobody_drew_do_not_count():
    truth = np.zeros((12, 20), dtype=np.int64)
    truth[:, 10:] = 1
    truth[:, :3] = -1
    none = landcover_data.Samples(*np.zeros((4, 0), dtype=np.int64))
    scene = landcover_data.Scene("", np.zeros((1, 12, 20)), truth < 2, ("a", "b"), none, truth)
    right = np.maximum(truth, 0)
    assert landcover.boundary_f(right, scene, none) == 1
    beside = right.copy()
    beside[:, :3] = 1
    assert landcover.boundary_f(beside, scene, none) == 1
    beside[:, 5:7] = 1
    assert landcover.boundary_f(beside, scene, none) < 0.8


def test_f1_counts_pixels():
    found, true = np.zeros((2, 4), dtype=bool), np.zeros((2, 4), dtype=bool)
    assert landcover_change.f1(found, true) == 1
    found[0], true[:, :2] = True, True
    assert landcover_change.f1(found, true) == pytest.approx(0.5)


def test_each_date_of_a_pair_has_twenty_points_inside():
    rows = landcover_change.POINTS.read_text().splitlines()[1:]
    points = [row.split(",") for row in rows]
    assert set(Counter((pair, date) for pair, date, *_ in points).values()) == {20}
    assert all(0 <= int(n) < 256 for _, _, *cell, _ in points for n in cell)


def test_a_table_replaces_the_one_that_begins_like_it():
    page = "text\n\n| a | x |\n|---|---|\n| 1 | 2 |\n\n| b | x |\n|---|---|\nend\n"
    new = ["| b | y |", "|---|---|", "| 3 | 4 |"]
    expected = "text\n\n| a | x |\n|---|---|\n| 1 | 2 |\n\n| b | y |\n|---|---|\n| 3 | 4 |\nend\n"
    assert landcover_figures.put(page, new) == expected
    with pytest.raises(ValueError, match=r"no table that begins with '\| c \|'"):
        landcover_figures.put(page, ["| c |"])
