"""`--executor dask`: every command that works on windows writes the same bytes on workers."""

from __future__ import annotations

import json
import re

import pytest
from clusters import cluster
from geo_commands import COMMANDS, files_of
from typer.testing import CliRunner

from sam_geo.cli import main


@pytest.fixture(scope="module")
def workers():
    with cluster(workers=0) as started:
        for _ in range(2):
            started.add_worker(options=["--resources", "GPU=1"])
        # it would end a job that looked at it
        started.add_old_worker()
        started.client.wait_for_workers(3, timeout=60)
        yield started


def on(workers):
    """The options by which a command runs on workers."""
    return ("--executor", "dask", "--scheduler", workers.address, "--resources", "GPU=1")


def told_in(folder):
    return (folder / "job.prom").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_two_workers_write_the_bytes_of_one_process(command, place, workers, tmp_path):
    """By --executor and --scheduler, with --resources and --metrics; --workers stays what it is."""
    folders = [place("here"), place("there")]
    runner, dask = CliRunner(), (*on(workers), "--metrics", str(tmp_path / "job.prom"))
    for folder, options in zip(folders, ((), dask), strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            result = runner.invoke(main.app, [*COMMANDS[command], *options], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert "done, " in result.stderr
    counted = re.search(r'sam_answers_total{outcome="done"} ([\d.]+)', told_in(tmp_path))
    assert float(counted[1]) > 0
    here, there = (files_of(folder) for folder in folders)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_the_record_counts_what_workers_did(place, workers, tmp_path):
    figures = []
    for name, options in (
        ("here", ()),
        ("there", on(workers)),
    ):
        folder = place(name)
        result = CliRunner().invoke(main.app, [*COMMANDS["auto"], *options])
        assert result.exit_code == 0, result.output
        record = json.loads((folder / "o.job.json").read_text())
        figures.append(
            {k: v for k, v in record.items() if k in {"windows", "embeddings", "counts"}}
        )
    assert figures[0] == figures[1]
    # and by whom; where there was no executor, there is no such entry
    assert "executor" not in json.loads((tmp_path / "here" / "o.job.json").read_text())
    told = record["executor"]
    assert (told["kind"], told["threads"], told["retried"]) == ("dask", 2, 0)
    # the windows of the grid, those that were looked at again, the one neighbourhood of them all,
    # which is linked before and after that, and the one block of objects that become polygons
    done = [worker["items"] for worker in told["per_worker"].values()]
    assert sum(done) == figures[1]["windows"] + record["windows_joined"] + 3
    assert told["workers"] == len(done)
    assert told["bytes_received"] == sum(w["bytes_received"] for w in told["per_worker"].values())
    assert told["bytes_received"] > 1000
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
        (("--resources", "GPU=1"), "--resources GPU=1 goes with --executor dask"),
        (
            ("--executor", "dask", "--scheduler", "tcp://x:1", "--resources", "GPU"),
            '--resources "GPU": GPU is no NAME=NUMBER, as GPU=1',
        ),
        (("--metrics", "x.prom"), "--metrics x.prom goes with --executor dask"),
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
    code, told = error_of(*COMMANDS["prompt"], *on(workers))
    assert code == 2
    assert "2 of 2 workers cannot do the job, tcp://127.0.0.1:" in told
    assert "no such file here: image.tif" in told


def vars_of(raster):
    return {name: getattr(raster, name) for name in raster.__dataclass_fields__}
