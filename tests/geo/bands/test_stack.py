"""Stacks of rasters: one grid, all bands, by windows; GDAL's own warp as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.warp import reproject

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.bands.stack import open_stack

GRID = Affine(10, 0, 500_000, 0, -10, 5_800_000)
SIZE = (40, 60)


@pytest.fixture
def write(tmp_path):
    def write_raster(
        name, values, *, crs="EPSG:32633", transform=GRID, nodata=None, names=(), colours=()
    ):
        path = tmp_path / name
        values = np.atleast_3d(values) if np.ndim(values) < 3 else np.asarray(values)
        if values.shape[-1] == 1 and values.ndim == 3:
            values = values[None, :, :, 0]
        with rasterio.open(
            path, "w", driver="GTiff", count=len(values), dtype=values.dtype, crs=crs,
            transform=transform, height=values.shape[1], width=values.shape[2], nodata=nodata,
        ) as dataset:  # fmt: skip
            if colours:
                dataset.colorinterp = colours
            dataset.write(values)
            for n, text in enumerate(names):
                dataset.set_band_description(n + 1, text)
        return path

    return write_raster


@pytest.fixture
def bands():
    rng = np.random.default_rng(4)
    return rng.integers(1, 4000, (4, *SIZE)).astype(np.uint16)


def test_all_bands_of_one_raster(write, bands):
    names = ("blue", "green", "red", "nir")
    with open_stack([write("s2.tif", bands, names=names)]) as stack:
        assert (stack.size_hw, stack.band_names) == (SIZE, names)
        values, valid = stack.read(Window((5, 7), (30, 50)))
    assert values.dtype == np.float32
    assert np.array_equal(values, bands[:, 5:30, 7:50])
    assert valid.all()


def test_rasters_of_one_grid_are_not_resampled(write, bands):
    paths = [write("a.tif", bands), write("b.tif", bands[:2] + 1)]
    with open_stack(paths) as stack:
        values, _ = stack.read(Window((0, 0), SIZE))
        assert stack.band_names == ("a_b1", "a_b2", "b3", "b4", "b_b1", "b_b2")
    assert np.array_equal(values, np.concatenate([bands, bands[:2] + 1]))


def test_other_grids_are_warped_as_gdal_does_it(write, bands):
    fine = np.random.default_rng(2).normal(200, 30, (1, 120, 150)).astype(np.float32)
    there = Affine(0.0001, 0, 15.0 - 0.003, 0, -0.0001, 52.3499)
    paths = [write("a.tif", bands), write("dem.tif", fine, crs="EPSG:4326", transform=there)]
    expected = np.full(SIZE, np.nan, dtype=np.float32)
    reproject(
        fine[0], expected, src_transform=there, src_crs="EPSG:4326", dst_transform=GRID,
        dst_crs="EPSG:32633", dst_nodata=np.nan, resampling=Resampling.bilinear,
    )  # fmt: skip
    with open_stack(paths) as stack:
        whole, valid = stack.read(Window((0, 0), SIZE))
        part, _ = stack.read(Window((11, 13), (29, 47)))
    assert stack.band_names == ("a_b1", "b2", "b3", "b4", "dem_b1")
    covered = np.isfinite(expected)
    assert 0.1 < covered.mean() < 1
    assert np.array_equal(np.isfinite(whole[4]), covered)
    assert whole[4][covered] == pytest.approx(expected[covered], abs=1e-3)
    # what another raster does not cover is a value that is missing, not a pixel
    assert valid.all()
    assert np.array_equal(part, whole[:, 11:29, 13:47], equal_nan=True)


def test_a_grid_moved_by_rows_is_warped(write, bands):
    """The same size and pixels, two rows further north."""
    moved = Affine(10, 0, 500_000, 0, -10, 5_800_020)
    with open_stack([write("a.tif", bands), write("b.tif", bands, transform=moved)]) as stack:
        values, _ = stack.read(Window((0, 0), SIZE))
    assert values[4:, : SIZE[0] - 2] == pytest.approx(bands[:, 2:].astype(np.float32))
    assert np.isnan(values[4:, SIZE[0] - 2 :]).all()


def test_missing_values(write, bands):
    bands[:, 3, 4] = 0
    bands[1, 5, 6] = 0
    with open_stack([write("a.tif", bands, nodata=0)]) as stack:
        values, valid = stack.read(Window((0, 0), SIZE))
    assert not valid[3, 4]
    assert valid.sum() == valid.size - 1
    assert np.isnan(values[:, 3, 4]).all()
    assert np.isnan(values[:, 5, 6]).tolist() == [False, True, False, False]


def test_a_colour_may_have_the_value_of_nodata_in_one_band(write):
    colours = np.full((3, *SIZE), 90, dtype=np.uint8)
    colours[2, 5, 6] = 255
    colours[:, 7, 8] = 255
    with open_stack([write("map.tif", colours, nodata=255)]) as stack:
        values, valid = stack.read(Window((0, 0), SIZE))
    assert values[2, 5, 6] == 255
    assert np.argwhere(~valid).tolist() == [[7, 8]]


def test_numbers_that_are_none_are_missing(write):
    values = np.ones((2, *SIZE), dtype=np.float32)
    values[0, 1, 1], values[:, 2, 2] = np.inf, np.nan
    with open_stack([write("f.tif", values)]) as stack:
        found, valid = stack.read(Window((0, 0), SIZE))
    assert np.isnan(found[0, 1, 1])
    assert valid[1, 1]
    assert not valid[2, 2]


def test_an_alpha_band_is_a_mask_and_no_feature(write):
    grey = np.full((2, *SIZE), 9, dtype=np.uint8)
    grey[1] = 255
    grey[1, 0] = 0
    kinds = [ColorInterp.gray, ColorInterp.alpha]
    with open_stack([write("g.tif", grey, colours=kinds)]) as stack:
        values, valid = stack.read(Window((0, 0), SIZE))
    assert values.shape[0] == 1
    assert not valid[0].any()
    assert valid[1:].all()


def test_names_of_bands(write, bands):
    path = write("a.tif", bands)
    with open_stack([path], band_names=["b", "g", "r", "n"]) as stack:
        assert stack.band_names == ("b", "g", "r", "n")
    with open_stack([path, path]) as stack:
        assert len(set(stack.band_names)) == 8
    with pytest.raises(InputError) as caught, open_stack([path], band_names=["r", "r", "g"]):
        pass
    assert str(caught.value) == (
        "--band-names has 3 names (2 different), and there are 4 bands: b1, b2, b3, b4"
    )


def test_a_raster_without_a_reference_system_cannot_be_placed(write, bands):
    other = write("other.tif", bands[:, :20], crs=None)
    first = write("a.tif", bands)
    with pytest.raises(InputError) as caught, open_stack([first, other]):
        pass
    assert str(caught.value) == (
        f"{other} has another grid than {first}, and {other} has no reference system: nothing says "
        f"where one lies on the other"
    )


def test_complex_samples_are_refused(write):
    path = write("c.tif", np.ones((2, *SIZE), dtype=np.complex64))
    with pytest.raises(InputError, match="has complex samples"), open_stack([path]):
        pass


def test_a_lost_source_of_a_mosaic_is_an_error(write, bands, tmp_path):
    """GDAL gives zeros for it where the mosaic was opened before."""
    source = write("a.tif", bands[:1])
    mosaic = tmp_path / "m.vrt"
    rasterio.shutil.copy(source, mosaic, driver="VRT")
    with open_stack([mosaic]) as stack:
        stack.read(Window((0, 0), (5, 5)))
        source.unlink()
        for _ in range(2):
            with pytest.raises(InputError, match="cannot read rows 30-39, columns 0-59 of"):
                stack.read(Window((30, 0), SIZE))
