"""Polygons of class maps: a partition on every grid, in every format, of true area."""

from __future__ import annotations

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio.features
import shapely
from affine import Affine
from class_maps import NAMES, TRANSFORM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from result_tables import read

from sam_common.errors import GeometryError, InputError, OutputError
from sam_geo.class_maps import class_map, pieces
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.partition import PartitionOptions, partition_tables, write_partition
from sam_geo.class_maps.pixel_area import pixel_areas
from sam_geo.outlines.area import measurer
from sam_geo.tables.formats import FORMATS

EXACT = PartitionOptions(tolerance=0)
BY_CLASS = PartitionOptions("class", tolerance=0)
TURNED = Affine.translation(465_000, 5_080_000) @ Affine.rotation(33) @ Affine.scale(10, -10)
GRIDS = {
    "north-up": ("EPSG:32633", TRANSFORM),
    "south-up": ("EPSG:32633", Affine(10, 0, 465_000, 0, 10, 5_070_000)),
    "mirrored": ("EPSG:32633", Affine(-10, 0, 465_000, 0, -10, 5_080_000)),
    "turned": ("EPSG:32633", TURNED),
    "sheared": ("EPSG:32633", TURNED @ Affine.shear(20, 5)),
    "oblong": ("EPSG:32633", Affine(7, 0, 465_000, 0, -31, 5_080_000)),
    "degrees": ("EPSG:4326", Affine(1e-5, 0, 13.1, 0, -1e-5, 52.3)),
    "feet": ("EPSG:2263", Affine(3, 0, 980_000, 0, -3, 190_000)),
    "no system": (None, TRANSFORM),
    "pixels": (None, Affine.identity()),
}
maps = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)
)


@pytest.fixture
def tables(memory_raster):
    """The table of the polygons of a map, and its transform."""

    def made(values, options=EXACT, *, probability=None, grid="north-up"):
        crs, transform = GRIDS[grid]
        bands = np.stack([values] if probability is None else [values, probability])
        with (
            memory_raster(bands, nodata=0, crs=crs, transform=transform) as path,
            open_class_map(path) as classes,
        ):
            parts = list(partition_tables(classes, options))
        return pd.concat(parts) if len(parts) > 1 else parts[0]

    return made


