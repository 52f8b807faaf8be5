"""Folder of the parts of a job: held by one, removed at the end."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from sam_common.errors import InputError, OutputError
from sam_common.tiled_job.folder import check_unfinished, held, remove_parts
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.storage import Storage
from sam_common.window import Window


def plan() -> Plan:
    return Plan((4, 4), (Window((0, 0), (4, 4)),), {})


def test_a_folder_is_held_by_one_job(tmp_path: Path) -> None:
    folder = tmp_path / "o.gpkg.parts"
    with held(folder):
        with pytest.raises(OutputError, match="another job works in"), held(folder):
            pass
        PartStore(folder, plan(), resume=False).write(0, Part())
    assert (folder / "00000000.part").is_file()
    with held(folder):
        (folder / "join-1").mkdir()
        (folder / "join-1" / "00000000.part").touch()
        remove_parts(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_never_began_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "o.gpkg.parts"

    def fail() -> None:
        with held(folder):
            raise InputError("no such file")

    with pytest.raises(InputError):
        fail()
    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys
from pathlib import Path
from sam_common.tiled_job.folder import held

with held(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_a_killed_job_lets_go_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "o.gpkg.parts"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="another job works in"), held(folder):
            pass
        job.kill()
        job.wait()
        with held(folder):
            pass
    assert not folder.exists()


def test_a_folder_of_something_else_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    message = r"no folder of an unfinished job \(thesis\.tex"
    with pytest.raises(OutputError, match=message), held(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_storage_is_held_with_the_folder_and_emptied_with_it(tmp_path: Path) -> None:
    folder, storage = tmp_path / "o.gpkg.parts", Storage(f"memory://{uuid.uuid4().hex}/o.parts")
    with held(folder, storage):
        other = tmp_path / "other.parts"
        with pytest.raises(OutputError, match="another job works in memory:"), held(other, storage):
            pass
        assert not other.exists()
        store = PartStore(folder, plan(), resume=False, storage=storage)
        store.write(0, Part())
        store.within("join-1", plan()).write(0, Part())
    with pytest.raises(OutputError, match=f"an unfinished job lies in {storage}: go on"):
        check_unfinished(other, storage, resume=False)
    check_unfinished(other, storage, resume=True)
    with held(folder, storage):
        remove_parts(folder, storage)
        assert storage.read("plan.json") is None
        assert storage.listed(1) == set()
    assert list(tmp_path.iterdir()) == []
    check_unfinished(other, storage, resume=False)
