from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo import mosaic as module
from sam_geo.mosaic import Mosaic
from sam_geo.source import open_raster

HEAD = """<VRTDataset rasterXSize="{width}" rasterYSize="64"><SRS>EPSG:32633</SRS>
<GeoTransform>500000,0.5,0,5800000,0,-0.5</GeoTransform>
<VRTRasterBand dataType="Byte" band="1">{sources}</VRTRasterBand></VRTDataset>"""
SOURCE = """<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename>
<SrcRect xOff="0" yOff="0" xSize="64" ySize="64"/>
<DstRect xOff="{x}" yOff="0" xSize="64" ySize="64"/></SimpleSource>"""
LEFT, RIGHT = Window((0, 0), (64, 64)), Window((0, 64), (64, 128))


def mosaic(path, *names):
    sources = "".join(SOURCE.format(name=name, x=64 * n) for n, name in enumerate(names))
    path.write_text(HEAD.format(width=64 * len(names), sources=sources))
    return path


@pytest.fixture
def pool(make_raster, tmp_path):
    """A mosaic of mosaics was read before: GDAL's pool of sources stays from then on."""
    make_raster(np.full((1, 64, 64), 7, np.uint8), name="left.tif")
    mosaic(tmp_path / "inner.vrt", "left.tif")
    with open_raster(mosaic(tmp_path / "outer.vrt", "inner.vrt")) as source:
        assert (source.read(LEFT).values == 7).all()


@pytest.mark.parametrize("content", [None, b"", b"no raster"])
@pytest.mark.parametrize("is_nested", [False, True])
def test_what_cannot_be_opened_is_an_error_in_every_dataset(pool, tmp_path, content, is_nested):
    if content is not None:
        (tmp_path / "gone.tif").write_bytes(content)
    path = mosaic(tmp_path / "pair.vrt", "left.tif", "gone.tif")
    if is_nested:
        inner = mosaic(tmp_path / "wrong.vrt", "gone.tif")
        path = mosaic(tmp_path / "pair.vrt", "left.tif", inner.name)
    for _ in range(3):
        with open_raster(path, bands=[1]) as source:
            assert (source.read(LEFT).values == 7).all()
            for _ in range(2):
                with pytest.raises(InputError, match=r"rows 0-63, columns 64-127 .*gone\.tif"):
                    source.read(RIGHT)


def test_a_source_that_comes_back_is_read(pool, make_raster, tmp_path):
    with open_raster(mosaic(tmp_path / "pair.vrt", "left.tif", "late.tif")) as source:
        with pytest.raises(InputError, match="late"):
            source.read(RIGHT)
        make_raster(np.full((1, 64, 64), 9, np.uint8), name="late.tif")
        assert (source.read(LEFT).values == 7).all()


def test_what_is_no_mosaic_of_files_has_none(grey_raster, tmp_path):
    empty = tmp_path / "empty.vrt"
    empty.write_text(HEAD.format(width=64, sources=""))
    assert Mosaic.of(str(grey_raster)) is None
    assert Mosaic.of(str(empty)) is None
    assert Mosaic.of(str(tmp_path / "none.vrt")) is None


def test_the_text_of_a_mosaic_in_a_mosaic_is_read_once(pool, tmp_path, monkeypatch):
    read = []
    sources = module._sources
    monkeypatch.setattr(module, "_sources", lambda path: (read.append(path.name), sources(path))[1])
    with open_raster(tmp_path / "outer.vrt") as source:
        for _ in range(3):
            source.read(LEFT)
    assert read == ["outer.vrt", "inner.vrt"]


def test_mosaics_that_name_each_other_end(pool, tmp_path):
    mosaic(tmp_path / "a.vrt", "b.vrt")
    path = mosaic(tmp_path / "b.vrt", "a.vrt")
    Mosaic.of(str(path)).check(LEFT)
