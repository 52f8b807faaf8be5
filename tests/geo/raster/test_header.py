"""Metadata of rasters, and which of their bands are an image."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp, MaskFlags

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.raster.header import default_bands, read_header
from sam_geo.raster.source import open_raster

WHOLE = Window((0, 0), (4, 5))


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1,)), (2, (1,)), (3, (1, 2, 3)), (4, (1, 2, 3)), (13, (1, 2, 3))]
)
def test_bands_without_colours(make_raster, count, expected, bands_of):
    path = make_raster(bands_of(count, np.uint16), photometric="minisblack")
    with open_raster(path) as source:
        assert source.bands == expected
        assert source.read(WHOLE).values[:, 0, 0].tolist() == [10 * band for band in expected]


def test_bands_by_colour(make_raster, bands_of):
    path = make_raster(bands_of(5))
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [
            ColorInterp.alpha,
            ColorInterp.blue,
            ColorInterp.undefined,
            ColorInterp.green,
            ColorInterp.red,
        ]
    with open_raster(path) as source:
        assert source.bands == (5, 4, 2)


def test_alpha_is_no_image_band():
    assert default_bands([ColorInterp.alpha, ColorInterp.gray]) == (2,)
    undefined = [ColorInterp.undefined] * 2
    assert default_bands([ColorInterp.alpha, ColorInterp.gray, *undefined]) == (2, 3, 4)


def test_bands_by_choice(make_raster, bands_of):
    path = make_raster(bands_of(4))
    with open_raster(path, bands=(4, 3, 2)) as source:
        assert source.read(WHOLE).values[:, 0, 0].tolist() == [40, 30, 20]
    with open_raster(path, bands=(2,)) as source:
        assert source.read(WHOLE).values.shape == (1, 4, 5)


def test_a_band_that_is_not_there(make_raster, bands_of):
    path = make_raster(bands_of(3))
    with (
        pytest.raises(InputError, match=f"^no band 4 in {path}: it has bands 1 to 3$"),
        open_raster(path, bands=(4, 3, 2)),
    ):
        pass


def test_two_bands_make_no_image(make_raster, bands_of):
    path = make_raster(bands_of(3))
    message = r"^choose one band \(grey\) or three \(red, green, blue\), got 1,2$"
    with pytest.raises(InputError, match=message), open_raster(path, bands=(1, 2)):
        pass


@pytest.mark.parametrize(
    ("dtype", "name"), [("complex64", "complex64"), ("complex_int16", "complex_int16")]
)
def test_complex_is_refused(tmp_path, dtype, name):
    path = tmp_path / "sar.tif"
    profile = {"driver": "GTiff", "width": 5, "height": 4, "count": 1, "crs": "EPSG:32633"}
    with rasterio.open(
        path, "w", dtype=dtype, transform=rasterio.Affine(1, 0, 9, 0, -1, 9), **profile
    ) as dataset:
        dataset.write(np.ones((1, 4, 5), dtype=np.complex64))
    message = (
        f"^band 1 of {path} has complex samples \\({name}\\): write amplitude or intensity to a "
        f"real raster first$"
    )
    with pytest.raises(InputError, match=message), open_raster(path):
        pass


def test_a_container_names_its_parts(tmp_path):
    # a GeoTIFF with two pages has none of its own beyond the first: use a real container
    path = tmp_path / "two.gpkg"
    for name in ("a", "b"):
        with rasterio.open(
            path,
            "w",
            driver="GPKG",
            width=5,
            height=4,
            count=1,
            dtype="uint8",
            crs="EPSG:32633",
            transform=rasterio.Affine(1, 0, 9, 0, -1, 9),
            RASTER_TABLE=name,
            APPEND_SUBDATASET="YES",
        ) as dataset:
            dataset.write(np.ones((1, 4, 5), dtype=np.uint8))
    message = (
        f"^{path} has no bands of its own; open one of its subdatasets, by its name or by "
        f"--page: "
        f"GPKG:{path}:a, GPKG:{path}:b$"
    )
    with pytest.raises(InputError, match=message), open_raster(path):
        pass
    with open_raster(f"GPKG:{path}:a") as source:
        assert source.size_hw == (4, 5)


def test_an_alpha_band_alone_is_no_image(make_raster, bands_of):
    path = make_raster(bands_of(1))
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.alpha]
    message = f"^{path} has an alpha band only, no image$"
    with pytest.raises(InputError, match=message), open_raster(path):
        pass


def test_a_header_is_what_the_file_says(make_raster, bands_of):
    path = make_raster(bands_of(3, np.uint16), nodata=7, photometric="rgb", nbits=12)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (2.0, 1.0, 1.0), (0.0, -5.0, 0.0)
    with rasterio.open(path) as dataset:
        header = read_header(dataset)
    assert (header.driver, header.height, header.width, header.count) == ("GTiff", 4, 5, 3)
    assert header.crs.to_epsg() == 32633
    assert header.dtypes == ("uint16",) * 3
    assert header.nodatavals == (7.0, 7.0, 7.0)
    assert header.mask_flags == ((MaskFlags.nodata,),) * 3
    assert header.colours == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    assert (header.scales, header.offsets) == ((2.0, 1.0, 1.0), (0.0, -5.0, 0.0))
    assert header.bits == (12, 12, 12)
    assert (header.palettes, header.gcps, header.has_rpcs) == ({}, 0, False)
    assert (header.overviews, header.subdatasets, header.has_geolocation) == (((),) * 3, (), False)


def test_a_header_has_colour_tables_and_overviews(make_raster):
    path = make_raster(np.zeros((1, 64, 64), np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (9, 8, 7), 3: (1, 2, 3, 4)})
        dataset.build_overviews([2, 4])
    with rasterio.open(path) as dataset:
        header = read_header(dataset)
    assert header.palettes[1][0] == (9, 8, 7, 255)
    assert header.overviews == ((2, 4),)


def test_no_band_at_all_has_no_default():
    assert default_bands([]) == ()
    assert default_bands([ColorInterp.alpha] * 2) == ()