def blobs(side=150, classes=5, seed=2):
    """Patches of classes with slanted edges, holes and specks."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices((side, side))
    values = np.ones((side, side), dtype=np.uint8)
    for value in rng.integers(0, classes + 1, 60).tolist():
        row, col, radius = rng.uniform(0, side, 3) * (1, 1, 0.12)
        values[np.hypot(rows - row, (cols - col) * rng.uniform(0.5, 2)) < radius] = value
    specks = rng.random((side, side)) < 0.01
    values[specks] = rng.integers(0, classes + 1, specks.sum())
    return values


def assert_partition(table):
    shapes = table.geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    assert shapely.is_ccw(shapely.get_exterior_ring(shapely.get_parts(shapes))).all()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(maps, st.sampled_from(sorted(GRIDS)))
def test_outlines_are_those_of_gdal_on_any_grid(tables, values, grid):
    table = tables(values, grid=grid)
    assert_partition(table)
    expected = [
        (int(value), shapely.geometry.shape(part))
        for part, value in rasterio.features.shapes(
            values, mask=values > 0, connectivity=4, transform=GRIDS[grid][1]
        )
    ]
    assert sorted(table["value"]) == sorted(value for value, _ in expected)
    tree = shapely.STRtree(table.geometry.to_numpy())
    for value, shape in expected:
        at = tree.query(shape.representative_point(), predicate="within")
        (row,) = at.tolist()
        found = table.geometry.iloc[row]
        assert table["value"].iloc[row] == value
        assert shapely.hausdorff_distance(found, shape) < 1e-8
        assert found.area == pytest.approx(shape.area)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("by", ["object", "class"])
def test_areas_before_simplification_are_those_of_the_pixels(tables, grid, by):
    values = blobs()
    table = tables(values, PartitionOptions(by, tolerance=0), grid=grid)
    transform = GRIDS[grid][1]
    pixel = abs(transform.determinant)
    areas = pd.Series(shapely.area(table.geometry.to_numpy()))
    found = areas.groupby(table["value"].to_numpy()).sum()
    for value in range(1, 6):
        pixels = np.count_nonzero(values == value)
        assert found[value] == pytest.approx(pixels * pixel, rel=1e-6)
        assert table["area_px"][table["value"] == value].sum() == pixels


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("tolerance", [None, 0.0, 0.3])
def test_simplified_polygons_are_a_partition_on_any_grid(tables, grid, tolerance):
    table = tables(blobs(), PartitionOptions(tolerance=tolerance), grid=grid)
    assert_partition(table)
    shapes = table.geometry.to_numpy()
    assert shapely.union_all(shapes).area == pytest.approx(shapely.area(shapes).sum())


def test_simplification_leaves_neither_gaps_nor_overlaps(tables):
    values = np.maximum(blobs(), 1)
    table = tables(values, PartitionOptions(tolerance=30))
    exact = tables(values)
    assert_partition(table)
    whole = shapely.union_all(table.geometry.to_numpy())
    left, top = TRANSFORM.c, TRANSFORM.f
    assert whole.equals(shapely.box(left, top - 1500, left + 1500, top))
    counts = [shapely.get_num_coordinates(each.geometry).sum() for each in (table, exact)]
    assert counts[0] < counts[1] / 2
    # the columns tell of the map, not of the simplified polygons
    assert table["area_m2"].tolist() == exact["area_m2"].tolist()


def test_the_tolerance_is_a_pixel_where_none_is_given(tables):
    values = blobs()
    for grid, pixel in (("north-up", 10.0), ("sheared", None), ("degrees", 1e-5)):
        side = pixel or np.sqrt(abs(GRIDS[grid][1].determinant))
        one = tables(values, PartitionOptions(), grid=grid)
        other = tables(values, PartitionOptions(tolerance=side), grid=grid)
        assert one.geometry.geom_equals_exact(other.geometry, side * 1e-6).all()


def test_windows_do_not_change_exact_polygons(tables, monkeypatch):
    values = blobs()
    probability = np.random.default_rng(0).integers(1, 101, values.shape).astype(np.uint8)
    expected = tables(values, probability=probability)
    monkeypatch.setattr(class_map, "SIDE", 128)
    found = tables(values, probability=probability)
    assert found.geometry.normalize().equals(expected.geometry.normalize())
    for name in ("id", "class", "value", "area_px", "probability"):
        assert found[name].tolist() == expected[name].tolist()
    assert found["area_m2"].to_numpy() == pytest.approx(expected["area_m2"].to_numpy())


def test_a_class_is_one_row(tables):
    values = blobs()
    rng = np.random.default_rng(1)
    probability = rng.integers(1, 101, values.shape).astype(np.uint8)
    table = tables(values, BY_CLASS, probability=probability)
    assert table["id"].tolist() == table["value"].tolist() == [1, 2, 3, 4, 5]
    assert set(table.geom_type) == {"MultiPolygon"}
    assert_partition(table)
    for value, mean in zip(table["value"], table["probability"], strict=True):
        assert mean == pytest.approx(probability[values == value].mean() / 100)


def test_objects_are_numbered_by_their_first_pixels(tables):
    table = tables(np.array([[2, 1, 2], [0, 1, 2], [3, 3, 3]], dtype=np.uint8))
    assert table["id"].tolist() == [1, 2, 3, 4]
    assert table["value"].tolist() == [2, 1, 2, 3]
    assert table["area_px"].tolist() == [1, 2, 2, 3]


@pytest.mark.parametrize("grid", ["north-up", "turned", "degrees", "feet"])
def test_true_areas_are_those_of_geodesic_polygons(tables, grid):
    table = tables(blobs(60), grid=grid)
    areas, _ = measurer(table.crs)(table.geometry.to_numpy())
    assert table["area_m2"].to_numpy() == pytest.approx(areas, rel=1e-5)


def test_true_areas_add_up_to_those_of_the_map(write_map, thirds):
    with open_class_map(write_map(thirds)) as classes:
        table = pd.concat(partition_tables(classes, BY_CLASS))
        measure = pixel_areas(classes.source.crs, classes.source.frame)
        (window,) = classes.windows()
        areas = measure(window)
    for value, area in zip(table["value"], table["area_m2"], strict=True):
        assert area == pytest.approx(areas[thirds == value].sum(), rel=1e-9)


def test_without_a_reference_system_there_is_no_true_area(tables):
    table = tables(blobs(30), grid="no system")
    assert table["area_m2"].isna().all()
    assert table.crs is None


def test_without_a_second_band_there_is_no_probability(tables):
    assert tables(blobs(30))["probability"].isna().all()


def test_names_come_from_the_record(write_map, thirds):
    with open_class_map(write_map(thirds, names=NAMES)) as classes:
        table = pd.concat(partition_tables(classes, BY_CLASS))
    assert table["class"].tolist() == ["water", "forest", "town"]
    with open_class_map(write_map(thirds, names={"1": "water", "2": "forest"})) as classes:
        with pytest.raises(InputError) as caught:
            list(partition_tables(classes, EXACT))
        assert "pixels of value 7, which is no class" in str(caught.value)


def test_a_map_without_classes_gives_an_empty_table(tables):
    table = tables(np.zeros((3, 4), dtype=np.uint8))
    assert len(table) == 0
    assert list(table.columns) == [
        "id", "class", "value", "area_m2", "area_px", "probability", "geometry",
    ]  # fmt: skip
    assert len(tables(np.zeros((3, 4), dtype=np.uint8), BY_CLASS)) == 0


def test_a_single_pixel_is_a_square(tables):
    table = tables(np.full((1, 1), 7, dtype=np.uint8), PartitionOptions())
    expected = shapely.box(465_000, 5_079_990, 465_010, 5_080_000)
    assert table.geometry.iloc[0].equals(expected)


def test_a_checkerboard_is_as_many_squares(tables):
    board = (np.indices((40, 50)).sum(axis=0) % 2 + 1).astype(np.uint8)
    table = tables(board)
    assert len(table) == 2000
    assert_partition(table)
    assert_partition(tables(board, PartitionOptions()))
    assert_partition(tables(board, BY_CLASS))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("by", ["object", "class"])
def test_every_format_holds_the_partition(write_map, tmp_path, suffix, by):
    values = blobs(60)
    path = tmp_path / f"parts{suffix}"
    source = write_map(values, probability=np.full(values.shape, 80))
    with open_class_map(source) as classes:
        rows = write_partition(classes, path, PartitionOptions(by))
        expected = pd.concat(partition_tables(classes, PartitionOptions(by)))
    found = read(path)
    assert len(found) == rows == len(expected)
    short = {"probability": "probab"} if suffix == ".shp" else {}
    for name in ("id", "class", "value", "area_m2", "area_px", "probability"):
        column = found[short.get(name, name)]
        if name == "class":
            assert column.astype(str).tolist() == expected[name].tolist()
        else:
            assert column.to_numpy() == pytest.approx(expected[name].to_numpy())
    assert shapely.coverage_is_valid(found.geometry.to_numpy())
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".gpkg") == (
        [path.name] if suffix == ".gpkg" else []
    )


def test_a_layer_is_added_to_a_geopackage(write_map, tmp_path):
    path = tmp_path / "all.gpkg"
    with open_class_map(write_map(blobs(30))) as classes:
        write_partition(classes, path, EXACT, layer="pieces")
        with pytest.raises(OutputError, match="output exists"):
            write_partition(classes, path, BY_CLASS, layer="classes")
        write_partition(classes, path, BY_CLASS, layer="classes", overwrite=True)
    assert geopandas.list_layers(path)["name"].tolist() == ["pieces", "classes"]


def test_the_same_map_gives_the_same_bytes(write_map, tmp_path):
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    with open_class_map(write_map(blobs())) as classes:
        for path in (one, two):
            write_partition(classes, path, PartitionOptions())
    assert one.read_bytes() == two.read_bytes()


def test_outlines_wait_on_the_disk_of_the_output(write_map, tmp_path, monkeypatch):
    seen, store = [], pieces.OutlineStore

    def remembered(width, folder):
        seen.append(folder)
        return store(width, folder)

    monkeypatch.setattr(pieces, "OutlineStore", remembered)
    with open_class_map(write_map(blobs(30))) as classes:
        write_partition(classes, tmp_path / "parts.gpkg", EXACT)
    assert seen == [tmp_path]


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_is_a_number_from_0_up(tolerance):
    with pytest.raises(InputError, match="the tolerance of polygons must be a finite number from"):
        PartitionOptions(tolerance=tolerance)


def test_pixels_too_small_for_their_coordinates_are_refused(memory_raster):
    tiny = Affine(1e-10, 0, 465_000, 0, -1e-10, 5_080_000)
    with (
        memory_raster(np.ones((1, 4, 4), dtype=np.uint8), nodata=0, transform=tiny) as path,
        open_class_map(path) as classes,
        pytest.raises(GeometryError, match="are too small for their coordinates"),
    ):
        list(partition_tables(classes, EXACT))
