from __future__ import annotations

import uuid

import pytest

from sam_common.errors import DiskError, OutputError, StorageError
from sam_common.executors.executor import Outcome
from sam_common.tiled_job.parts import Part, PartStore, pack
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.run_elsewhere import PackedWork, StoredWork
from sam_common.tiled_job.storage import Storage
from sam_common.tiled_job.tally import Tally
from sam_common.tiled_job.work import Work


class Given:
    """Gives outcomes that were made before."""

    def __init__(self, *outcomes):
        self.outcomes = outcomes

    def run(self, _task, items, **_how):
        list(items)
        yield from self.outcomes


@pytest.fixture
def store(tmp_path):
    plan = Plan((8, 4), tuple(tile_grid((8, 4), side=4, overlap=0)), {})
    return PartStore(tmp_path, plan, resume=False)


def run(store, *outcomes, tally=None):
    work = Work(lambda n: n, lambda _n, _item: Part(), tally=tally)
    return run_job(work, store, executor=Given(*outcomes))


def test_one_step_gives_the_bytes_of_a_part_and_what_was_counted():
    tally = Tally()

    def segment(question, item):
        tally.add("windows")
        return Part(notes={"sum": question + item})

    work = PackedWork(lambda question: 2 * question, segment, tally)
    assert work(5) == (pack(Part(notes={"sum": 15})), {"windows": 1})
    assert PackedWork(lambda q: q, lambda q, i: Part(notes={"sum": q + i}), None)(1)[1] == {}


def test_counts_of_other_processes_are_added(store):
    tally = Tally()
    data = pack(Part(notes={"n": 0}))
    run(store, Outcome(0, (data, {"encoded": 2})), Outcome(1, (data, {"encoded": 3})), tally=tally)
    assert tally["encoded"] == 5
    assert store.missing() == []


def test_a_damaged_part_is_not_kept(store):
    data = bytearray(pack(Part(notes={"n": 0})))
    data[-1] ^= 1
    with pytest.raises(OutputError, match="the part of window 1 came damaged"):
        run(store, Outcome(1, (bytes(data), {})))
    assert store.missing() == [0, 1]


def test_a_full_disk_ends_the_job(store):
    with pytest.raises(DiskError, match="no space left"):
        run(store, Outcome(0, error=DiskError("no space left")))


class Running:
    """Runs a task in this process, and keeps what would be sent."""

    def run(self, task, items, **_how):
        self.sent = []
        for item in items:
            result = task(item.question)
            self.sent.append(result)
            yield Outcome(item.number, result)


@pytest.fixture
def far(store, tmp_path):
    storage = Storage(f"memory://{uuid.uuid4().hex}/o.parts")
    return PartStore(tmp_path / "far", store.plan, resume=False, storage=storage)


def test_workers_write_into_a_storage_and_send_a_hash_alone(far):
    tally = Tally()

    def segment(n, item):
        tally.add("windows")
        return Part(notes={"n": n, "item": item, "long": "x" * 1000})

    executor = Running()
    report = run_job(Work(lambda n: 2 * n, segment, tally=tally), far, executor=executor)
    assert report.failures == {}
    assert tally["windows"] == 2
    for n, (digest, _) in enumerate(executor.sent):
        data = far.storage.read(f"00000/{n:08d}.part")
        assert data == pack(Part(notes={"n": n, "item": 2 * n, "long": "x" * 1000}))
        assert digest == data[:32]
        assert far.read(n).notes["n"] == n
    assert far.missing() == []


def test_one_step_of_a_worker_needs_the_number_of_its_window(far):
    packed = PackedWork(lambda question: question, lambda q, _item: Part(notes={"q": q}), None)
    work = StoredWork(packed, far.storage)
    assert work((1, "b")) == (pack(Part(notes={"q": "b"}))[:32], {})
    assert far.missing() == [0]


def test_a_storage_that_refuses_ends_the_job(far):
    with pytest.raises(StorageError, match="expired"):
        run(far, Outcome(0, error=StorageError("expired")))
