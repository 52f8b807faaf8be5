from __future__ import annotations

import pickle
import subprocess
import sys
import uuid

import pytest

from sam_common.errors import DiskError, InputError, ModelError, OutputError, StorageError
from sam_common.tiled_job import storage as storage_module
from sam_common.tiled_job.storage import Storage

PART = b"x" * 40


@pytest.fixture(params=["memory", "file", "path", "s3"])
def storage(request, tmp_path):
    """A folder that is not there yet, in each kind of place."""
    if request.param == "s3":
        return Storage(f"s3://{request.getfixturevalue('s3').bucket}/runs/o.gpkg.parts")
    return Storage(
        {
            "memory": f"memory://{uuid.uuid4().hex}/o.gpkg.parts",
            "file": f"file://{tmp_path}/runs/o.gpkg.parts",
            "path": f"{tmp_path}/runs/o.gpkg.parts/",
        }[request.param]
    )


def test_files_are_written_listed_read_and_removed(storage):
    assert storage.listed(2) == set()
    assert storage.read("plan.json") is None
    storage.write("plan.json", b"first")
    storage.write("plan.json", b"second")
    assert storage.read("plan.json") == b"second"
    storage.within("join-1").write("00000/00000000.part", PART)
    assert storage.read("join-1/00000/00000000.part") == PART
    storage.write("00000/00000001.part", PART)
    assert storage.listed(2) == {1}
    assert storage.read_all(["plan.json", "none", "00000/00000001.part"]) == {
        "plan.json": b"second",
        "00000/00000001.part": PART,
    }
    storage.remove("00000/00000001.part")
    storage.remove("00000/00000001.part")
    assert storage.listed(2) == set()


def test_all_but_the_lease_is_cleared(storage):
    storage.write("plan.json", b"{}")
    storage.within("join-1").write("00000/00000000.part", PART)
    storage.create(".lock", b"mine")
    storage.clear()
    assert storage.read("plan.json") is storage.read("join-1/00000/00000000.part") is None
    assert storage.read(".lock") == b"mine"


def test_of_two_one_makes_a_file(storage):
    assert storage.create(".lock", b"first") is True
    assert Storage(storage.address).create(".lock", b"second") is False
    assert storage.read(".lock") == b"first"


def test_another_process_opens_it_by_its_address_alone(storage):
    storage.write("plan.json", b"{}")
    data = pickle.dumps(storage)
    assert len(data) < 200
    assert pickle.loads(data).read("plan.json") == b"{}"  # noqa: S301  # of our own


def test_a_folder_of_a_file_system_is_removed_when_it_is_empty(tmp_path):
    storage = Storage(f"{tmp_path}/o.parts")
    storage.write("plan.json", b"{}")
    assert [path.name for path in (tmp_path / "o.parts").iterdir()] == ["plan.json"]
    storage.drop_if_empty()
    storage.remove("plan.json")
    storage.drop_if_empty()
    assert list(tmp_path.iterdir()) == []
    Storage(f"memory://{uuid.uuid4().hex}").drop_if_empty()


def test_parts_lie_in_shelves_that_are_listed_one_by_one(monkeypatch):
    monkeypatch.setattr(storage_module, "SHELF", 2)
    storage = Storage(f"memory://{uuid.uuid4().hex}")
    names = [storage.part_name(n) for n in (0, 1, 2, 5)]
    assert names == [
        "00000/00000000.part",
        "00000/00000001.part",
        "00001/00000002.part",
        "00002/00000005.part",
    ]
    for name in names:
        storage.write(name, PART)
    storage.write("00000/.a.00000001.part", PART)  # of a worker that was killed
    storage.write("00001/00000003.part", b"x" * 32)  # too small for a part
    assert storage.listed(6) == {0, 1, 2, 5}
    assert storage.listed(4) == {0, 1, 2}


