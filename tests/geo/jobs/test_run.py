"""Jobs from files to files: what they write, and that nothing is lost that was done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from geo_jobs import ask, auto, moon

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs import opened
from sam_geo.jobs.request import AutoRequest, EncodeRequest, PromptRequest
from sam_geo.jobs.run import run_auto, run_encode, run_request
from sam_geo.raster import fingerprint, source
from sam_geo.results import object_rows
from sam_geo.results.finish import Finish
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import manifest_path

WINDOWS = AutoOptions(128, 32, EverythingOptions(points_per_side=4))
CHILD = """
import itertools, sys, threading
from pathlib import Path
from sam_common.automatic.options import EverythingOptions
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.options import AutoOptions
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


def everything(image, output, segmenter, **options):
    request = AutoRequest(image=str(image), output=output, options=WINDOWS, **options)
    return run_auto(request, lambda: segmenter)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_job_goes_on_and_gives_the_same_bytes(image, tmp_path, workers):
    whole, killed = tmp_path / "whole.gpkg", tmp_path / "killed" / "whole.gpkg"
    killed.parent.mkdir()
    record = everything(image, whole, FakeSegmenter(model_size=128))
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
    resumed = everything(image, killed, segmenter, resume=True)
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
    everything(image, whole, FakeSegmenter(model_size=128), stretch="none")
    data = image.read_bytes()

    class Tearing(FakeSegmenter):
        def embed(self, seen):
            # somebody writes over the file while it is read
            with image.open("r+b") as file:
                file.truncate(len(data) // 3)
            return FakeSegmenter.embed(self, seen)

    record = everything(image, torn, Tearing(model_size=128), stretch="none")
    failed = len(record["failures"])
    assert 0 < failed < record["windows"]
    assert "cannot read rows" in record["failures"][0]
    assert torn.exists()
    written = json.loads(torn.with_suffix(".job.json").read_text())
    assert written["failures"] == record["failures"]
    image.write_bytes(data)
    resumed = everything(image, torn, FakeSegmenter(model_size=128), resume=True, stretch="none")
    assert resumed["failures"] == []
    assert resumed["windows_reused"] == record["windows"] - failed
    assert torn.read_bytes() == whole.read_bytes()


FULL = """
import resource, signal, sys
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.cli import main, options

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv.pop())

def load():
    # the disk fills up after all has been checked
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return FakeSegmenter(model_size=128)

options.loader = lambda *_, **__: load
main.main()
"""


def test_a_full_disk_keeps_the_parts_and_names_the_file(image, tmp_path):
    whole, out = tmp_path / "whole.gpkg", tmp_path / "full" / "whole.gpkg"
    out.parent.mkdir()
    everything(image, whole, FakeSegmenter(model_size=128))
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
    everything(image, out, segmenter, resume=True)
    assert segmenter.embedded == []
    assert out.read_bytes() == whole.read_bytes()


def test_an_output_in_the_way_is_found_before_any_work(image, tmp_path):
    out = tmp_path / "out.gpkg"
    out.write_bytes(b"mine")
    segmenter = FakeSegmenter(model_size=128)
    with pytest.raises(OutputError, match="output exists"):
        everything(image, out, segmenter)
    assert out.read_bytes() == b"mine"
    assert segmenter.embedded == []


def test_tables_of_one_stem_have_side_files_of_their_own(grey_raster, prompts, tmp_path):
    for name in ("trees.gpkg", "trees.shp", "trees.fgb"):
        ask(grey_raster, prompts, tmp_path / name)
    for name in ("trees.gpkg", "trees.fgb"):
        ask(grey_raster, prompts, tmp_path / name, overwrite=True)
    records = {
        path.name: json.loads(path.read_text())["parameters"]["table"]
        for path in tmp_path.glob("*.job.json")
    }
    assert records == {
        "trees.job.json": "trees.gpkg",
        "trees.shp.job.json": "trees.shp",
        "trees.fgb.job.json": "trees.fgb",
    }
    assert sorted(path.name for path in tmp_path.glob("*.qml")) == [
        "trees.fgb.qml",
        "trees.qml",
        "trees.shp.qml",
    ]


def test_side_files_that_a_user_has_beside_another_table_stay(grey_raster, prompts, tmp_path):
    own = tmp_path / "trees.geojson"
    own.write_text("{}")
    (tmp_path / "trees.qml").write_text("<qgis/>")
    (tmp_path / "trees.job.json").write_text("mine")
    ask(grey_raster, prompts, tmp_path / "trees.gpkg", overwrite=True)
    assert (tmp_path / "trees.qml").read_text() == "<qgis/>"
    assert (tmp_path / "trees.job.json").read_text() == "mine"
    assert manifest_path(tmp_path / "trees.gpkg").name == "trees.gpkg.job.json"
    assert style_path(tmp_path / "trees.gpkg").name == "trees.gpkg.qml"


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet", ".shp"])
def test_a_link_stays_one_and_its_file_is_written(grey_raster, tmp_path, suffix):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    links = {}
    for name in (f"o{suffix}", "o.tif", "o.png"):
        links[name] = tmp_path / name
        links[name].symlink_to(folder / f"real{Path(name).suffix}")
    for overwrite in (False, True):  # first they lead nowhere
        if overwrite:
            auto(
                grey_raster,
                links[f"o{suffix}"],
                labels=links["o.tif"],
                overlay=links["o.png"],
                overwrite=True,
            )
        else:
            with pytest.raises(OutputError, match="output exists"):
                auto(grey_raster, links[f"o{suffix}"])
    assert all(link.is_symlink() for link in links.values())
    found = {path.name for path in folder.iterdir()}
    assert found >= {f"real{suffix}", "real.tif", "real.png"}
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    assert len(read(folder / f"real{suffix}")) > 0


def test_a_picture_that_cannot_be_written_leaves_the_parts(
    grey_raster, prompts, tmp_path, monkeypatch
):
    output, picture = tmp_path / "o.gpkg", tmp_path / "o.png"

    def fail(*_):
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("sam_geo.jobs.run.write_picture", fail)
        with pytest.raises(OutputError, match="disk is full"):
            ask(grey_raster, prompts, output, overlay=picture)
    segmenter = FakeSegmenter(model_size=64)
    request = PromptRequest(
        image=str(grey_raster), prompts=prompts, output=output, overlay=picture, resume=True
    )
    run_request(request, lambda: segmenter)
    assert segmenter.embedded == []
    assert picture.is_file()
    assert not output.with_name("o.gpkg.parts").exists()


def test_a_job_of_which_nothing_worked_leaves_an_earlier_result(grey_raster, prompts, tmp_path):
    output = tmp_path / "o.gpkg"
    ask(grey_raster, prompts, output)
    before = output.read_bytes()

    class Broken(FakeSegmenter):
        def embed(self, _):
            raise RuntimeError("the network gave up")

    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=output, overwrite=True)
    with pytest.raises(OutputError, match=r"none of 1 windows worked, .* stays as it was: the net"):
        run_request(request, lambda: Broken(model_size=1024))
    assert output.read_bytes() == before
    # without one there is something to see: a row with a status for each prompt
    output.unlink()
    (tmp_path / "o.job.json").unlink()
    (tmp_path / "o.qml").unlink()
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=output, resume=True)
    run_request(request, lambda: Broken(model_size=1024))
    assert geopandas.read_file(output)["status"].tolist() == ["failed", "failed"]


