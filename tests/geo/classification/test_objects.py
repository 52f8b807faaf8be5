"""Objects of a file, as numbers on the pixels of a window."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from sam_common.errors import InputError, PromptError
from sam_common.window import Window
from sam_geo.classification.objects import open_objects
from sam_geo.raster.source import open_raster

GRID = Affine(10, 0, 500_000, 0, -10, 5_800_000)
WHOLE = Window((0, 0), (40, 50))


def raster(path, values, transform=GRID, **options):
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
        dtype=values.dtype, crs="EPSG:32633", transform=transform, **options,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    return path


@pytest.fixture
def grid(tmp_path):
    with open_raster(raster(tmp_path / "image.tif", np.ones((40, 50), np.uint8))) as opened:
        yield opened


@pytest.fixture
def write(tmp_path):
    def writer(shapes, crs="EPSG:32633"):
        world = [shapely.transform(s, lambda xy: np.array([GRID @ p for p in xy])) for s in shapes]
        path = tmp_path / "objects.gpkg"
        geopandas.GeoDataFrame(geometry=world, crs="EPSG:32633").to_crs(crs).to_file(path)
        return path

    return writer


def test_pixels_whose_centre_lies_inside(grid, write):
    path = write([shapely.box(3, 4, 9, 11), shapely.box(20.4, 20.4, 22.6, 22.6)])
    with open_objects(path, grid) as objects:
        found = objects.read(WHOLE)
    expected = np.full((40, 50), -1)
    expected[4:11, 3:9] = 0
    expected[20:23, 20:23] = 1
    assert np.array_equal(found, expected)


def test_the_smaller_one_is_on_top(grid, write):
    path = write([shapely.box(10, 10, 12, 12), shapely.box(0, 0, 30, 30)])
    with open_objects(path, grid) as objects:
        found = objects.read(WHOLE)
    assert len(np.unique(found)) == 3
    assert (found == found[10, 10]).sum() == 4


def test_windows_agree_with_the_whole(grid, write):
    rng = np.random.default_rng(0)
    shapes = [shapely.Point(x, y).buffer(r) for x, y, r in rng.uniform(2, 30, (40, 3))]
    path = write(shapes, crs="EPSG:4326")
    with open_objects(path, grid) as objects:
        whole = objects.read(WHOLE)
        for start in ((0, 0), (13, 7), (30, 41)):
            window = Window(start, (min(40, start[0] + 15), min(50, start[1] + 20)))
            assert np.array_equal(objects.read(window), whole[window.slices])


def test_a_label_raster(grid, tmp_path):
    values = np.zeros((40, 50), dtype=np.uint32)
    values[3:6, 4:9] = 4_000_000_000
    path = raster(tmp_path / "labels.tif", values, nodata=0)
    with open_objects(path, grid) as objects:
        found = objects.read(WHOLE)
    assert (found[3:6, 4:9] == 4_000_000_000).all()
    assert (found == -1).sum() == 2000 - 15


def test_labels_of_another_grid(grid, tmp_path):
    path = raster(tmp_path / "labels.tif", np.ones((40, 50), np.uint8), GRID @ Affine.scale(2))
    with pytest.raises(InputError, match="another grid"), open_objects(path, grid):
        pass


def test_labels_that_are_no_numbers_of_objects(grid, tmp_path):
    path = raster(tmp_path / "labels.tif", np.ones((40, 50), np.float32))
    with pytest.raises(InputError, match="float32"), open_objects(path, grid):
        pass


def test_no_polygon_on_the_raster(grid, write):
    path = write([shapely.box(500, 500, 510, 510), shapely.Point(3, 3)])
    with (
        pytest.raises(PromptError, match=r"none of the 2 rows of .*objects\.gpkg"),
        open_objects(path, grid),
    ):
        pass


def test_an_image_holds_no_objects(grid, tmp_path):
    path = tmp_path / "image3.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=50, height=40, count=3, dtype="uint8", crs="EPSG:32633",
        transform=GRID, photometric="RGB",
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((3, 40, 50), np.uint8))
    with (
        pytest.raises(InputError, match=r"image3\.tif has 3 bands, as an image has: objects as a"),
        open_objects(path, grid),
    ):
        pass
