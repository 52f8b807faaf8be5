"""Samples: pixels of points, lines and polygons, and all that does not count."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from sam_common.errors import PromptError
from sam_geo.learning import samples as module
from sam_geo.learning.samples import read_samples
from sam_geo.raster.source import open_raster

GRID = Affine(10, 0, 500_000, 0, -10, 5_800_000)
SIZE = (60, 80)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "image.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint8", crs="EPSG:32633", transform=GRID,
        height=SIZE[0], width=SIZE[1],
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, *SIZE), dtype=np.uint8))
    with open_raster(path) as opened:
        yield opened


@pytest.fixture
def write(tmp_path):
    """Write shapes in pixel corners (x, y) as a vector file in another reference system."""

    def write_samples(shapes, crs="EPSG:4326", **columns):
        world = [
            None
            if shape is None
            else shapely.transform(shape, lambda xy: np.array([GRID @ p for p in xy]))
            for shape in shapes
        ]
        table = geopandas.GeoDataFrame(columns, geometry=world, crs="EPSG:32633")
        path = tmp_path / "samples.gpkg"
        table.to_crs(crs).to_file(path)
        return path

    return write_samples


def cells_of(samples, feature):
    return samples.cells[samples.feature_of == feature].tolist()


def test_pixels_of_every_kind_of_shape(source, write):
    shapes = [
        shapely.box(2, 3, 5, 7),
        shapely.Point(10.5, 20.5),
        shapely.LineString([(30.5, 10.5), (30.5, 14.5)]),
        shapely.box(40.6, 30.6, 40.9, 30.9),
        shapely.MultiPoint([(50.5, 5.5), (52.5, 5.5)]),
    ]
    found = read_samples(write(shapes, k=["a", "b", "b", "a", "c"]), source, class_field="K")
    assert found.classes == ("a", "b", "c")
    assert cells_of(found, 0) == [[r, c] for r in range(3, 7) for c in range(2, 5)]
    assert cells_of(found, 1) == [[20, 10]]
    assert cells_of(found, 2) == [[r, 30] for r in range(10, 15)]
    # no centre of a pixel lies in it: the one that it touches
    assert cells_of(found, 3) == [[30, 40]]
    assert cells_of(found, 4) == [[5, 50], [5, 52]]
    assert found.class_of.tolist() == [0, 1, 1, 0, 2]
    assert found.rows == (0, 1, 2, 3, 4)
    assert found.pixel_classes.tolist() == [0] * 12 + [1] * 6 + [0] + [2] * 2
    assert set(found.left_out.values()) == {0}


def test_classes_are_text_or_whole_numbers(source, write):
    shapes = [shapely.Point(x + 0.5, 0.5) for x in range(4)]
    found = read_samples(write(shapes, **{"class": [10.0, 9.0, 10.0, 2.0]}), source)
    assert found.classes == ("2", "9", "10")
    with pytest.raises(PromptError, match=r"is no class in row 1: 2\.5 is not a whole number"):
        read_samples(write(shapes, **{"class": [1.0, 2.5, 1.0, 1.0]}), source)


def test_what_does_not_count_is_counted(source, write):
    shapes = [
        shapely.Point(1.5, 1.5),
        shapely.Point(2.5, 1.5),
        shapely.Point(3.5, 1.5),
        None,
        shapely.Point(500, 1),
        shapely.GeometryCollection([shapely.Point(1, 1), shapely.box(1, 1, 2, 2)]),
    ]
    found = read_samples(write(shapes, **{"class": ["a", "b", None, "a", "a", "a"]}), source)
    assert found.left_out == {
        "class": 1, "geometry": 2, "outside": 1, "contradicted": 0, "repeated": 0,
    }  # fmt: skip
    assert found.rows == (0, 1)


def test_pixels_that_two_classes_claim_count_for_none(source, write):
    shapes = [shapely.box(0, 0, 4, 4), shapely.box(2, 0, 6, 4), shapely.box(2, 1, 4, 2)]
    found = read_samples(write(shapes, **{"class": ["a", "b", "a"]}), source)
    assert found.contradictions == 8
    assert found.left_out["contradicted"] == 1
    assert sorted(cells_of(found, 0)) == [[r, c] for r in range(4) for c in range(2)]
    assert sorted(cells_of(found, 1)) == [[r, c] for r in range(4) for c in range(4, 6)]
    assert found.rows == (0, 1)


def test_a_pixel_of_one_class_counts_once(source, write):
    shapes = [shapely.box(0, 0, 4, 4), shapely.box(2, 2, 6, 6), shapely.Point(70.5, 50.5)]
    found = read_samples(write(shapes, **{"class": ["a", "a", "b"]}), source)
    assert len({tuple(cell) for cell in found.cells.tolist()}) == len(found.cells) == 28 + 1
    assert len(cells_of(found, 0)) == 16


def test_large_polygons_give_a_share_of_their_pixels(source, write, monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 200)
    path = write([shapely.box(0, 0, 70, 60), shapely.Point(75.5, 3.5)], **{"class": ["a", "b"]})
    whole = read_samples(path, source)
    assert len(cells_of(whole, 0)) == 200
    rows, cols = np.array(cells_of(whole, 0)).T
    assert abs(rows.mean() - 29.5) < 4 * 17.3 / np.sqrt(200)
    assert abs(cols.mean() - 34.5) < 4 * 20.2 / np.sqrt(200)
    # however it is cut into parts
    monkeypatch.setattr(module, "SIDE", 23)
    parts = read_samples(path, source)
    assert sorted(parts.cells.tolist()) == sorted(whole.cells.tolist())


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["a", "a"], "are of one class only, a: a map needs two or more"),
        (
            ["a", None],
            "two or more (samples that do not count: 1 class)",
        ),
        (
            [None, None],
            "of no class: a map needs two or more (samples that do not count: 2 class)",
        ),
    ],
)
def test_one_class_makes_no_map(source, write, classes, expected):
    path = write([shapely.Point(1.5, 1.5), shapely.Point(3.5, 3.5)], **{"class": classes})
    with pytest.raises(PromptError) as caught:
        read_samples(path, source)
    assert str(caught.value).endswith(expected)


def test_contradicted_and_repeated(source, write):
    shapes = [
        shapely.box(0, 0, 4, 4),
        shapely.Point(1.5, 1.5),  # of the same class on its pixels
        shapely.Point(2.5, 2.5),  # of another one
        shapely.Point(9.5, 9.5),
        shapely.Point(20.5, 9.5),
    ]
    found = read_samples(write(shapes, **{"class": ["a", "a", "b", "b", "a"]}), source)
    assert (found.left_out["contradicted"], found.left_out["repeated"]) == (1, 1)
    assert found.contradictions == 1
    assert found.rows == (0, 3, 4)
    assert len(cells_of(found, 0)) == 15


def test_pixels_without_data_do_not_count(source, write):
    shapes = [shapely.box(0, 0, 4, 4), shapely.Point(9.5, 9.5), shapely.Point(20.5, 9.5)]
    samples = read_samples(write(shapes, **{"class": ["a", "b", "c"]}), source)
    has_data = samples.cells[:, 0] != 9
    has_data[samples.cells[:, 1] == 20] = True
    has_data[:8] = False
    found = samples.on_data(has_data)
    assert found.classes == ("a", "c")
    assert found.left_out["nodata"] == 1
    assert found.rows == (0, 2)
    assert found.pixel_classes.tolist() == [0] * 8 + [1]
    with pytest.raises(PromptError, match="without data but for a"):
        samples.on_data(samples.cells[:, 0] < 4)
