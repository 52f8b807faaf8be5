"""Polygons of change: pieces, their figures and their areas, against geopandas."""

from __future__ import annotations

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import rasterio.features
import shapely
from affine import Affine
from scipy import ndimage

from sam_geo.comparison import common_grid as grid_module
from sam_geo.comparison.from_to import count_changes
from sam_geo.comparison.polygons import COLUMNS, Least, PolygonCounts, change_tables

GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)
NAMES = {1: "land", 2: "water", 3: "town"}


@pytest.fixture
def patches():
    """Two dates (90, 110) of three classes with holes, in patches that touch at corners too."""
    rng = np.random.default_rng(5)
    one = rng.integers(0, 4, (30, 22)).repeat(3, axis=0).repeat(5, axis=1)
    two = np.where(rng.random(one.shape) < 0.7, one, rng.integers(0, 4, one.shape))
    return one, two


@pytest.fixture
def polygons(open_pair):
    """The whole table of polygons of two maps, and the counts."""

    def made(before, after, *, px=0.5, **least):
        with open_pair(before, after) as grid:
            _, names = count_changes(grid, misregistration=px)
            counts = PolygonCounts()
            tables = list(
                change_tables(grid, names, counts, misregistration=px, least=Least(**least))
            )
        return pd.concat(tables, ignore_index=True), counts

    return made


def outlines(path):
    """The class polygons of a map, by GDAL."""
    with rasterio.open(path) as dataset:
        values = dataset.read(1)
        rows = [
            (NAMES[int(value)], shapely.geometry.shape(shape))
            for shape, value in rasterio.features.shapes(
                values, mask=values > 0, connectivity=4, transform=dataset.transform
            )
        ]
        names, shapes = zip(*rows, strict=True)
        return geopandas.GeoDataFrame({"class": names}, geometry=list(shapes), crs=dataset.crs)


def test_polygons_are_those_of_an_overlay(make_map, polygons, patches):
    paths = make_map("one.tif", patches[0]), make_map("two.tif", patches[1])
    table, counts = polygons(*paths)
    assert tuple(table.columns) == COLUMNS
    assert table["id"].tolist() == list(range(1, counts.written + 1))
    assert table.crs == "EPSG:32633"
    assert table.geometry.is_valid.all()
    both = geopandas.overlay(
        outlines(paths[0]), outlines(paths[1]), how="intersection", keep_geom_type=False
    )
    both = both[both.geometry.area > 0].set_geometry(both.geometry.buffer(0))
    changed = both[both["class_1"] != both["class_2"]]
    expected = changed.dissolve(by=["class_1", "class_2"]).geometry
    found = table.dissolve(by=["from", "to"]).geometry
    assert list(found.index) == list(expected.index)
    for pair in expected.index:
        assert found[pair].symmetric_difference(expected[pair]).area == 0
    # no two overlap
    assert table.geometry.area.sum() == pytest.approx(expected.area.sum())
    assert table["pixels"].tolist() == (table.geometry.area / 100).round().astype(int).tolist()


def test_a_polygon_is_a_piece_that_touches_along_edges(make_map, polygons, patches):
    one, two = patches
    table, _ = polygons(make_map("one.tif", one), make_map("two.tif", two))
    pairs = np.where((one > 0) & (two > 0) & (one != two), one * 10 + two, 0)
    sizes = []
    for pair in np.unique(pairs[pairs > 0]):
        numbers, count = ndimage.label(pairs == pair)
        sizes += [(pair, n) for n in ndimage.sum(pairs == pair, numbers, range(1, count + 1))]
    number = {name: value for value, name in NAMES.items()}
    found = [
        (number[row["from"]] * 10 + number[row["to"]], row["pixels"]) for _, row in table.iterrows()
    ]
    assert sorted(found) == sorted(sizes)


@pytest.mark.parametrize("side", [8, 30])
def test_windows_do_not_matter(make_map, polygons, patches, side, monkeypatch):
    rng = np.random.default_rng(1)
    shares = rng.integers(40, 101, (2, *patches[0].shape))
    paths = (
        make_map("one.tif", patches[0], probability=shares[0]),
        make_map("two.tif", patches[1], probability=shares[1]),
    )
    whole, counts = polygons(*paths)
    monkeypatch.setattr(grid_module.CommonGrid.windows, "__defaults__", (side,))
    parts, same = polygons(*paths)
    assert counts == same
    figures = ["area_m2", "p_from", "p_from_min", "p_to", "p_to_min", "misreg"]
    words = ["id", "from", "to", "pixels"]
    assert parts[words].equals(whole[words])
    assert parts[figures].to_numpy() == pytest.approx(whole[figures].to_numpy(), rel=1e-9)
    assert parts.geometry.geom_equals(whole.geometry).all()


