from __future__ import annotations

import json
import os

import pytest
from clusters import Cluster

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
    assert connection.threads() == dict.fromkeys(found, 1)
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
    assert len(connection.threads()) == 2
    connection.close()
    with pytest.raises(SchedulerLostError, match=f"the scheduler at {two_workers.address} is lost"):
        connection.threads()
    # the client that was given is not ours to close
    assert two_workers.client.status == "running"


def test_patience_is_bounded(two_workers: Cluster):
    connection = Connection(two_workers.client, 1.0)
    connection.address, connection._file = "tcp://127.0.0.1:9", None
    with pytest.raises(SchedulerLostError, match=r"tcp://127\.0\.0\.1:9 is lost: .* --resume"):
        connection.reconnect()
    connection.close()