def test_an_image_of_the_moon_is_written_on_the_moon(make_raster, prompts, tmp_path):
    ask(moon(make_raster), prompts, tmp_path / "o.gpkg", finish=Finish(dst_crs="IAU_2015:30100"))
    table = geopandas.read_file(tmp_path / "o.gpkg")
    assert len(table) == 2
    assert "Moon" in table.crs.name


def test_geojson_takes_the_system_that_it_is_in(grey_raster, prompts, tmp_path):
    finish = Finish(dst_crs="EPSG:4326")
    ask(grey_raster, prompts, tmp_path / "o.geojson", finish=finish)
    assert geopandas.read_file(tmp_path / "o.geojson").total_bounds[0] == pytest.approx(15, abs=1)


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet", ".shp"])
def test_odd_names_are_written(grey_raster, prompts, tmp_path, suffix):
    folder = tmp_path / "a!b #1 ä%20"
    folder.mkdir()
    output = folder / f"x!y ;&'{suffix.upper()}"
    ask(grey_raster, prompts, output, overlay=folder / "o!.png")
    written = sorted(path.name for path in folder.iterdir())
    assert {name.removesuffix(output.suffix) for name in written} >= {output.stem, "o!.png"}
    # the reader of this test takes such names for addresses
    for path in folder.iterdir():
        path.rename(tmp_path / f"plain{path.suffix.lower()}")
    plain = tmp_path / f"plain{suffix}"
    table = geopandas.read_parquet(plain) if suffix == ".parquet" else geopandas.read_file(plain)
    assert len(table) == 2


