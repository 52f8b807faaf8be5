"""`--parts-at`: parts in an object storage, written by workers, which read the raster there too."""

from __future__ import annotations

import json
import os
import signal

import fsspec
import pytest
from clusters import cluster
from geo_commands import COMMANDS, files_of
from object_storage import reached_storage
from typer.testing import CliRunner

from sam_common.errors import SuiteError
from sam_geo.cli import main

KEEPING = [name for name in COMMANDS if name != "encode"]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A storage that the workers of this file reach too."""
    with reached_storage(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="module")
def workers(bucket):
    with cluster(workers=2) as started:
        yield started


@pytest.fixture(autouse=True)
def _good_keys(request):
    """Leave a storage as the next test wants it."""
    yield
    if "bucket" in request.fixturenames:
        storage = request.getfixturevalue("bucket")
        storage.expires = lambda _method, _path: False
        storage.renew()


def ran(folder, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return CliRunner().invoke(main.app, list(arguments), catch_exceptions=False)


def bytes_of(folder, *arguments):
    result = ran(folder, *arguments)
    assert result.exit_code == 0, result.output
    return files_of(folder)


@pytest.mark.parametrize(
    ("command", "at"), [*((name, "memory://{}") for name in KEEPING), ("auto", "{}")]
)
def test_parts_lie_where_they_are_told_and_the_bytes_are_the_same(command, at, place, tmp_path):
    """--parts-at: an address, and a folder."""
    at = at.format(tmp_path / "shared")
    here = bytes_of(place("here"), *COMMANDS[command])
    there = bytes_of(place("there"), *COMMANDS[command], "--parts-at", at)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    system, root = fsspec.url_to_fs(at)
    assert system.find(root) == []


@pytest.fixture
def auto(place, bucket, workers):
    """Run `auto` in a new folder, on the raster and with parts in the storage, by two workers."""
    folder = place("there")
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.put(str(folder / "image.tif"), f"{bucket.bucket}/image.tif")
    (folder / "image.tif").unlink()
    bucket.asked.clear()

    def run(*more, at=None):
        where = at or f"s3://{bucket.bucket}/runs"
        fixed = [
            word.replace("image.tif", f"s3://{bucket.bucket}/image.tif")
            for word in COMMANDS["auto"]
        ]
        dask = ("--executor", "dask", "--scheduler", workers.address)
        return ran(folder, *fixed, "--parts-at", where, *dask, *more)

    def refused(*more, at=None):
        with pytest.raises(SuiteError) as told:
            run(*more, at=at)
        return str(told.value)

    run.folder, run.refused = folder, refused
    return run


def parts_put(bucket):
    return [name for name in bucket.puts() if name.endswith(".part")]


def kept(bucket):
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    return [name.partition("/")[2] for name in system.find(f"{bucket.bucket}/runs")]


def results(folder):
    """The outputs, without the raster, which lies in the storage."""
    return {name: data for name, data in files_of(folder).items() if name != "image.tif"}


@pytest.fixture(scope="module")
def known():
    return {}


@pytest.fixture
def expected(place, known):
    """The outputs of one process without a storage, which are made once."""
    if not known:
        folder = place("here")
        bytes_of(folder, *COMMANDS["auto"])
        known.update(results(folder))
    return known


def test_two_workers_read_and_write_a_storage(auto, bucket, expected):
    result = auto()
    assert result.exit_code == 0, result.output
    assert results(auto.folder) == expected
    put = parts_put(bucket)
    assert len(put) >= json.loads((auto.folder / "o.job.json").read_text())["windows"]
    assert all(name.startswith("runs/o.gpkg.parts/") for name in put)
    assert kept(bucket) == []


def test_a_worker_that_is_killed_costs_no_part(auto, bucket, workers, expected):
    victim = workers.pids()[0]
    killed = []

    def kill(_method, _path):
        if len(parts_put(bucket)) == 4 and not killed:
            killed.append(victim)
            os.kill(victim, signal.SIGKILL)
        return False

    bucket.expires = kill
    result = auto()
    assert result.exit_code == 0, result.output
    assert killed
    assert results(auto.folder) == expected
    assert kept(bucket) == []


def test_credentials_that_expire_end_the_job_and_new_ones_go_on(auto, bucket, expected):
    bucket.expires = lambda _method, _path: len(parts_put(bucket)) == 5
    told = auto.refused()
    assert f"s3://{bucket.bucket}/" in told
    assert "credentials are wrong, missing or have expired" in told
    assert not (auto.folder / "o.gpkg").exists()
    bucket.expires = lambda _method, _path: False
    bucket.renew()
    done = {name for name in kept(bucket) if name.endswith(".part")}
    assert done
    bucket.asked.clear()
    assert "an unfinished job lies in " in auto.refused()
    result = auto("--resume")
    assert result.exit_code == 0, result.output
    assert results(auto.folder) == expected
    assert done.isdisjoint(parts_put(bucket))
    assert kept(bucket) == []


def test_a_damaged_part_is_named_and_its_window_is_run_again(auto, bucket, expected):
    bucket.expires = lambda _method, path: path.endswith("00000007.part")
    auto.refused()
    bucket.expires = lambda _method, _path: False
    bucket.renew()
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    damaged = next(name for name in kept(bucket) if name.endswith(".part"))
    data = bytearray(system.cat_file(f"{bucket.bucket}/{damaged}"))
    data[-2] ^= 1
    system.pipe_file(f"{bucket.bucket}/{damaged}", bytes(data))
    message = f"s3://{bucket.bucket}/{damaged} is lost or damaged: go on with --resume"
    assert auto.refused("--resume") == message
    result = auto("--resume")
    assert result.exit_code == 0, result.output
    assert results(auto.folder) == expected


def test_wrong_credentials_are_told(auto, bucket):
    bucket.give("WRONG")
    told = auto.refused()
    assert f"s3://{bucket.bucket}/" in told
    assert "credentials are wrong, missing or have expired" in told
    assert not (auto.folder / "o.gpkg.parts").exists()


def test_a_bucket_that_does_not_exist_is_told(auto):
    told = auto.refused(at="s3://no-such-bucket/runs")
    assert "there is no s3://no-such-bucket/runs/o.gpkg.parts to write to" in told
    assert not (auto.folder / "o.gpkg.parts").exists()


def test_a_second_job_is_told_how_to_get_past_the_lease(auto, bucket, expected):
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    lease = f"{bucket.bucket}/runs/o.gpkg.parts/.lock"
    other = {"owner": "x", "host": "node-7", "machine": 1, "pid": 42, "since": "2026-01-01"}
    system.pipe_file(lease, json.dumps(other).encode())
    assert auto.refused() == (
        f"another job works in s3://{bucket.bucket}/runs/o.gpkg.parts (process 42 on node-7, since "
        f"2026-01-01): wait until it has ended; if it was killed, delete s3://{lease}"
    )
    system.rm_file(lease)
    assert auto().exit_code == 0
    assert results(auto.folder) == expected
