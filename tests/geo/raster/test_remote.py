from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

from sam_common.errors import InputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.cli import main
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.prompted.embedding import open_store
from sam_geo.raster.fingerprint import signature
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch

SIDE = 3328
HEADER = 65_536
SECRETS = ("S3CRET", "passw0rd")


class RangeHandler(BaseHTTPRequestHandler):
    """Serves one file by ranges and counts the bytes of the answers.

    An answer beyond the header is cut in two where the server's `cuts` is not used up, and never
    comes where `stalls` is set. `tells` are further headers.
    """

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body):
        data = self.server.data
        if self.path.partition("?")[0] != "/big.tif":
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, stop = 0, len(data)
        if match:
            start = int(match[1])
            stop = min(int(match[2]) + 1, stop) if match[2] else stop
        self.server.asked.append(self.path)
        is_pixels = with_body and stop > HEADER
        if is_pixels and self.server.stalls is not None:
            self.server.stalled.set()
            self.server.stalls.wait()
            self.close_connection = True
            return
        self.send_response(206 if match else 200)
        for name, value in self.server.tells.items():
            self.send_header(name, value)
        self.send_header("Accept-Ranges", "bytes")
        if match:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if with_body:
            self.server.sent += stop - start
            if is_pixels and self.server.cuts:
                self.server.cuts -= 1
                stop, self.close_connection = (start + stop) // 2, True
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
    server.daemon_threads = True
    server.data, server.sent = (tmp_path / "big.tif").read_bytes(), 0
    server.cuts, server.stalls, server.stalled, server.tells = 0, None, threading.Event(), {}
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, values
    if server.stalls is not None:
        server.stalls.set()
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


def address(server, *, signed=False):
    host = f"127.0.0.1:{server.server_port}/big.tif"
    return f"http://me:passw0rd@{host}?X-Sig=S3CRET&n=1" if signed else f"http://{host}"


def test_an_answer_that_was_cut_off_is_asked_for_again(served):
    server, values = served
    server.cuts = 1
    window = Window((1024, 1024), (1300, 1300))
    with open_raster(address(server)) as source:
        pixels = source.read(window)
    assert server.cuts == 0
    assert np.array_equal(pixels.values, values[:, 1024:1300, 1024:1300])


def test_answers_that_are_always_cut_off_are_an_error_each_time(served):
    server, _ = served
    server.cuts = 10**6
    with open_raster(address(server)) as source:
        for _ in range(2):
            with pytest.raises(InputError, match="cannot read rows 1024-1299"):
                source.read(Window((1024, 1024), (1300, 1300)))


@pytest.fixture
def impatient(monkeypatch):
    """GDAL waits for a second only."""
    for name in ("GDAL_HTTP_LOW_SPEED_TIME", "GDAL_HTTP_CONNECTTIMEOUT", "GDAL_HTTP_MAX_RETRY"):
        monkeypatch.setenv(name, "1")


def test_a_request_that_is_not_answered_is_given_up(served, impatient):
    server, _ = served
    with open_raster(address(server, signed=True)) as source:
        server.stalls = threading.Event()
        with pytest.raises(InputError, match="cannot read rows 1024-1299") as told:
            source.read(Window((1024, 1024), (1300, 1300)))
    assert not any(secret in str(told.value) for secret in SECRETS)


def test_a_second_interrupt_ends_a_job_that_waits_for_a_server(served, tmp_path):
    server, _ = served
    server.stalls = threading.Event()
    (tmp_path / "p.csv").write_text("xmin,ymin,xmax,ymax\n1100,1100,1200,1200\n")
    code = (
        # a shell starts what runs in the background with interrupts ignored
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; from sam_geo.cli import main as cli\n"
        "from sam_common.segmenter.fake import FakeSegmenter\n"
        "import sam_common.segmenter.predictor as s\n"
        "s.load_segmenter = lambda *a, **k: FakeSegmenter()\n"
        "cli.main()"
    )
    words = ["prompt", address(server), "p.csv", "-o", "o.gpkg", "--stretch", "0,255"]
    # GDAL itself would wait for an hour: nothing but an interrupt ends the job
    patience = {"GDAL_HTTP_LOW_SPEED_TIME": "3600", "GDAL_HTTP_TIMEOUT": "3600"}
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env={**os.environ, **patience},
    ) as job:
        try:
            assert server.stalled.wait(300)
            job.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                job.wait(4)  # two interrupts at once would be one
            job.send_signal(signal.SIGINT)
            _, errors = job.communicate(timeout=300)
        finally:
            job.kill()
    assert job.returncode == 130
    assert b"Traceback" not in errors
    assert not (tmp_path / "o.gpkg").exists()


