"""Rasters in a confined folder: what is opened there, and what would read other files."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError

from sam_common.errors import InputError
from sam_geo.address.confined import confine, open_dataset, release
from sam_geo.raster.source import open_raster

ELSEWHERE = "the raster names files other than those beside it: send the pixels"


@pytest.fixture
def folder(tmp_path):
    """A confined folder beside a raster that lies outside of it."""
    inside = tmp_path / "uploads"
    inside.mkdir()
    confine(inside)
    yield inside
    release(inside)


def vrt_of(name):
    return (
        '<VRTDataset rasterXSize="100" rasterYSize="80"><GeoTransform>9,1,0,9,0,-1</GeoTransform>'
        '<VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{name}</SourceFilename></SimpleSource></VRTRasterBand>"
        "</VRTDataset>"
    )


@pytest.mark.parametrize("driver", ["GTiff", "COG", "PNG", "JPEG", "ENVI", "HFA"])
def test_formats_that_hold_their_pixels_are_opened(folder, grey_raster, driver):
    rasterio.shutil.copy(grey_raster, folder / "a.bin", driver=driver)
    with open_dataset(folder / "a.bin") as dataset:
        assert dataset.driver in {driver, "GTiff"}
        assert dataset.shape == (80, 100)


@pytest.mark.parametrize("name", ["a.vrt", "a.tif", "a.asc", "a"])
def test_a_mosaic_is_none_of_them_whatever_its_name(folder, grey_raster, name):
    (folder / name).write_text(vrt_of(grey_raster))
    with pytest.raises(RasterioIOError, match="not recognized as being in a supported file form"):
        open_dataset(folder / name)
    with (
        pytest.raises(InputError, match=r"^not a raster that GDAL can read"),
        open_raster(folder / name),
    ):
        pass


def test_the_same_mosaic_is_opened_outside(folder, grey_raster, tmp_path):
    (tmp_path / "a.vrt").write_text(vrt_of(grey_raster))
    with open_dataset(tmp_path / "a.vrt") as dataset:
        assert dataset.driver == "VRT"


def test_a_folder_that_was_released_is_a_folder_like_others(folder, grey_raster):
    (folder / "a.vrt").write_text(vrt_of(grey_raster))
    release(folder)
    with open_dataset(folder / "a.vrt") as dataset:
        assert dataset.driver == "VRT"


def test_side_files_of_pixels_are_read(folder, grey_raster):
    shutil.copy(grey_raster, folder / "a.tif")
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(folder / "a.tif", "r+") as dataset:
        dataset.build_overviews([2], Resampling.nearest)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(folder / "a.tif", "r+") as each:
        each.write_mask(np.eye(80, 100, dtype=np.uint8) * 255)
    with open_dataset(folder / "a.tif") as dataset:
        assert dataset.overviews(1) == [2]
        assert dataset.read_masks(1).sum() == 80 * 255


@pytest.mark.parametrize("suffix", [".ovr", ".msk", ".aux", ".OVR"])
@pytest.mark.parametrize("head", ["", "II*\0"])
def test_side_files_that_name_others_are_refused(folder, grey_raster, suffix, head):
    shutil.copy(grey_raster, folder / "a.tif")
    (folder / f"a.tif{suffix}").write_text(head + vrt_of(grey_raster))
    with pytest.raises(InputError, match=rf"^the {suffix} file beside the raster is no TIFF: rem"):
        open_dataset(folder / "a.tif")


@pytest.mark.parametrize("is_there", [False, True])
def test_metadata_that_names_overviews_elsewhere_is_refused(
    folder, grey_raster, tmp_path, is_there
):
    overviews = grey_raster if is_there else tmp_path / "later.ovr"
    shutil.copy(grey_raster, folder / "a.tif")
    (folder / "a.tif.aux.xml").write_text(
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
        f"{overviews}</MDI></Metadata></PAMDataset>"
    )
    with pytest.raises(InputError, match=f"^{ELSEWHERE}$"):
        open_dataset(folder / "a.tif")


def test_parts_of_files_are_refused(folder, grey_raster):
    shutil.copy(grey_raster, folder / "a.tif")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(grey_raster, "b.tif")
    for name in (f"/vsizip/{folder}/a.zip/b.tif", f"GTIFF_DIR:1:{folder}/a.tif"):
        with pytest.raises(InputError, match=r"^only whole rasters are opened here, no parts of"):
            open_dataset(name)
