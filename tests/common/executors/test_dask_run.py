"""What goes wrong in the middle of a job on a cluster, and how the job ends all the same."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_tasks import Windows, bytes_of, plan_of, run_windows, wait_for
from clusters import Cluster, cluster
from dask.utils import key_split
from distributed import Client

from sam_common.errors import DiskError, OutputError, StorageError
from sam_common.executors import dask_connection, dask_run
from sam_common.executors.dask_executor import DaskExecutor
from sam_common.executors.dask_run import MOST_LOSSES, Run
from sam_common.executors.dask_tasks import Tasks, UnfetchedError
from sam_common.executors.executor import Item
from sam_common.tiled_job.work import WORK_ERRORS

PATIENCE_S = 120.0
NEVER = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "2 hours"}
"""Dask does not give up workers that it does not hear of."""


def once_after(count: int, act: Callable[[], None]) -> Callable[[int], None]:
    """Does something when so many windows are done."""
    done, acted = 0, False

    def advance(more: int) -> None:
        nonlocal done, acted
        done += more
        if done >= count and not acted:
            acted = True
            act()

    return advance


@contextmanager
def not_in_vain(act: Callable[[], object]) -> Iterator[None]:
    """Fail, and do not hang, where a block waits for what never comes."""
    acted = []
    timer = threading.Timer(PATIENCE_S, lambda: acted.append(act()))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    assert acted == [], "the job waited for a worker that does nothing"


def test_a_scheduler_that_is_killed_and_comes_back(small, tmp_path: Path) -> None:
    plan, expected = small
    with cluster(workers=2) as own, Client(own.address) as client:
        executor = DaskExecutor(client, patience_s=PATIENCE_S)
        restart = once_after(10, lambda: own.restart_scheduler(moves=False))
        windows = Windows(seconds=0.1)
        report = run_windows(tmp_path / "p", plan, windows, executor=executor, advance=restart)
        executor.close()
    assert report.failures == {}
    assert executor.figures.events["reconnected"] == 1
    assert bytes_of(tmp_path / "p") == expected


def test_a_scheduler_that_moves_is_found_by_its_file(small, tmp_path: Path) -> None:
    plan, expected = small
    with cluster(workers=1) as own:
        executor = DaskExecutor(own.client, patience_s=PATIENCE_S)
        restart = once_after(10, lambda: own.restart_scheduler(moves=True))
        windows = Windows(seconds=0.1)
        report = run_windows(tmp_path / "p", plan, windows, executor=executor, advance=restart)
        # and later jobs go there at once
        run_windows(tmp_path / "q", plan_of(3), Windows(), executor=executor)
        executor.close()
    assert report.failures == {}
    assert executor.figures.events["reconnected"] == 1
    assert bytes_of(tmp_path / "p") == expected


def test_a_scheduler_that_is_lost_again_and_again_ends_the_job(
    two_workers: Cluster, tmp_path: Path, monkeypatch
) -> None:
    """Without a batch that was done in between: the job itself might be what ends it."""
    tried = []

    def lost(self, _task):
        tried.append(1)
        raise self._connection.lost()

    monkeypatch.setattr(Tasks, "answers", lost)
    executor = DaskExecutor(two_workers.client)
    with pytest.raises(OutputError, match=r"the scheduler at .* is lost: what is done is kept"):
        run_windows(tmp_path / "p", plan_of(3), Windows(), executor=executor)
    executor.close()
    assert len(tried) == MOST_LOSSES + 1


def test_a_worker_that_is_stopped_holds_up_no_job(small, tmp_path: Path, monkeypatch) -> None:
    """As of a machine that swaps or has lost its network: it says nothing, and does not end."""
    plan, expected = small
    monkeypatch.setattr(dask_connection, "SILENT_S", 5.0)
    with cluster(workers=2, configuration=NEVER) as own:
        pid = own.pids()[0]
        executor = DaskExecutor(own.client)
        stop = once_after(5, lambda: os.kill(pid, signal.SIGSTOP))
        with not_in_vain(lambda: os.kill(pid, signal.SIGCONT)):
            windows = Windows(seconds=0.1)
            report = run_windows(tmp_path / "p", plan, windows, executor=executor, advance=stop)
            # nor one that begins while it is stopped
            run_windows(tmp_path / "q", plan_of(20), Windows(), executor=DaskExecutor(own.client))
        os.kill(pid, signal.SIGCONT)
    assert report.failures == {}
    assert executor.figures.events["speculated"] + executor.figures.events["unfetched"] > 0
    assert bytes_of(tmp_path / "p") == expected


def test_a_slow_worker_does_not_hold_the_end(small, tmp_path: Path) -> None:
    """One worker is at its first window until the job is done."""
    plan, expected = small
    gate = tmp_path / "gate"
    with cluster(workers=1, configuration=NEVER) as own:
        own.add_worker(environment={"WAITS_FOR": str(gate)})
        own.client.wait_for_workers(2, timeout=PATIENCE_S)
        executor = DaskExecutor(own.client)
        with not_in_vain(gate.touch):
            windows = Windows(seconds=0.2, waits=True)
            report = run_windows(tmp_path / "p", plan, windows, executor=executor)
        gate.touch()
    assert report.failures == {}
    assert executor.figures.events["speculated"] >= 1
    assert len(executor.figures.facts()["stragglers"]) >= 1
    assert bytes_of(tmp_path / "p") == expected


def test_items_that_may_not_run_twice_are_not_copied(two_workers: Cluster, monkeypatch) -> None:
    """Such as cases, whose outputs workers write."""
    looked = []
    monkeypatch.setattr(Run, "_copy_late", looked.append)
    monkeypatch.setattr(dask_run, "LOOK_S", 0.01)
    executor = DaskExecutor(two_workers.client)
    found = list(executor.run(wait_for, [Item(0, None)], kind="case", retried=()))
    assert [(o.number, o.error) for o in found] == [(0, None)]
    assert looked == []


def test_the_full_disk_of_one_worker_is_not_the_end(small, tmp_path: Path, monkeypatch) -> None:
    plan, expected = small
    asked, send = [], Run._send

    def sent(self, batch, avoided):
        send(self, batch, avoided)
        if self._full:
            (*_, task) = self._tasks
            asked.append(len(task.workers) > 0 and not self._full.keys() & task.workers)

    monkeypatch.setattr(Run, "_send", sent)
    with cluster(workers=1) as own:
        own.add_worker(environment={"SCRATCH": "/dev/full"})
        own.client.wait_for_workers(2, timeout=PATIENCE_S)
        executor = DaskExecutor(own.client)
        windows = Windows(seconds=0.1, writes=True)
        report = run_windows(tmp_path / "p", plan, windows, executor=executor)
    assert report.failures == {}
    assert executor.figures.events["disks_full"] == 1
    # what was before it when it said so went elsewhere, and nothing more went to it
    assert sorted(w.failed > 0 for w in executor.figures.workers.values()) == [False, True]
    assert all(asked)
    assert len(asked) > 0
    assert bytes_of(tmp_path / "p") == expected


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disks_of_all_workers_end_the_job_and_are_named(workers, tmp_path: Path) -> None:
    with cluster(workers=0) as own:
        for _ in range(workers):
            own.add_worker(environment={"SCRATCH": "/dev/full"})
        own.client.wait_for_workers(workers, timeout=PATIENCE_S)
        addresses = sorted(own.client.nthreads())
        with pytest.raises(DiskError, match=r"No space left on device.* \(on tcp://") as told:
            run_windows(
                tmp_path / "p", plan_of(9), Windows(writes=True), executor=DaskExecutor(own.client)
            )
    named = str(told.value).rpartition("(on ")[2].rstrip(")").split(", ")
    assert sorted(named) == addresses


def test_a_storage_that_refuses_is_no_fault_of_a_worker(two_workers: Cluster) -> None:
    def refused(_question):
        raise StorageError("s3://bucket/parts refuses access")

    executor = DaskExecutor(two_workers.client)
    items = [Item(0, None), Item(1, None)]
    found = list(executor.run(refused, items, kind="window", retried=WORK_ERRORS))
    assert sorted((o.number, str(o.error)) for o in found) == [
        (0, "s3://bucket/parts refuses access"),
        (1, "s3://bucket/parts refuses access"),
    ]
    assert {type(o.error) for o in found} == {StorageError}
    assert executor.figures.events["disks_full"] == executor.figures.events["retried"] == 0


def test_tasks_are_named_by_their_windows(two_workers: Cluster, tmp_path: Path, monkeypatch):
    """The dashboard groups tasks by `key_split`, and shows the names."""
    keys, submit = [], Tasks.submit

    def submitted(self, batch, workers):
        keys.append(submit(self, batch, workers))
        return keys[-1]

    monkeypatch.setattr(Tasks, "submit", submitted)
    executor = DaskExecutor(two_workers.client)
    run_windows(tmp_path / "p", plan_of(300), Windows(), executor=executor)
    assert {key_split(key) for key in keys} == {"window"}
    first, last = keys[0].split("-")[1], keys[-1].split("-")[1].rpartition("..")[2]
    assert (first, last) == ("00000000", "00000299")


def test_an_answer_that_cannot_be_fetched_twice_ends_the_job(
    two_workers: Cluster, tmp_path: Path, monkeypatch
) -> None:
    """Each is made once more; a worker that cannot be reached then is as good as gone."""
    tries = []

    def unfetched(_self, task):
        tries.append(task.batch.unfetched)
        raise UnfetchedError(replace(task.batch, unfetched=1))

    monkeypatch.setattr(Tasks, "answers", unfetched)
    executor = DaskExecutor(two_workers.client)
    told = r"no worker is left at .* \(under way: window .*\): what is done is kept.*--resume"
    with pytest.raises(OutputError, match=told):
        run_windows(tmp_path / "p", plan_of(3), Windows(), executor=executor)
    assert executor.figures.events["unfetched"] == tries.count(0) > 0
    assert tries[-1] == 1