def test_a_layer_is_added_to_a_geopackage(grey_raster, prompts, tmp_path):
    output = tmp_path / "work.gpkg"
    roads = geopandas.GeoDataFrame({"n": [7]}, geometry=[shapely.Point(1, 2)], crs=32633)
    roads.to_file(output, layer="roads")
    ask(grey_raster, prompts, output, layer="trees", overwrite=True)
    ask(grey_raster, prompts, output, overwrite=True)
    assert sorted(geopandas.list_layers(output)["name"]) == ["roads", "trees", "work"]
    assert geopandas.read_file(output, layer="roads")["n"].tolist() == [7]
    assert len(geopandas.read_file(output, layer="trees")) == 2


def everything_of(image, folder):
    return run_auto, AutoRequest(
        image=str(image),
        output=folder / "o.gpkg",
        options=WINDOWS,
        labels=folder / "labels.tif",
        overlay=folder / "o.png",
        embeddings=folder / "kept",
    )


def prompts_of(image, folder):
    boxes = folder / "boxes.csv"
    boxes.write_text("xmin,ymin,xmax,ymax\n10,10,30,30\n300,300,340,350\n")
    return run_request, PromptRequest(
        image=str(image),
        prompts=boxes,
        output=folder / "o.gpkg",
        overlay=folder / "o.png",
        embeddings=folder / "kept",
    )


def embeddings_of(image, folder):
    return run_encode, EncodeRequest(image=str(image), output=folder / "kept")


@pytest.mark.parametrize("job", [everything_of, prompts_of, embeddings_of])
def test_a_raster_is_opened_hashed_and_sampled_once(make_raster, tmp_path, monkeypatch, job):
    """Plan, store of embeddings, record, stretch and notes share what was read."""
    values = np.random.default_rng(0).integers(0, 999, (1, 400, 420), dtype=np.uint16)
    image = make_raster(values)
    counted = Counter()

    def count(target, name, when=lambda *_: True):
        real = getattr(target, name)

        def counting(*arguments, **options):
            counted[name] += when(*arguments)
            return real(*arguments, **options)

        monkeypatch.setattr(target, name, counting)

    count(opened, "open_raster")
    count(opened, "load_prompts")
    count(source, "identify")
    count(source, "sample_bands")
    count(fingerprint, "file_facts", lambda path, *_: path == image)
    run, request = job(image, tmp_path)
    loaded = []

    def load():
        # everything that is read once is read before there is a network
        loaded.append(dict(counted))
        return FakeSegmenter(model_size=128)

    run(request, load)
    expected = {"open_raster": 1, "identify": 1, "sample_bands": 1, "file_facts": 1}
    if job is prompts_of:
        expected["load_prompts"] = 1
    assert counted == expected
    assert loaded == [expected]


def test_outlines_are_made_once_for_each_object(image, tmp_path, monkeypatch):
    """Table, label raster and picture are written from the same rows."""
    made = []
    outline = object_rows.world_outline

    def counted(pieces, frame):
        made.append(len(pieces))
        return outline(pieces, frame)

    monkeypatch.setattr(object_rows, "world_outline", counted)
    run, request = everything_of(image, tmp_path)
    record = run(request, lambda: FakeSegmenter(model_size=128))
    assert len(made) == record["objects"] > 0


def test_the_record_of_embeddings_says_what_may_surprise(make_raster, tmp_path):
    values = np.full((1, 80, 100), 700, dtype=np.int16)
    values[0, :40] = -9999
    run, request = embeddings_of(make_raster(values), tmp_path)
    figures = run(request, lambda: FakeSegmenter(model_size=64))
    (note,) = figures.pop("notes")
    assert "-9999" in note
    assert set(figures) == {"windows", "encoded", "stored", "nodata", "failed", "bytes"}
