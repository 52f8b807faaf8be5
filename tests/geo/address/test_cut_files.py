"""Files that are shorter than they say, of formats whose rest GDAL fills in."""

from __future__ import annotations

import gzip
import os
import shutil
import zipfile

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.errors import RasterioIOError

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.address.cut_files import check_size, check_whole
from sam_geo.raster.source import open_raster

VALUES = (np.arange(300 * 330) % 150 + 60).reshape(1, 300, 330)

FORMATS = {
    # driver, file, file that is cut, type, options, smallest cut in bytes
    "ENVI": ("ENVI", "a.dat", "a.dat", "uint8", {}, 1),
    "ENVI, pixel by pixel": ("ENVI", "a.bin", "a.bin", "int16", {"INTERLEAVE": "BIP"}, 1),
    "Imagine with a spill file": ("HFA", "a.img", "a.ige", "float32", {"USE_SPILL": "YES"}, 1),
    "PCIDSK by band": ("PCIDSK", "a.pix", "a.pix", "float32", {}, 60_000),
    "PCIDSK by pixel": ("PCIDSK", "a.pix", "a.pix", "uint8", {"INTERLEAVING": "PIXEL"}, 60_000),
    "PCIDSK in files": ("PCIDSK", "a.pix", "a.001", "int16", {"INTERLEAVING": "FILE"}, 1),
    "PCRaster": ("PCRaster", "a.map", "a.map", "float32", {}, 1),
    "NITF of JPEG 2000": ("NITF", "a.ntf", "a.ntf", "uint8", {"IC": "C8"}, 1),
    "JPEG 2000": ("JP2OpenJPEG", "a.jp2", "a.jp2", "uint8", {}, 1),
    "JPEG 2000 without boxes": ("JP2OpenJPEG", "a.j2k", "a.j2k", "uint8", {"CODEC": "J2K"}, 1),
    "netCDF classic": ("netCDF", "a.nc", "a.nc", "int16", {"FORMAT": "NC"}, 1),
    "netCDF classic of 64 bits": ("netCDF", "a.nc", "a.nc", "uint8", {"FORMAT": "NC2"}, 4),
    # GDAL itself says so of these
    "GeoTIFF": ("GTiff", "a.tif", "a.tif", "uint8", {}, 1),
    "GeoTIFF in tiles": ("GTiff", "a.tif", "a.tif", "uint8", {"TILED": "YES"}, 1),
    "cloud-optimised": ("COG", "a.tif", "a.tif", "uint8", {}, 5_000),
    "EHdr": ("EHdr", "a.bil", "a.bil", "uint8", {}, 1),
    "ISCE": ("ISCE", "a.slc", "a.slc", "int16", {}, 1),
    "MRF": ("MRF", "a.mrf", "a.ppg", "uint8", {}, 1),
}  # fmt: skip


def written(driver, path, dtype, options, make_raster):
    plain = make_raster(VALUES.astype(dtype), name="plain.tif")
    rasterio.shutil.copy(plain, path, driver=driver, **options)