def test_a_folder_of_something_else_is_not_taken(storage):
    storage.check_own()
    storage.write("thesis.tex", b"mine")
    with pytest.raises(OutputError) as told:
        storage.check_own()
    assert str(told.value) == (
        f"{storage} is no folder of an unfinished job (thesis.tex lies in it): move it away, or "
        f"name another folder by --parts-at"
    )
    storage.write("plan.json", b"{}")
    storage.check_own()


def test_no_request_asks_whether_a_part_is_there_before_it_is_read(s3):
    storage = Storage(f"s3://{s3.bucket}/o.parts")
    storage.write("00000/00000001.part", PART)
    s3.asked.clear()
    storage.read_all(["00000/00000001.part", "00000/00000002.part"])
    assert [method for method, _ in s3.asked] == ["GET", "GET"]


def failures(storage):
    """What each kind of request tells."""
    requests = {
        "write": lambda: storage.write("a", PART),
        "create": lambda: storage.create("a", PART),
        "read": lambda: storage.read("a"),
        "list": lambda: storage.listed(2),
        "remove": lambda: storage.remove("a"),
        "clear": storage.clear,
    }
    for request in requests.values():
        with pytest.raises(StorageError) as told:
            request()
        yield str(told.value)


def refused(storage, reason):
    return (
        f"{storage} refuses access ({reason}): credentials are wrong, missing or have expired; "
        f"renew those of this command and of every worker, then go on with --resume"
    )


def test_credentials_that_expire_are_told_and_new_ones_are_taken(s3):
    storage = Storage(f"s3://{s3.bucket}/o.parts")
    storage.write("a", PART)
    s3.expire()
    assert set(failures(storage)) == {refused(storage, "The provided token has expired.")}
    s3.renew()
    assert Storage(storage.address).read("a") == PART


def test_wrong_and_missing_credentials_are_told(s3, monkeypatch):
    storage = Storage(f"s3://{s3.bucket}/o.parts")
    s3.give("WRONG")
    reason = "The AWS Access Key Id you provided does not exist in our records."
    assert set(failures(storage)) == {refused(storage, reason)}
    s3.credentials.unlink()
    storage = Storage(storage.address)
    assert set(failures(storage)) == {refused(storage, "Unable to locate credentials")}


def test_a_bucket_that_does_not_exist_is_told_and_not_made(s3):
    storage = Storage("s3://no-such-bucket/o.parts")
    for request in (storage.write, storage.create):
        with pytest.raises(StorageError) as told:
            request("a", PART)
        assert str(told.value) == (
            "there is no s3://no-such-bucket/o.parts to write to (The specified bucket does not "
            "exist): make the bucket, or name another by --parts-at"
        )


def test_a_server_that_is_gone_is_told(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(
        DiskError, match=r"s3://b/o\.parts cannot be used .*127\.0\.0\.1:9.*--resume"
    ):
        Storage("s3://b/o.parts").read("a")


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    storage = Storage(str(tmp_path))
    system, _ = storage._opened

    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(system, "pipe_file", full)
    with pytest.raises(StorageError, match=r"cannot be used .*No space left on device"):
        storage.write("a", PART)


def test_an_address_of_no_kind_is_told():
    with pytest.raises(InputError) as told:
        Storage("foo://b/o.parts").read("a")
    assert str(told.value) == (
        "cannot keep parts at foo://b/o.parts (Protocol not known: foo): give an address such as "
        "s3://bucket/folder, or a folder that every worker sees"
    )


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(
        ModelError, match=r"gs://b/o\.parts needs a library .*: install it here and"
    ):
        Storage("gs://b/o.parts").read("a")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ModelError, match=r"come with sam-geomed\[s3\]"):
        Storage("s3://b/o.parts").read("a")


def test_fsspec_is_imported_where_an_address_is_opened():
    code = (
        "import sys\n"
        "import sam_common.tiled_job.parts, sam_geo.jobs.request\n"
        "from sam_common.tiled_job.storage import Storage\n"
        "storage = Storage('memory://o.parts')\n"
        "before = 'fsspec' in sys.modules\n"
        "storage.read('a')\n"
        "print(before, 'fsspec' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
