"""Where a job keeps its parts, and what it may replace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sam_common.tiled_job.plan_file import PLAN
from sam_geo.jobs.resumable import Resumable


@dataclass(frozen=True, slots=True)
class Job(Resumable):
    output: Path
    resume: bool = False
    overwrite: bool = False


def test_parts_lie_beside_the_output():
    assert Job(Path("out/trees.gpkg")).parts == Path("out/trees.gpkg.parts")


@pytest.mark.parametrize(
    ("is_begun", "resume", "overwrite", "expected"),
    [
        (False, False, False, False),
        (False, False, True, True),
        (False, True, False, False),
        (True, True, False, True),
        (True, False, False, False),
    ],
)
def test_a_resumed_job_replaces_its_own_outputs(tmp_path, is_begun, resume, overwrite, expected):
    job = Job(tmp_path / "map.tif", resume, overwrite)
    if is_begun:
        job.parts.mkdir()
        (job.parts / PLAN).touch()
    assert job.replaces is expected


@pytest.mark.parametrize("at", ["s3://bucket/runs", "s3://bucket/runs/"])
def test_a_storage_holds_a_folder_of_the_same_name(at):
    @dataclass(frozen=True, slots=True)
    class Kept(Job):
        parts_at: str | None = None

    assert Job(Path("out/trees.gpkg")).storage is None
    assert Kept(Path("out/trees.gpkg")).storage is None
    job = Kept(Path("out/trees.gpkg"), parts_at=at)
    assert str(job.storage) == "s3://bucket/runs/trees.gpkg.parts"
    assert job.parts == Path("out/trees.gpkg.parts")
