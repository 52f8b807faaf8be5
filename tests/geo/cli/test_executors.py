"""`--executor dask`: every command that works on windows writes the same bytes on workers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from affine import Affine
from clusters import cluster
from typer.testing import CliRunner

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.cli import main

SMALL = ("--tile-size", "64", "--overlap", "16", "--points-per-side", "4")
COMMANDS = {
    "auto": ("auto", "image.tif", "-o", "o.gpkg", "--labels", "l.tif", *SMALL),
    "prompt": ("prompt", "image.tif", "boxes.csv", "-o", "o.gpkg"),
    "one class": ("prompt", "image.tif", "examples.csv", "-o", "o.gpkg", "--one-class"),
    "encode": ("encode", "image.tif", "-o", "kept"),
    "landcover": (
        *("landcover", "image.tif", "samples.csv", "-o", "o.tif", "--samples-crs", "pixel"),
        *("--class-field", "cover", "--classifier", "discriminant"),
    ),
    "similar": (
        *("similar", "image.tif", "examples.csv", "-o", "o.gpkg", "--examples-crs", "pixel"),
        *("--tile-size", "64", "--points-per-side", "4", "--classifier", "discriminant", "--all"),
    ),
}
TIMED = (".job.json", ".candidates.parquet")


@pytest.fixture(scope="module")
def workers():
    with cluster(workers=2) as started:
        yield started


@pytest.fixture
def place(make_raster, tmp_path, monkeypatch):
    """A folder with a raster and prompts, in which a command runs with a fake network."""
    monkeypatch.setattr(
        "sam_common.segmenter.predictor.load_segmenter",
        lambda _name, **_settings: FakeSegmenter(model_size=64, radius_px=9.0),
    )
    values = np.random.default_rng(5).integers(0, 250, (3, 160, 200)).astype(np.uint8)
    transform = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)

    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        make_raster(values, name=f"{name}/image.tif", crs="EPSG:32633", transform=transform)
        boxes = [(x, y, x + 20, y + 15) for y in range(5, 140, 30) for x in range(5, 170, 40)]
        rows = [",".join(map(str, box)) for box in boxes]
        (folder / "boxes.csv").write_text("\n".join(["xmin,ymin,xmax,ymax", *rows, ""]))
        points = [(x + 0.5, y + 0.5) for y in range(9, 150, 20) for x in range(6, 190, 25)]
        rows = [f"{x},{y},{'ab'[n % 2]}" for n, (x, y) in enumerate(points)]
        (folder / "samples.csv").write_text("\n".join(["x,y,cover", *rows, ""]))
        rows = [f"{x},{y}" for x, y in points[::9]]
        (folder / "examples.csv").write_text("\n".join(["x,y", *rows, ""]))
        monkeypatch.chdir(folder)
        return folder

    return make


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(TIMED)
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_two_workers_write_the_bytes_of_one_process(command, place, workers):
    """By --executor and --scheduler; --workers stays what it is where a scheduler is given."""
    folders = [place("here"), place("there")]
    runner = CliRunner()
    for folder, options in zip(
        folders, ((), ("--executor", "dask", "--scheduler", workers.address)), strict=True
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            result = runner.invoke(main.app, [*COMMANDS[command], *options], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert "done, " in result.stderr
    here, there = (files_of(folder) for folder in folders)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_the_record_counts_what_workers_did(place, workers):
    figures = []
    for name, options in (
        ("here", ()),
        ("there", ("--executor", "dask", "--scheduler", workers.address)),
    ):
        folder = place(name)
        result = CliRunner().invoke(main.app, [*COMMANDS["auto"], *options])
        assert result.exit_code == 0, result.output
        record = json.loads((folder / "o.job.json").read_text())
        figures.append(
            {k: v for k, v in record.items() if k in {"windows", "embeddings", "counts"}}
        )
    assert figures[0] == figures[1]
    assert figures[0]["embeddings"] > 10


@pytest.mark.parametrize("command", ["prompt", "encode"])
def test_workers_started_by_the_command(command, place):
    """--workers without --scheduler."""
    place("own")
    result = CliRunner().invoke(
        main.app, [*COMMANDS[command], "--executor", "dask", "--workers", "2"]
    )
    assert result.exit_code == 0, result.output
    assert result.stderr.count("tcp://127.0.0.1:") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--executor", "spark"), 'unknown executor "spark": choose local or dask'),
        (("--scheduler", "tcp://x:1"), "--scheduler tcp://x:1 goes with --executor dask"),
        (
            ("--executor", "dask", "--scheduler", "tcp://127.0.0.1:9"),
            "no Dask scheduler answers at tcp://127.0.0.1:9",
        ),
        (
            ("--executor", "dask", "--scheduler", "tcp://x:1", "--workers", "3"),
            "--workers 3 starts workers here, and tcp://x:1 has its own",
        ),
    ],
)
def test_what_is_wrong_with_the_options_is_said(options, message, place, error_of, monkeypatch):
    monkeypatch.setattr("sam_common.executors.opened.CONNECT_S", 1)
    place("wrong")
    code, told = error_of(*COMMANDS["prompt"], *options)
    assert code == 2
    assert message in told


def test_a_raster_that_a_worker_does_not_see_is_named(place, workers, error_of, monkeypatch):
    folder = place("gone")
    from sam_geo.raster import source

    monkeypatch.setattr(
        source.RasterSource,
        "__reduce__",
        lambda self: (
            source._opened_elsewhere,
            ({**vars_of(self), "name": str(folder / "other.tif")}, self.identity),
        ),
    )
    code, told = error_of(*COMMANDS["prompt"], "--executor", "dask", "--scheduler", workers.address)
    assert code == 2
    assert "2 of 2 workers cannot do the job, tcp://127.0.0.1:" in told
    assert "no such file here: image.tif" in told


def vars_of(raster):
    return {name: getattr(raster, name) for name in raster.__dataclass_fields__}
