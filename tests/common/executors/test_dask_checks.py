"""Clusters that do not fit: what is told before any work is done."""

from __future__ import annotations

import re

import pytest
from clusters import Cluster, cluster

from sam_common.errors import CheckpointError, ModelError
from sam_common.executors.dask_checks import check_versions
from sam_common.executors.dask_connection import TOLD, Connection
from sam_common.executors.dask_executor import DaskExecutor
from sam_common.executors.executor import Item


class OnWorkers:
    """A task whose unpickling runs a function of this module on the workers."""

    def __init__(self, function) -> None:
        self.function = function

    def __reduce__(self):
        return self.function, ()

    def __call__(self, question):
        return question


def lacks_rasterio():
    raise ModuleNotFoundError("No module named 'rasterio'", name="rasterio")


def has_other_weights():
    raise CheckpointError("w.safetensors has sha256 aa here, and bb where the job began")


def run(client, function):
    return list(DaskExecutor(client).run(OnWorkers(function), [Item(0, 1)], kind="x", retried=()))


def test_workers_like_this_process_are_taken(two_workers: Cluster):
    check_versions(Connection(two_workers.client, 1.0))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lacks_rasterio, 'the Python of this worker lacks "rasterio": install sam-geomed there'),
        (has_other_weights, "w.safetensors has sha256 aa here, and bb where the job began"),
    ],
)
def test_a_worker_without_a_library_or_the_weights(two_workers: Cluster, function, message):
    with pytest.raises(ModelError, match=re.escape(message)) as told:
        run(two_workers.client, function)
    assert str(told.value).startswith("2 of 2 workers cannot do the job, tcp://127.0.0.1:")


def test_versions_that_differ_and_a_suite_that_is_missing():
    with cluster(workers=0) as own:
        for _ in range(TOLD + 1):
            own.add_old_worker()
        own.client.wait_for_workers(TOLD + 1, timeout=60)
        with pytest.raises(ModelError, match=r"has sam-geomed 0\.0\.9 and not ") as told:
            run(own.client, lacks_rasterio)
    assert "; and 1 more; install the same versions everywhere" in str(told.value)
