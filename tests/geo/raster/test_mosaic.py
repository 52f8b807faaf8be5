from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.raster import mosaic as module
from sam_geo.raster.mosaic import Mosaic
from sam_geo.raster.source import open_raster

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
    for path in (grey_raster, empty):
        with open_raster(path) as source:
            assert source.mosaic is None


def test_a_mosaic_in_a_mosaic_is_opened_once(pool, tmp_path, monkeypatch):
    opened = []
    opening = module.silent_open
    monkeypatch.setattr(
        module, "silent_open", lambda name: (opened.append(Path(name).name), opening(name))[1]
    )
    with open_raster(tmp_path / "outer.vrt") as source:
        for _ in range(3):
            source.read(LEFT)
    assert opened == ["inner.vrt", "left.tif"]


def test_mosaics_that_name_each_other_end(pool, tmp_path):
    mosaic(tmp_path / "a.vrt", "b.vrt")
    path = mosaic(tmp_path / "b.vrt", "a.vrt")
    with rasterio.open(path) as dataset:
        Mosaic.of(dataset).check(LEFT)


@pytest.mark.parametrize("name", ["pair.asc", "pair", "pair.tif.txt"])
def test_a_mosaic_by_another_name_is_one(pool, tmp_path, name):
    path = mosaic(tmp_path / name, "left.tif", "gone.tif")
    for _ in range(2):
        with open_raster(path) as source, pytest.raises(InputError, match=r"gone\.tif"):
            source.read(RIGHT)


def test_a_mosaic_in_an_archive_is_one(pool, tmp_path):
    mosaic(tmp_path / "pair.vrt", "left.tif", "gone.tif")
    with zipfile.ZipFile(tmp_path / "pair.zip", "w") as archive:
        for name in ("pair.vrt", "left.tif"):
            archive.write(tmp_path / name, name)
    with open_raster(f"/vsizip/{tmp_path}/pair.zip/pair.vrt") as source:
        assert (source.read(LEFT).values == 7).all()
        for _ in range(2):
            with pytest.raises(InputError, match=r"gone\.tif"):
                source.read(RIGHT)


def test_a_mosaic_given_by_its_bands_is_one(pool, tmp_path):
    path = mosaic(tmp_path / "pair.vrt", "left.tif", "gone.tif")
    with open_raster(f"vrt://{path}?bands=1") as source:
        assert (source.read(LEFT).values == 7).all()
        for _ in range(2):
            with pytest.raises(InputError, match=r"gone\.tif"):
                source.read(RIGHT)


# in a process of its own: GDAL asks for overviews of sources while it holds up this one's threads
SERVER = """
import re, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = Path(sys.argv[1], self.path.partition("?")[0].strip("/"))
        data = path.read_bytes() if path.is_file() else b""
        start, stop = 0, len(data)
        if asked := re.fullmatch(r"bytes=(\\d+)-(\\d+)", self.headers.get("Range", "")):
            start, stop = int(asked[1]), min(int(asked[2]) + 1, stop)
        self.send_response((206 if asked else 200) if data else 404)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[start:stop])

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def server(pool, tmp_path):
    """Serves files of the folder as long as they lie there."""
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


def remote(path, *names):
    mosaic(path, *names)
    path.write_text(path.read_text().replace('VRT="1"', 'VRT="0"'))
    return path


@pytest.mark.parametrize("query", ["", "?sig=S3CRET"])
def test_a_source_that_a_server_does_not_have_is_an_error(server, tmp_path, query):
    names = (f"/vsicurl/{server}/left.tif", f"/vsicurl/{server}/gone.tif{query}")
    path = remote(tmp_path / "pair.vrt", *names)
    for _ in range(2):
        with open_raster(path) as source:
            assert (source.read(LEFT).values == 7).all()
            for _ in range(2):
                with pytest.raises(InputError, match=r"gone\.tif: .*404") as told:
                    source.read(RIGHT)
                assert "S3CRET" not in str(told.value)


def test_sources_of_a_mosaic_on_a_server_are_looked_for_beside_it(server, tmp_path):
    mosaic(tmp_path / "pair.vrt", "left.tif", "gone.tif")
    with open_raster(f"{server}/pair.vrt") as source:
        assert (source.read(LEFT).values == 7).all()
        for _ in range(2):
            with pytest.raises(InputError, match=r"gone\.tif"):
                source.read(RIGHT)


def test_a_source_that_a_server_loses_is_an_error(server, make_raster, tmp_path):
    make_raster(np.full((1, 64, 64), 9, np.uint8), name="late.tif")
    path = remote(tmp_path / "p.vrt", *(f"/vsicurl/{server}/{n}.tif" for n in ("left", "late")))
    with open_raster(path) as source:
        assert (source.read(RIGHT).values == 9).all()
        (tmp_path / "late.tif").unlink()
    with open_raster(path) as source:
        for _ in range(2):
            with pytest.raises(InputError, match=r"late\.tif"):
                source.read(RIGHT)


RAW = """<VRTRasterBand dataType="UInt16" band="1" subClass="VRTRawRasterBand">
<SourceFilename relativeToVRT="1">values.raw</SourceFilename>{layout}</VRTRasterBand>"""
DOWN = "<ImageOffset>10</ImageOffset><PixelOffset>2</PixelOffset><LineOffset>128</LineOffset>"
UP = "<ImageOffset>8074</ImageOffset><PixelOffset>2</PixelOffset><LineOffset>-128</LineOffset>"


@pytest.mark.parametrize("layout", [DOWN, UP])
@pytest.mark.parametrize("is_nested", [False, True])
def test_values_that_lie_in_a_file_as_they_are(tmp_path, layout, is_nested):
    path, values = tmp_path / "raw.vrt", tmp_path / "values.raw"
    text = HEAD.format(width=64, sources="")
    start, stop = text.index("<VRTRasterBand"), text.index("</VRTDataset>")
    path.write_text(text[:start] + RAW.format(layout=layout) + text[stop:])
    if is_nested:
        path = mosaic(tmp_path / "outer.vrt", path.name)
    whole = b"\0" * 10 + np.arange(1, 4097, dtype="<u2").tobytes()
    values.write_bytes(whole)
    with open_raster(path) as source:
        assert source.read(LEFT).values.min() == 1
    values.write_bytes(whole[:-1])
    for _ in range(2):
        with (
            open_raster(path) as source,
            pytest.raises(InputError, match=r"values.raw is cut off: it has 8201 bytes, .* 8202"),
        ):
            source.read(LEFT)
