from __future__ import annotations

import hashlib
import json

import pytest
import rasterio

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.raster import fingerprint as identity
from sam_geo.raster.stretch import Stretch
from sam_geo.results.record import (
    StepTimes,
    describe_run,
    fingerprint,
    manifest_path,
    write_manifest,
)


def test_a_small_file_is_known_by_its_whole_content(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("x,y\n")
    known = fingerprint(path)
    assert known == {
        "path": str(path),
        "bytes": 4,
        "mtime_ns": path.stat().st_mtime_ns,
        "sha256": hashlib.sha256(b"x,y\n").hexdigest(),
    }


def test_a_large_file_is_known_by_its_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "WHOLE_BYTES", 8)
    monkeypatch.setattr(identity, "END_BYTES", 3)
    path = tmp_path / "image.tif"
    path.write_bytes(b"abc-------xyz")
    known = fingerprint(path)
    assert known["sha256_ends"] == hashlib.sha256(b"abcxyz").hexdigest()
    assert "sha256" not in known


def test_what_is_no_local_file_is_known_by_name():
    assert fingerprint("/vsicurl/https://example.org/a.tif") == {
        "path": "/vsicurl/https://example.org/a.tif"
    }


def test_the_record_lies_beside_the_result():
    assert manifest_path("out/trees.v2.gpkg").name == "trees.v2.job.json"


def test_a_record_is_whole_or_absent(tmp_path):
    path = tmp_path / "trees.job.json"
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_manifest({"score": float("nan")}, path)
    assert not list(tmp_path.iterdir())
    write_manifest({"name": "ä"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "ä"}


def test_a_table_that_is_being_made_counts_as_another(tmp_path):
    (tmp_path / "trees.shp.parts").mkdir()
    assert manifest_path(tmp_path / "trees.gpkg").name == "trees.gpkg.job.json"
    assert manifest_path(tmp_path / "trees.shp").name == "trees.job.json"


def test_the_time_of_a_step_adds_up_over_threads_and_errors(monkeypatch):
    clock = iter(range(0, 100, 5))
    monkeypatch.setattr("sam_geo.results.record.time.perf_counter", lambda: float(next(clock)))
    times = StepTimes({"read": 0.0, "embed": 0.0})
    with times.timed("read"):
        pass
    with pytest.raises(KeyError), times.timed("read"):
        raise KeyError
    with times.timed("write"):
        pass
    assert times.seconds == {"read": 10.0, "embed": 0.0, "write": 5.0}
    assert list(times.seconds) == ["read", "embed", "write"]


def test_a_record_holds_what_a_job_ran_with(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("x,y\n")
    record = describe_run(
        FakeSegmenter(),
        Stretch(((0.0, 255.0),)),
        inputs={"image": {"path": "a.tif", "sha256": "1"}, "prompts": path},
        parameters={"bands": [1]},
        results={"counts": {"ok": 3}},
        seconds={"read": 0.12345},
    )
    assert list(record) == [
        "inputs", "parameters", "model", "stretch", "counts", "seconds", "versions",
    ]  # fmt: skip
    assert record["inputs"] == {
        "image": {"path": "a.tif", "sha256": "1"},
        "prompts": fingerprint(path),
    }
    assert record["model"] == {
        "name": "fake", "sha256": "0" * 64, "engine": "none", "precision": "exact",
        "device": "cpu", "input_px": 1024,
    }  # fmt: skip
    assert (record["stretch"], record["seconds"]) == ([[0.0, 255.0]], {"read": 0.123})
    assert record["versions"]["rasterio"] == rasterio.__version__
