"""Files that a server opens as a raster: what is linked, what is copied, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio

from sam_common.errors import InputError, PromptError
from sam_geo.live.files import check, checked_crs, close, crs_text, hold, unnamed, write_upload
from sam_geo.raster.source import open_raster


def test_a_raster_is_held_with_what_belongs_to_it(image, make_context):
    for ending, text in ((".aux.xml", "<PAMDataset/>"), (".txt", "mine"), (".gz", "x")):
        image.with_name(image.name + ending).write_text(text)
    image.with_suffix(".prj").write_text("PROJCS[]")
    image.with_name("image_rpc.txt").write_text("LINE_OFF: 1")
    image.with_name("imageother.tif").write_text("of somebody else")
    context = make_context()
    held = hold(image, context)
    assert held.parent == context.folder
    with rasterio.open(held) as found, rasterio.open(image) as given:
        assert (found.read() == given.read()).all()
    names = {path.name for path in context.folder.iterdir()}
    assert names == {"raster.tif", "raster.tif.aux.xml", "raster.prj", "raster_rpc.txt"}
    # text is copied, so that nobody changes it while it is read; pixels are linked
    assert not (context.folder / "raster.prj").is_symlink()
    close(context)
    assert not context.folder.exists()


def test_a_raster_that_names_another_is_refused(image, tmp_path, make_context):
    virtual = tmp_path / "a.tif"
    virtual.write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="40"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{image}</SourceFilename></SimpleSource></VRTRasterBand>"
        "</VRTDataset>"
    )
    context = make_context()
    with pytest.raises(InputError, match=r"not a raster that this server opens \(formats: GTiff, "):
        hold(virtual, context)


def test_what_is_no_raster_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"no raster")
    with pytest.raises(InputError, match="not a raster that this server opens"):
        check(path)


def test_an_error_keeps_its_kind_and_loses_the_path():
    path = Path("/data/DOE_JANE.tif")
    with pytest.raises(PromptError, match=r"^cannot read the raster: no$"), unnamed(path):
        raise PromptError(f"cannot read {path}: no")
    # a defect is told as it is
    with pytest.raises(KeyError, match="DOE"), unnamed(path):
        raise KeyError(str(path))


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1), (30, 40, 3), (30, 40, 16)])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_an_upload_becomes_a_geotiff_with_the_same_values(tmp_path, shape, dtype):
    array = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    frame = {"affine": [2, 0, 100, 0, -3, 900], "crs": "EPSG:32633", "nodata": 7}
    path = write_upload(tmp_path / "a.npy", frame, tmp_path / "a.tif")
    with rasterio.open(path) as found:
        bands = array[..., None] if array.ndim == 2 else array
        assert (np.moveaxis(found.read(), 0, -1) == bands).all()
        assert found.transform == rasterio.Affine(2, 0, 100, 0, -3, 900)
        assert found.crs == "EPSG:32633"
        assert found.nodata == 7


def test_an_upload_without_a_frame_lies_in_pixels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((5, 6), dtype=np.uint8))
    path = write_upload(tmp_path / "a.npy", None, tmp_path / "a.tif")
    with open_raster(path) as source:
        assert source.crs is None
        assert source.header.transform.is_identity


@pytest.mark.parametrize(
    ("array", "frame", "message"),
    [
        (np.zeros(5, np.uint8), {}, r"2 or 3 axes, got \(5,\)"),
        (np.zeros((0, 5), np.uint8), {}, r"2 or 3 axes, got \(0, 5\)"),
        (np.zeros((5, 6, 17), np.uint8), {}, "at most 16 bands"),
        (np.zeros((5, 6), np.uint8), {"affine": [1, 0, 0]}, "the affine of a raster has six"),
        (np.zeros((5, 6), np.uint8), {"crs": "EPSG:0"}, "no such coordinate reference system"),
        (np.zeros((5, 6), np.uint8), {"crs": "/etc/passwd"}, "may not name files"),
        (np.zeros((5, 6), "S3"), {}, "makes no raster"),
    ],
    ids=str,
)
def test_what_makes_no_raster_is_refused(tmp_path, array, frame, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=message):
        write_upload(tmp_path / "a.npy", frame, tmp_path / "a.tif")


@pytest.mark.parametrize(
    "text",
    ["EPSG:4326", "WGS 84 / UTM zone 33N", "http://www.opengis.net/def/crs/EPSG/0/4326",
     pyproj.CRS("EPSG:32633").to_wkt()],
)  # fmt: skip
def test_reference_systems_of_no_file_are_taken(text):
    assert checked_crs(text) == text
    assert pyproj.CRS(crs_text(text)) == pyproj.CRS(text)


@pytest.mark.parametrize(
    "text",
    ["/etc/passwd", "../a.prj", "./a.gsb", "C:\\grids\\a.gsb", "+proj=longlat +nadgrids=/tmp/a.gsb",
     "+nadgrids=a.gsb,/tmp/b.gsb", 'PARAMETERFILE["grid","/home/me/a.gsb"]', "c:/a.tif"],
)  # fmt: skip
def test_a_reference_system_that_names_a_file_is_refused(text):
    with pytest.raises(InputError, match="may not name files by their paths"):
        checked_crs(text)