def test_no_secret_of_an_address_is_written(served, tmp_path):
    server, _ = served
    (tmp_path / "p.csv").write_text("xmin,ymin,xmax,ymax\n100,100,200,200\n")
    request = PromptRequest(
        image=address(server, signed=True),
        prompts=tmp_path / "p.csv",
        output=tmp_path / "o.gpkg",
        embeddings=tmp_path / "kept",
    )
    server.tells = {"ETag": '"one"'}
    server.cuts = 10**6
    _, record = run_request(request, FakeSegmenter)
    assert len(record["failures"]) == 1
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".tif"]
    assert {"plan.json", "o.job.json", "signature.json"} <= {path.name for path in written}
    texts = [path.read_bytes().decode("latin-1") for path in written]
    texts.append(json.dumps(record))
    texts.append(CliRunner().invoke(main.app, ["info", request.image, "--json"]).output)
    assert not any(secret in text for secret in SECRETS for text in texts)
    assert any("S3CRET" in path for path in server.asked)


@pytest.mark.parametrize("signed", [False, True])
def test_refusals_say_no_secret(served, signed):
    server, _ = served
    url = address(server, signed=signed).replace("big", "none")
    with pytest.raises(InputError) as told, open_raster(url):
        pass
    assert not any(secret in str(told.value) for secret in SECRETS)
    assert told.value.__cause__ is None


def test_a_remote_raster_is_known_by_what_its_server_tells(served):
    server, _ = served
    known = []
    for tells in ({"ETag": '"a"'}, {"ETag": '"b"'}, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00"}):
        server.tells = tells
        with open_raster(address(server, signed=True)) as source:
            known.append(signature(source.identity))
    assert known[0] == {"bytes": len(server.data), "etag": '"a"'}
    assert known[1] == {"bytes": len(server.data), "etag": '"b"'}
    assert known[2]["last_modified"].startswith("Mon")


def test_nothing_is_kept_of_a_server_that_tells_nothing(served, tmp_path):
    server, _ = served
    known = []
    for _ in range(2):
        with open_raster(address(server)) as source:
            known.append(signature(source.identity))
            with pytest.raises(InputError, match="tells neither an ETag nor a date"):
                open_store(tmp_path / "kept", source, FakeSegmenter(), Stretch(None))
    assert known[0] != known[1]


def test_a_mosaic_of_remote_sources_is_known_by_them(served, tmp_path):
    server, _ = served
    path = tmp_path / "m.vrt"
    remote = f"<SourceFilename>/vsicurl/{address(server)}</SourceFilename>"
    path.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}">'
        f'<VRTRasterBand dataType="Byte" band="1"><SimpleSource>{remote}</SimpleSource>'
        f"<SimpleSource>{remote}</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    known = []
    for etag in "aab":
        server.tells = {"ETag": etag}
        with open_raster(path) as source:
            known.append(signature(source.identity))
    assert known[0] == known[1] != known[2]


def test_info_fetches_headers_and_a_sample(served, tmp_path):
    server, values = served
    masked = np.where(values[:1] > 40, values[:1], 0).astype(np.uint16) * 30
    profile = {"driver": "COG", "dtype": "uint16", "crs": "EPSG:32633", "nodata": 0}
    profile |= {"blocksize": 256, "compress": "none", "count": 1, "width": SIDE, "height": SIDE}
    transform = rasterio.Affine(1, 0, 9, 0, -1, 9)
    with rasterio.open(tmp_path / "other.tif", "w", transform=transform, **profile) as dataset:
        dataset.write(masked)
    server.data, server.sent = (tmp_path / "other.tif").read_bytes(), 0
    result = CliRunner().invoke(main.app, ["info", address(server), "--json"])
    facts = json.loads(result.output)
    assert facts["valid_pixels"] is None
    assert facts["stretch"][0][0] > 0
    assert 0 < server.sent < 0.15 * len(server.data)
