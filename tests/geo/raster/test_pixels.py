"""Which pixels of a window are valid, and what their values are."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from sam_common.window import Window
from sam_geo.raster.header import read_header
from sam_geo.raster.pixels import mask_kind, masked_pixels, palette_array, valid_by_header
from sam_geo.raster.source import open_raster

WHOLE = Window((0, 0), (4, 5))


def test_nodata_hides_a_pixel_only_where_all_bands_have_it(make_raster):
    values = np.full((3, 4, 5), 255, dtype=np.uint8)
    values[1, 0, 0] = 254
    with open_raster(make_raster(values, nodata=255)) as source:
        assert source.mask_kind == "nodata"
        assert source.nodatas == (255, 255, 255)
        pixels = source.read(WHOLE)
    assert pixels.valid.sum() == 1
    assert pixels.valid[0, 0]
    assert (pixels.values[0] == 255).all()  # a nodata value that is a colour stays a colour


def test_a_dataset_mask_hides_pixels_and_their_values(make_raster, bands_of):
    mask = np.full((4, 5), 255, dtype=np.uint8)
    mask[2, 3] = 0
    with open_raster(make_raster(bands_of(3), mask=mask)) as source:
        assert source.mask_kind == "mask"
        pixels = source.read(WHOLE)
    assert np.argwhere(~pixels.valid).tolist() == [[2, 3]]
    assert pixels.values[:, 2, 3].tolist() == [0, 0, 0]


def test_alpha_hides_pixels_and_their_values(make_raster, bands_of):
    values = bands_of(4)
    values[3] = 255
    values[3, 1, 1] = 0
    with open_raster(make_raster(values, photometric="rgb", alpha="yes")) as source:
        assert source.mask_kind == "alpha"
        assert source.bands == (1, 2, 3)
        pixels = source.read(WHOLE)
    assert np.argwhere(~pixels.valid).tolist() == [[1, 1]]
    assert pixels.values[:, 1, 1].tolist() == [0, 0, 0]


def test_a_pixel_without_a_finite_sample_is_not_valid(make_raster, bands_of):
    values = bands_of(3, np.float32)
    values[:, 0, 0] = [np.nan, np.inf, -np.inf]
    values[0, 0, 1] = np.nan
    with open_raster(make_raster(values)) as source:
        pixels = source.read(WHOLE)
    assert np.argwhere(~pixels.valid).tolist() == [[0, 0]]


def test_a_palette_becomes_its_colours(make_raster):
    path = make_raster(np.array([[[0, 1, 2], [2, 1, 7]]], dtype=np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (9, 8, 7), 1: (255, 0, 0), 2: (0, 0, 255)})
    with open_raster(path) as source:
        assert source.is_palette
        assert source.dtype == np.uint8
        pixels = source.read(Window.full((2, 3)))
    assert pixels.values.shape == (3, 2, 3)
    assert pixels.values[:, 0].T.tolist() == [[9, 8, 7], [255, 0, 0], [0, 0, 255]]
    assert pixels.values[:, 1, 2].tolist() == [0, 0, 0]


@pytest.fixture
def header_of(make_raster):
    """The header of a small raster, written with these options."""

    def read(values, **options):
        with rasterio.open(make_raster(values, **options)) as dataset:
            return read_header(dataset)

    return read


VALUES = np.array([[[0, 9], [9, 9]], [[0, 0], [9, 5]], [[0, 9], [9, 9]]], dtype=np.uint8)


def test_valid_pixels_of_integers_are_those_of_gdals_masks(make_raster):
    path = make_raster(VALUES, nodata=9)
    with rasterio.open(path) as dataset:
        header, masks = read_header(dataset), dataset.read_masks() > 0
    found = valid_by_header(VALUES, (1, 2, 3), header, is_native=True)
    assert found.tolist() == masks.any(axis=0).tolist() == [[True, True], [False, True]]
    # of two bands the third has no say
    assert (
        valid_by_header(VALUES[:2], (1, 2), header, is_native=True)[1, 0] == masks[:2, 1, 0].any()
    )


def test_without_a_mask_every_pixel_is_valid_at_any_resolution(header_of):
    header = header_of(VALUES)
    assert valid_by_header(VALUES, (1, 2, 3), header, is_native=False).all()
    assert mask_kind((1, 2, 3), header) == "none"


@pytest.mark.parametrize(
    ("dtype", "nodata", "is_native"),
    [
        ("uint8", 9, False),  # resampled samples are none of the file's
        ("float32", 9, True),  # GDAL compares floats with a tolerance
        ("int64", 2**53 + 2, True),  # rasterio gives a float that may be another integer
    ],
)
def test_what_the_header_cannot_tell_is_left_to_gdals_masks(header_of, dtype, nodata, is_native):
    header = header_of(VALUES[:1].astype(dtype), nodata=nodata)
    assert mask_kind((1,), header) == "nodata"
    assert valid_by_header(VALUES[:1].astype(dtype), (1,), header, is_native=is_native) is None


def test_bands_without_nodata_are_left_to_gdals_masks(header_of, make_raster):
    mask = np.array([[255, 0], [255, 255]], dtype=np.uint8)
    header = header_of(VALUES, mask=mask)
    assert mask_kind((1, 2, 3), header) == "mask"
    assert valid_by_header(VALUES, (1, 2, 3), header, is_native=True) is None


def test_samples_without_an_entry_in_a_palette_are_opaque_black():
    palette = palette_array({1: (9, 8, 7, 255), 300: (1, 2, 3, 0)})
    assert palette.shape == (301, 4)
    assert palette[[0, 1, 300]].tolist() == [[0, 0, 0, 255], [9, 8, 7, 255], [1, 2, 3, 0]]


def test_transparent_colours_are_not_valid():
    palette = palette_array({0: (5, 6, 7, 0), 1: (9, 8, 7, 255)})
    values, valid = np.array([[[0, 1, 1]]], np.uint8), np.array([[True, True, False]])
    pixels = masked_pixels(values, valid, palette=palette, is_masked=False)
    assert pixels.values[:, 0].T.tolist() == [[5, 6, 7], [9, 8, 7], [9, 8, 7]]
    assert pixels.valid.tolist() == [[False, True, False]]


@pytest.mark.parametrize("is_masked", [False, True])
def test_values_are_hidden_under_masks_only(is_masked):
    values = np.array([[[1.5, np.nan, 2.5]], [[np.inf, np.inf, 3.5]]])
    valid = np.array([[True, True, False]])
    pixels = masked_pixels(values, valid, palette=None, is_masked=is_masked)
    assert pixels.valid.tolist() == [[True, False, False]]
    assert pixels.values[0, 0, 2] == (0 if is_masked else 2.5)
    assert pixels.values[0, 0, 0] == 1.5
