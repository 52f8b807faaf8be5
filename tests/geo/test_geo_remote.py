from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import rasterio

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.source import open_raster

SIDE = 3328


class RangeHandler(BaseHTTPRequestHandler):
    """Serves one file by ranges and counts the bytes of the answers."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body):
        data = self.server.data
        if self.path != "/big.tif":
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, stop = 0, len(data)
        if match:
            start = int(match[1])
            stop = min(int(match[2]) + 1, stop) if match[2] else stop
        self.send_response(206 if match else 200)
        self.send_header("Accept-Ranges", "bytes")
        if match:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if with_body:
            self.server.sent += stop - start
            self.wfile.write(data[start:stop])

    def log_message(self, *args):
        pass


@pytest.fixture
def served(tmp_path):
    """A server with a tiled raster of 33 MB of noise, and its values."""
    values = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
    transform = rasterio.Affine(1, 0, 9, 0, -1, 9)
    profile = {"driver": "COG", "dtype": "uint8", "crs": "EPSG:32633", "transform": transform}
    profile |= {"blocksize": 256, "compress": "none", "count": 3, "width": SIDE, "height": SIDE}
    with rasterio.open(tmp_path / "big.tif", "w", **profile) as dataset:
        dataset.write(values)
    server = ThreadingHTTPServer(("127.0.0.1", 0), RangeHandler)
    server.data, server.sent = (tmp_path / "big.tif").read_bytes(), 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, values
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("prefix", ["", "/vsicurl/"])
def test_a_small_area_costs_few_bytes(served, prefix):
    server, values = served
    url = f"{prefix}http://127.0.0.1:{server.server_port}/big.tif"
    side = SIDE // 10
    with open_raster(url) as source:
        pixels = source.read(Window((1024, 1024), (1024 + side, 1024 + side)))
    assert np.array_equal(pixels.values, values[:, 1024 : 1024 + side, 1024 : 1024 + side])
    assert 0 < server.sent <= 0.03 * len(server.data)


def test_a_url_that_is_not_there(served):
    server, _ = served
    url = f"http://127.0.0.1:{server.server_port}/none.tif"
    message = f"^cannot open {re.escape(url)}: HTTP response code: 404$"
    with pytest.raises(InputError, match=message), open_raster(url):
        pass
