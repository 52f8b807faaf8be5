from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.raster.source import open_raster

WHOLE = Window((0, 0), (4, 5))


def test_no_such_file():
    with (
        pytest.raises(InputError, match=r"^no such file: nowhere\.tif$"),
        open_raster("nowhere.tif"),
    ):
        pass


def test_a_text_file_named_tif(tmp_path):
    path = tmp_path / "notes.tif"
    path.write_text("hello")
    with (
        pytest.raises(InputError, match=f"^not a raster that GDAL can read: {path}$"),
        open_raster(path),
    ):
        pass


def test_windows_are_read_where_they_are(make_raster):
    values = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    with open_raster(make_raster(values)) as source:
        pixels = source.read(Window((1, 2), (3, 5)))
    assert pixels.values.tolist() == [[[7, 8, 9], [12, 13, 14]]]
    assert pixels.valid.all()


def test_coarse_reads_average(make_raster):
    values = np.array([[[0, 4, 10, 10], [0, 4, 10, 10]]], dtype=np.uint8)
    with open_raster(make_raster(values)) as source:
        pixels = source.read(Window.full((2, 4)), out_hw=(1, 2))
    assert pixels.values.tolist() == [[[2, 10]]]


def test_a_damaged_block_is_named(data):
    path = data / "geo/awkward/corrupt.tif"
    message = f"^cannot read rows 600-609, columns 605-624 of {path}: .*IReadBlock failed"
    with open_raster(path) as source, pytest.raises(InputError, match=message):
        source.read(Window((600, 605), (610, 625)))


def test_the_type_of_several_bands_holds_them_all(tmp_path, make_raster):
    band = "<VRTRasterBand dataType='{}' band='{}'/>"
    bands = "".join(map(band.format, ("Byte", "Int16", "Float32"), (1, 2, 3)))
    path = tmp_path / "m.vrt"
    path.write_text(f'<VRTDataset rasterXSize="5" rasterYSize="4">{bands}</VRTDataset>')
    with open_raster(path) as source:
        assert source.dtype == np.float32
        assert not source.is_all_valid
    with open_raster(path, bands=[2]) as source:
        assert source.dtype == np.int16
        assert source.is_all_valid


def test_a_sample_that_failed_is_not_asked_for_again(make_raster, bands_of, monkeypatch):
    asked = []

    def fails(_source):
        asked.append(1)
        raise InputError("no answer")

    monkeypatch.setattr("sam_geo.raster.source.sample_bands", fails)
    with open_raster(make_raster(bands_of(1))) as source:
        for _ in range(2):
            with pytest.raises(InputError, match="no answer"):
                source.sample  # noqa: B018
    assert len(asked) == 1


def test_a_window_without_data_is_none(make_raster, bands_of):
    values = bands_of(1)
    values[0, :, 2:] = 0
    with open_raster(make_raster(values, nodata=0)) as source:
        assert source.read_data(Window((0, 3), (4, 5))) is None
        assert source.read_data(WHOLE).valid.sum() == 8