def read(path):
    with open_raster(path, bands=[1]) as source:
        return source.read(Window.full(source.size_hw)).values[0]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_off_is_no_image_with_zeros(name, tmp_path, make_raster):
    driver, main, cut, dtype, options, least = FORMATS[name]
    folder = tmp_path / "in"
    folder.mkdir()
    written(driver, folder / main, dtype, options, make_raster)
    assert read(folder / main).min() > 0
    size = (folder / cut).stat().st_size
    for bytes_less in (least, max(least, size // 3), max(least, size // 2)):
        os.truncate(folder / cut, size - bytes_less)
        for _ in range(2):
            with pytest.raises(InputError, match=r"cut off|IReadBlock|cannot read rows"):
                read(folder / main)


def test_a_cut_file_in_a_zip_file(tmp_path, make_raster):
    written("ENVI", tmp_path / "a.dat", "uint8", {}, make_raster)
    for size in (None, 20_000):
        if size is not None:
            os.truncate(tmp_path / "a.dat", size)
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(tmp_path / "a.dat", "a.dat")
            archive.write(tmp_path / "a.hdr", "a.hdr")
        if size is None:
            assert read(f"/vsizip/{tmp_path}/a.zip/a.dat").min() > 0
    with pytest.raises(InputError, match=r"a\.dat is cut off: it has 20000 bytes, .* of 99000"):
        read(f"/vsizip/{tmp_path}/a.zip/a.dat")


def test_a_cut_file_that_is_compressed_as_a_whole(tmp_path, make_raster):
    path = tmp_path / "a.dat"
    written("ENVI", path, "uint8", {}, make_raster)
    with (tmp_path / "a.hdr").open("a") as header:
        header.write("file compression = 1\n")
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed)
    assert read(path).min() > 0
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"a\.dat is cut off"):
        read(path)


def test_a_source_of_a_mosaic_that_is_cut_off(tmp_path, make_raster):
    written("ENVI", tmp_path / "a.dat", "uint8", {}, make_raster)
    rasterio.shutil.copy(tmp_path / "a.dat", tmp_path / "m.vrt", driver="VRT")
    assert read(tmp_path / "m.vrt").min() > 0
    os.truncate(tmp_path / "a.dat", 50_000)
    for _ in range(2):
        with pytest.raises(InputError, match=r"a\.dat is cut off"):
            read(tmp_path / "m.vrt")


def test_what_lies_behind_the_pixels_is_no_fault(tmp_path, make_raster):
    written("ENVI", tmp_path / "a.dat", "uint8", {}, make_raster)
    written("JP2OpenJPEG", tmp_path / "a.j2k", "uint8", {"CODEC": "J2K"}, make_raster)
    for name in ("a.dat", "a.j2k"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"\0" * 100)
        assert read(tmp_path / name).min() > 0
    shutil.copy(tmp_path / "a.dat", tmp_path / "b.bin")
    shutil.copy(tmp_path / "a.hdr", tmp_path / "b.hdr")
    assert read(tmp_path / "b.bin").min() > 0


def test_a_zip_file_is_opened_once_for_all_that_is_read_of_it(tmp_path, make_raster, monkeypatch):
    written("NITF", tmp_path / "a.ntf", "uint8", {}, make_raster)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.ntf", "in/a.ntf")
    opened = []
    plain = zipfile.ZipFile

    def count(path, *arguments):
        opened.append(path)
        return plain(path, *arguments)

    with rasterio.open(f"/vsizip/{tmp_path}/a.zip/in/a.ntf") as dataset:
        monkeypatch.setattr(zipfile, "ZipFile", count)
        check_whole(dataset)
    assert opened == [tmp_path / "a.zip"]


def test_a_file_that_is_not_there_is_not_cut_off(tmp_path):
    check_size(str(tmp_path / "none.bin"), 10)
    check_size(f"/vsizip/{tmp_path}/none.zip/a.bin", 10)
    (tmp_path / "no.zip").write_text("no zip file")
    check_size(f"/vsizip/{tmp_path}/no.zip/a.bin", 10)


@pytest.mark.parametrize(("least", "is_cut"), [(0, False), (5, False), (6, True)])
def test_the_size_that_a_file_must_have(tmp_path, least, is_cut):
    (tmp_path / "a.bin").write_bytes(b"12345")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a.bin", "a.bin")
    archived = (f"/vsizip/{tmp_path}/a.zip/a.bin", f"/vsizip/{{{tmp_path}/a.zip}}/a.bin")
    for name in (tmp_path / "a.bin", *archived):
        if not is_cut:
            check_size(str(name), least)
            continue
        with pytest.raises(RasterioIOError, match=r"^a\.bin is cut off: it has 5 bytes, and its h"):
            check_size(str(name), least)
