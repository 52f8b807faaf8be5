"""Jobs that are killed, that lose their file or their disk: nothing is lost that was done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.job import AutoOptions
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto

OPTIONS = AutoOptions(128, 32, EverythingOptions(points_per_side=4))
CHILD = """
import itertools, sys, threading
from pathlib import Path
from sam_common.automatic.options import EverythingOptions
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.job import AutoOptions
from sam_geo.jobs.run import run_auto
from sam_geo.jobs.request import AutoRequest

turn, numbers = threading.Lock(), itertools.count()

class Stuck(FakeSegmenter):
    def embed(self, image):
        with turn:
            number = next(numbers)
            if number == 7:  # once: two workers may be stuck, and write into each other's line
                print("stuck", flush=True)
        if number >= 7:
            threading.Event().wait()
        return FakeSegmenter.embed(self, image)

image, output, workers = sys.argv[1:]
options = AutoOptions(128, 32, EverythingOptions(points_per_side=4))
request = AutoRequest(image=image, output=Path(output), options=options, workers=int(workers))
run_auto(request, lambda: Stuck(model_size=128))
"""


@pytest.fixture
def image(make_raster):
    values = np.random.default_rng(0).integers(0, 255, (3, 400, 420), dtype=np.uint8)
    return make_raster(values, tiled=True, blockxsize=64, blockysize=64)


def auto(image, output, segmenter, **options):
    request = AutoRequest(image=str(image), output=output, options=OPTIONS, **options)
    return run_auto(request, lambda: segmenter)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_job_goes_on_and_gives_the_same_bytes(image, tmp_path, workers):
    whole, killed = tmp_path / "whole.gpkg", tmp_path / "killed" / "whole.gpkg"
    killed.parent.mkdir()
    record = auto(image, whole, FakeSegmenter(model_size=128))
    command = [sys.executable, "-c", CHILD, str(image), str(killed), str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "stuck\n"
        finally:  # it never ends by itself
            child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert not killed.exists()
    parts = len(list(killed.with_name("whole.gpkg.parts").glob("[0-9]*.part")))
    segmenter = FakeSegmenter(model_size=128)
    resumed = auto(image, killed, segmenter, resume=True)
    assert resumed["windows_reused"] == parts
    # seven windows were embedded before the kill; the worker that is not stuck may be at the last
    assert 7 - (workers - 1) <= parts <= 7
    assert len(segmenter.embedded) == record["windows"] - parts
    assert killed.read_bytes() == whole.read_bytes()
    assert not killed.with_name("whole.gpkg.parts").exists()


def test_a_file_that_is_cut_short_fails_windows_and_is_resumed(image, tmp_path):
    whole, torn = tmp_path / "whole.gpkg", tmp_path / "torn" / "whole.gpkg"
    torn.parent.mkdir()
    # a stretch that is given reads no sample: nothing of the file is in GDAL's cache
    auto(image, whole, FakeSegmenter(model_size=128), stretch="none")
    data = image.read_bytes()

    class Tearing(FakeSegmenter):
        def embed(self, seen):
            # somebody writes over the file while it is read
            with image.open("r+b") as file:
                file.truncate(len(data) // 3)
            return FakeSegmenter.embed(self, seen)

    record = auto(image, torn, Tearing(model_size=128), stretch="none")
    failed = len(record["failures"])
    assert 0 < failed < record["windows"]
    assert "cannot read rows" in record["failures"][0]
    assert torn.exists()
    written = json.loads(torn.with_suffix(".job.json").read_text())
    assert written["failures"] == record["failures"]
    image.write_bytes(data)
    resumed = auto(image, torn, FakeSegmenter(model_size=128), resume=True, stretch="none")
    assert resumed["failures"] == []
    assert resumed["windows_reused"] == record["windows"] - failed
    assert torn.read_bytes() == whole.read_bytes()


FULL = """
import resource, signal, sys
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.cli import auto, main

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv.pop())

def load():
    # the disk fills up after all has been checked
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return FakeSegmenter(model_size=128)

auto.loader = lambda *_, **__: load
main.main()
"""


def test_a_full_disk_keeps_the_parts_and_names_the_file(image, tmp_path):
    whole, out = tmp_path / "whole.gpkg", tmp_path / "full" / "whole.gpkg"
    out.parent.mkdir()
    auto(image, whole, FakeSegmenter(model_size=128))
    options = ["--tile-size", "128", "--overlap", "32", "--points-per-side", "4"]
    # parts are small enough for this disk, the table is not
    arguments = ["auto", str(image), "-o", str(out), *options, "20000"]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert f"cannot write {out}" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in out.parent.iterdir()] == ["whole.gpkg.parts"]
    segmenter = FakeSegmenter(model_size=128)
    auto(image, out, segmenter, resume=True)
    assert segmenter.embedded == []
    assert out.read_bytes() == whole.read_bytes()


def test_an_output_in_the_way_is_found_before_any_work(image, tmp_path):
    out = tmp_path / "out.gpkg"
    out.write_bytes(b"mine")
    segmenter = FakeSegmenter(model_size=128)
    with pytest.raises(OutputError, match="output exists"):
        auto(image, out, segmenter)
    assert out.read_bytes() == b"mine"
    assert segmenter.embedded == []