def test_the_areas_are_those_of_the_table_of_classes(make_map, polygons, open_pair, patches):
    paths = make_map("one.tif", patches[0]), make_map("two.tif", patches[1])
    table, _ = polygons(*paths)
    with open_pair(*paths) as grid:
        found, _ = count_changes(grid)
    for pair in found.pairs:
        mine = table[(table["from"] == pair.before) & (table["to"] == pair.after)]
        assert mine["area_m2"].sum() == pytest.approx(pair.area, rel=1e-7)
        assert mine["pixels"].sum() == pair.pixels
    # and those of geodesic polygons
    geod = table.crs.get_geod()
    areas = [abs(geod.geometry_area_perimeter(s)[0]) for s in table.to_crs(4326).geometry]
    assert table["area_m2"].to_numpy() == pytest.approx(areas, rel=1e-5)


def test_probabilities_of_both_maps(make_map, polygons):
    one, two = np.full((20, 30), 1), np.full((20, 30), 1)
    two[5:8, 4:10] = 2
    shares = np.arange(600).reshape(20, 30) % 61 + 40
    plain = make_map("plain.tif", two)
    table, _ = polygons(make_map("one.tif", one, probability=shares), plain)
    piece = shares[5:8, 4:10] / 100
    row = table.iloc[0]
    assert row["p_from"] == pytest.approx(piece.mean())
    assert row["p_from_min"] == pytest.approx(piece.min())
    assert np.isnan([row["p_to"], row["p_to_min"]]).all()
    # the second map lies elsewhere
    moved = make_map(
        "two.tif",
        np.pad(two, ((2, 0), (3, 0)), constant_values=1)[:20, :30],
        probability=shares,
        transform=GRID @ Affine.translation(-3, -2),
    )
    table, _ = polygons(plain.with_name("one.tif"), moved)
    assert table.iloc[0]["p_to"] == pytest.approx((shares[7:10, 7:13] / 100).mean())
    assert table.iloc[0]["p_to_min"] == pytest.approx((shares[7:10, 7:13] / 100).min())


@pytest.mark.parametrize("way", [-10, 10])
def test_outer_rings_run_counterclockwise(make_map, polygons, patches, way):
    place = Affine(10, 0, 465_000, 0, way, 5_080_000)
    one, two = (make_map(f"{n}.tif", values, transform=place) for n, values in enumerate(patches))
    table, _ = polygons(one, two)
    assert shapely.is_ccw(shapely.get_exterior_ring(table.geometry.to_numpy())).all()


def test_small_polygons_are_left_out_and_counted(make_map, polygons, patches):
    paths = make_map("one.tif", patches[0]), make_map("two.tif", patches[1])
    whole, _ = polygons(*paths)
    for least, kept in (
        ({"pixels": 3}, whole["pixels"] >= 3),
        ({"area_m2": 250.0}, whole["area_m2"] >= 250),
        ({"pixels": 2, "area_m2": 390.0}, whole["area_m2"] >= 390),
    ):
        table, counts = polygons(*paths, **least)
        assert 0 < len(table) < len(whole)
        assert table["id"].tolist() == list(range(1, len(table) + 1))
        assert table["area_m2"].tolist() == whole["area_m2"][kept].tolist()
        assert (counts.written, counts.left_out) == (kept.sum(), (~kept).sum())
        assert counts.left_out_area == pytest.approx(whole["area_m2"][~kept].sum())


def test_what_looks_like_a_move(make_map, polygons):
    one = np.full((30, 40), 1)
    one[:, 20:] = 3
    two = one.copy()
    two[:10, 19] = 3  # a strip along the border
    two[15:20, 4:9] = 2
    two[22:28, 15:20] = 3  # as wide as no move
    paths = make_map("one.tif", one), make_map("two.tif", two)
    table, _ = polygons(*paths)
    # but for two corners of the last one
    assert table["misreg"].tolist() == pytest.approx([1, 0, 2 / 30], abs=1e-6)
    table, _ = polygons(*paths, px=0)
    assert table["misreg"].tolist() == [0, 0, 0]


def test_many_polygons_come_in_several_tables(make_map, open_pair, monkeypatch):
    monkeypatch.setattr("sam_geo.comparison.polygons.BATCH", 7)
    one = np.ones((9, 30))
    two = one + (np.indices(one.shape) % 2 == 0).all(axis=0)
    with open_pair(make_map("one.tif", one), make_map("two.tif", two)) as grid:
        _, names = count_changes(grid)
        counts = PolygonCounts()
        tables = list(change_tables(grid, names, counts, misregistration=0.5))
    assert [len(table) for table in tables] == [7] * 10 + [5]
    assert pd.concat(tables)["id"].tolist() == list(range(1, 76))
    assert counts.written == 75


def test_no_change_is_an_empty_table_of_the_same_columns(make_map, polygons):
    one = make_map("one.tif", np.full((20, 30), 2))
    table, counts = polygons(one, one)
    assert tuple(table.columns) == COLUMNS
    assert (len(table), counts.written, table.crs) == (0, 0, "EPSG:32633")


def test_without_a_reference_system_pixels_are_areas(make_map, polygons):
    one, two = np.full((20, 30), 1), np.full((20, 30), 1)
    two[5:8, 4:10] = 2
    two[12, 12] = 2
    paths = make_map("one.tif", one, crs=None), make_map("two.tif", two, crs=None)
    table, counts = polygons(*paths, area_m2=2)
    assert table["area_m2"].isna().all()
    assert table["pixels"].tolist() == [18]
    assert counts.left_out_area == 1
    assert table.crs is None
