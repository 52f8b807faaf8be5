from __future__ import annotations

import json
import os

import pytest
from clusters import Cluster, cluster

from sam_common.errors import InputError, OutputError
from sam_common.executors.dask_connection import (
    SILENT_S,
    Connection,
    SchedulerLostError,
    _not_silent,
)


def seen(**seconds):
    return {name: {"last_seen": each} for name, each in seconds.items()}


def test_a_worker_is_silent_that_is_far_behind_the_others():
    assert _not_silent(seen(a=100.0, b=99.0, c=100.0 - SILENT_S - 1)) == {"a", "b"}
    # clocks are not compared: alone, nobody is behind
    assert _not_silent(seen(a=5.0)) == {"a"}
    assert _not_silent({}) == set()
    # ten thousand workers give a sign of life every 51 s
    many = {f"w{n}": {"last_seen": 1000.0 - n / 200} for n in range(10_000)}
    assert len(_not_silent(many)) == 10_000


def test_functions_run_on_every_worker_and_errors_are_their_answers(two_workers: Cluster):
    connection = Connection(two_workers.client, 5.0)
    found = connection.on_workers(os.getpid)
    assert found.keys() == two_workers.client.nthreads().keys()
    assert set(found.values()) == set(two_workers.pids())
    failed = connection.on_workers(os.listdir, "/no such folder")
    assert {type(error) for error in failed.values()} == {FileNotFoundError}
    assert connection.lively() == set(found)
    assert connection.slots() == dict.fromkeys(found, 1)
    assert not connection.are_paused()


def test_a_new_client_takes_the_place_of_one_whose_scheduler_was_lost(
    two_workers: Cluster, tmp_path
):
    connection = Connection(two_workers.client, 60.0)
    # a file that is being written, and one that names where the scheduler is by now
    connection._file = str(tmp_path / "scheduler.json")
    assert connection._address_now() == two_workers.address
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": two_workers.address}))
    connection.reconnect()
    assert connection.client is not two_workers.client
    assert len(connection.slots()) == 2
    connection.close()
    with pytest.raises(SchedulerLostError, match=f"the scheduler at {two_workers.address} is lost"):
        connection.slots()
    # the client that was given is not ours to close
    assert two_workers.client.status == "running"


def test_patience_is_bounded(two_workers: Cluster):
    connection = Connection(two_workers.client, 1.0)
    connection.address, connection._file = "tcp://127.0.0.1:9", None
    with pytest.raises(SchedulerLostError, match=r"tcp://127\.0\.0\.1:9 is lost: .* --resume"):
        connection.reconnect()
    connection.close()


def test_only_workers_with_the_resources_count():
    with cluster(workers=1) as own:
        bare = f"tcp://{next(iter(own.client.nthreads())).removeprefix('tcp://')}"
        with pytest.raises(OutputError) as told:
            Connection(own.client, 0.5, {"GPU": 1}).await_workers()
        assert str(told.value) == (
            f"no worker with GPU=1 has come to {own.address} within 0 s (of resources {bare} has "
            f'none): start some (dask worker {own.address} --resources "GPU=1")'
        )
        own.add_worker(options=["--nthreads", "4", "--resources", "GPU=2 MEMORY=0.3"])
        asked = Connection(own.client, 60.0, {"GPU": 1, "MEMORY": 0.1})
        asked.await_workers()
        assert asked.needs == " with GPU=1 MEMORY=0.1"
        ((able, slots),) = asked.slots().items()
        assert (able != bare, slots) == (True, 2)
        assert Connection(own.client, 60.0).slots() == {bare: 1, able: 4}
        for resources, expected in (
            ({"MEMORY": 0.1}, {able: 3}),
            ({"GPU": 0.25}, {able: 4}),  # it has no more threads
            ({"GPU": 3}, {}),
            ({"GPU": 1, "DISK": 1}, {}),
        ):
            assert Connection(own.client, 60.0, resources).slots() == expected
        assert asked.lively() == set(asked.on_workers(os.getpid)) == {able}


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf")])
def test_an_amount_that_no_worker_could_give(two_workers: Cluster, amount):
    with pytest.raises(InputError, match=f"resources: GPU={amount:g} is no amount .* as GPU=1"):
        Connection(two_workers.client, 5.0, {"GPU": amount})
