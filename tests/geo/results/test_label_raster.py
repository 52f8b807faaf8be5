"""Label rasters."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from geo_jobs import ROTATED

from sam_common.errors import OutputError
from sam_common.masks.decoded import MaskRegion
from sam_common.window import Window
from sam_geo.raster.source import open_raster
from sam_geo.results.label_raster import label_writer


def region(top, left, rows, cols, mask=None):
    window = Window((top, left), (top + rows, left + cols))
    return MaskRegion(window, np.ones((rows, cols), np.bool_) if mask is None else mask)


@pytest.fixture
def image(make_raster):
    return make_raster(np.zeros((1, 1300, 1100), dtype=np.uint8))


def write(image, path, objects, **options):
    with open_raster(image) as source, label_writer(path, source, **options) as draw:
        for number, pieces in objects:
            draw(number, pieces)


def test_the_first_object_stays_where_two_overlap(image, tmp_path):
    path = tmp_path / "labels.tif"
    ring = np.ones((10, 10), np.bool_)
    ring[3:7, 3:7] = False
    objects = [
        (1, [region(100, 100, 10, 10, ring)]),
        (2, [region(95, 95, 10, 20), region(600, 1000, 5, 100)]),
        (70_000, [region(0, 0, 1, 1)]),
    ]
    write(image, path, objects)
    expected = np.zeros((1300, 1100), np.uint32)
    expected[95:105, 95:115] = 2
    expected[600:605, 1000:1100] = 2
    expected[100:110, 100:110][ring] = 1
    expected[0, 0] = 70_000
    with rasterio.open(path) as found, rasterio.open(image) as source:
        np.testing.assert_array_equal(found.read(1), expected)
        assert (found.crs, found.transform) == (source.crs, source.transform)
        assert found.nodata == 0
        assert found.dtypes == ("uint32",)


def test_it_is_cloud_optimised(image, tmp_path):
    path = tmp_path / "labels.tif"
    write(image, path, [(1, [region(0, 0, 1300, 1100)]), (9, [region(0, 0, 5, 5)])])
    with rasterio.open(path) as found:
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert found.block_shapes == [(512, 512)]
        (half, *_) = found.overviews(1)
        assert half == 2
        # nearest: numbers are never mixed
        assert set(np.unique(found.read(1, out_shape=(650, 550)))) <= {0, 1, 9}
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "image.tif"] == [path.name]


def test_what_is_there_is_not_replaced_unasked(image, tmp_path):
    path = tmp_path / "labels.tif"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="output exists"):
        write(image, path, [])
    write(image, path, [], overwrite=True)
    with rasterio.open(path) as found:
        assert not found.read(1).any()


def test_labels_that_are_cut_short_are_no_output(image, tmp_path, monkeypatch):
    path, copy = tmp_path / "labels.tif", rasterio.shutil.copy

    def cut(source, part, **options):
        copy(source, part, **options)
        with part.open("r+b") as file:
            file.truncate(part.stat().st_size // 2)

    monkeypatch.setattr("rasterio.shutil.copy", cut)
    noise = np.random.default_rng(0).random((1300, 1100)) > 0.5
    with pytest.raises(OutputError, match=f"^cannot write {path}: "):
        write(image, path, [(1, [region(0, 0, 1300, 1100, noise)])])
    assert [entry.name for entry in tmp_path.iterdir()] == ["image.tif"]


def test_labels_with_other_numbers_are_no_output(image, tmp_path, monkeypatch):
    path = tmp_path / "labels.tif"
    path.write_bytes(b"old")

    def other(source, part, **_options):
        with rasterio.open(source) as drawn, rasterio.open(part, "w", **drawn.profile) as out:
            out.write(np.minimum(drawn.read(), 1))

    monkeypatch.setattr("rasterio.shutil.copy", other)
    with pytest.raises(OutputError, match="of 25 labelled pixels 25 were read back, or with other"):
        write(image, path, [(9, [region(0, 0, 5, 5)])], overwrite=True)
    assert path.read_bytes() == b"old"


def test_what_lay_beside_older_labels_goes_with_them(image, tmp_path):
    path, beside = tmp_path / "labels.tif", tmp_path / "labels.tif.aux.xml"
    beside.write_text("<PAMDataset><GeoTransform>7, 1, 0, 7, 0, -1</GeoTransform></PAMDataset>")
    with pytest.raises(OutputError, match=f"output exists: {beside}"):
        write(image, path, [])
    write(image, path, [(1, [region(0, 0, 5, 5)])], overwrite=True)
    with rasterio.open(path) as found, rasterio.open(image) as source:
        assert found.transform == source.transform
    assert not beside.exists()


def test_a_system_that_a_geotiff_cannot_say_is_kept_beside_it(make_raster, tmp_path):
    crs = rasterio.crs.CRS.from_wkt(ROTATED)
    image = make_raster(np.zeros((1, 50, 60), dtype=np.uint8), crs=crs)
    path = tmp_path / "labels.tif"
    write(image, path, [(1, [region(0, 0, 5, 5)])])
    with rasterio.open(path) as found:
        assert found.crs == crs
    names = {entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("image")}
    assert names == {"labels.tif", "labels.tif.aux.xml"}
    write(image, path, [(1, [region(0, 0, 5, 5)])], overwrite=True)
    with rasterio.open(path) as found:
        assert found.crs == crs


def test_an_object_under_others_is_counted(tmp_path, make_raster):
    image = make_raster(np.full((1, 40, 40), 9, dtype=np.uint8))
    with open_raster(image) as source, label_writer(tmp_path / "labels.tif", source) as draw:
        whole = MaskRegion(Window((0, 0), (20, 20)), np.ones((20, 20), np.bool_))
        inner = MaskRegion(Window((5, 5), (9, 9)), np.ones((4, 4), np.bool_))
        assert draw(1, [whole])
        assert not draw(2, [inner])
        assert draw(3, [inner.shift((14, 14)), inner])
