from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import pytest

from sam_common.errors import OutputError, StorageError
from sam_common.tiled_job import lease
from sam_common.tiled_job.lease import leased
from sam_common.tiled_job.storage import Storage


@pytest.fixture(autouse=True)
def _own_turns(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def storage():
    return Storage(f"memory://{uuid.uuid4().hex}/o.gpkg.parts")


def test_a_lease_says_whose_it_is_and_goes_with_the_job(storage):
    with leased(storage):
        held = json.loads(storage.read(".lock"))
    assert held.keys() == {"owner", "host", "machine", "pid", "since"}
    assert held["pid"] == os.getpid()
    assert storage.read(".lock") is None


def test_a_second_job_is_told_who_works_there(storage):
    with leased(storage):
        held = json.loads(storage.read(".lock"))
        with pytest.raises(OutputError) as told, leased(Storage(storage.address)):
            pass
        assert json.loads(storage.read(".lock")) == held
    assert str(told.value) == (
        f"another job works in {storage} (process {os.getpid()} on {held['host']}, since "
        f"{held['since']}): wait until it has ended; if it was killed, delete {storage}/.lock"
    )


@pytest.fixture
def left(storage):
    """Leave the lease of another process, with changes to what it says."""

    def leave(**changes):
        known = {**lease._own(), "owner": "other-life", **changes}
        storage.create(".lock", json.dumps(known).encode())

    return leave


def ended_process():
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_the_lease_of_a_killed_job_of_this_machine_is_taken_over(storage, left):
    left(pid=ended_process())
    with leased(storage):
        assert json.loads(storage.read(".lock"))["pid"] == os.getpid()
    assert storage.read(".lock") is None


def test_so_is_that_of_a_job_of_this_process_that_could_not_let_go(storage, monkeypatch):
    """As where its credentials had expired."""
    remove = Storage.remove

    def refused(*_given):
        raise StorageError("expired")

    monkeypatch.setattr(Storage, "remove", refused)
    with pytest.raises(StorageError), leased(storage):
        pass
    monkeypatch.setattr(Storage, "remove", remove)
    before = json.loads(storage.read(".lock"))
    with leased(storage):
        assert json.loads(storage.read(".lock"))["owner"] != before["owner"]


def test_so_is_that_of_an_earlier_process_of_the_same_number(storage, left):
    """As in a container that is started again."""
    left()
    with leased(storage):
        assert json.loads(storage.read(".lock"))["owner"] != "other-life"


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"machine": 1}])
def test_that_of_another_machine_is_not(changes, storage, left):
    left(pid=ended_process(), **changes)
    with pytest.raises(OutputError, match="if it was killed, delete"), leased(storage):
        pass
    assert json.loads(storage.read(".lock"))["owner"] == "other-life"


def test_nor_that_of_a_process_that_runs(storage, left):
    left(pid=os.getppid())
    with pytest.raises(OutputError, match=f"process {os.getppid()} on "), leased(storage):
        pass


def test_a_lease_that_cannot_be_read_is_respected(storage):
    storage.create(".lock", b"{")
    with pytest.raises(OutputError, match="of which nothing is known"), leased(storage):
        pass


def test_a_storage_that_lets_two_write_is_noticed(storage, monkeypatch):
    """The later one has it: the other reads whose it is."""
    create = Storage.create

    def both(self, name, data):
        create(self, name, data)
        self.write(name, json.dumps({**json.loads(data), "owner": "other"}).encode())
        return True

    monkeypatch.setattr(Storage, "create", both)
    with pytest.raises(OutputError, match="another job works in"), leased(storage):
        pass


def test_what_is_not_of_a_job_is_left_alone(storage):
    storage.write("thesis.tex", b"mine")
    with pytest.raises(OutputError, match=r"thesis\.tex lies in it"), leased(storage):
        pass
    assert storage.read(".lock") is None
    assert storage.read("thesis.tex") == b"mine"


def test_the_error_of_the_job_is_told_rather_than_that_of_the_storage(storage, monkeypatch):
    def lost(*_given):
        raise StorageError("the storage is gone")

    def work():
        with leased(storage):
            monkeypatch.setattr(Storage, "read_all", lost)
            raise OutputError("the job's own")

    with pytest.raises(OutputError, match="the job's own"):
        work()


def test_a_lease_that_somebody_else_has_made_since_is_left_to_them(storage):
    with leased(storage):
        storage.write(".lock", b'{"owner": "other"}')
    assert storage.read(".lock") == b'{"owner": "other"}'


def test_of_two_jobs_one_gets_a_real_bucket(s3):
    storage = Storage(f"s3://{s3.bucket}/o.parts")
    told = pytest.raises(OutputError, match="another job works in s3:")
    with leased(storage), told, leased(storage):
        pass
    with leased(storage):
        pass
