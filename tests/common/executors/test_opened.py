from __future__ import annotations

import importlib.util

import pytest
from clusters import Cluster, cluster

from sam_common.errors import InputError, ModelError
from sam_common.executors import opened
from sam_common.executors.executor import Item
from sam_common.executors.opened import opened_executor, read_resources


def squared(number: int) -> int:
    return number**2


def test_local_is_the_process_itself():
    with opened_executor("local") as executor:
        assert executor is None


def test_a_scheduler_is_found_by_address_and_by_its_file(two_workers: Cluster):
    for name in (two_workers.address, str(two_workers.folder / "scheduler.json")):
        told = []
        with opened_executor("dask", scheduler=name, tell=told.append) as executor:
            items = [Item(n, n) for n in range(5)]
            found = {o.number: o.result for o in executor.run(squared, items, kind="x", retried=())}
        assert found == {n: n**2 for n in range(5)}
        assert told[0].startswith("dask: http://")
        assert sum("done, " in line for line in told) in {1, 2}


def test_no_scheduler_answers(monkeypatch, tmp_path):
    monkeypatch.setattr(opened, "CONNECT_S", 1)
    missing = str(tmp_path / "none.json")
    with (
        pytest.raises(InputError, match=f"no such file: {missing}"),
        opened_executor("dask", scheduler=missing),
    ):
        pass
    for name in ("tcp://127.0.0.1:9", "127.0.0.1:no"):
        with (
            pytest.raises(InputError, match=f"no Dask scheduler answers at {name}"),
            opened_executor("dask", scheduler=name),
        ):
            pass


def test_dask_is_an_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with (
        pytest.raises(ModelError, match=r'pip install "sam-geomed\[dask\]"'),
        opened_executor("dask"),
    ):
        pass


def test_resources_choose_workers():
    with cluster(workers=1) as own:
        own.add_worker(options=["--resources", "GPU=1"])
        told = []
        with opened_executor(
            "dask", scheduler=own.address, resources="GPU=1", tell=told.append
        ) as executor:
            found = executor.run(squared, [Item(n, n) for n in range(9)], kind="x", retried=())
            assert sorted(outcome.result for outcome in found) == [n**2 for n in range(9)]
        assert sum("done, " in line for line in told) == 1


def test_resources_are_read_as_dask_has_them_and_with_commas():
    assert read_resources("GPU=1") == {"GPU": 1.0}
    assert read_resources("GPU=1,MEMORY=2e9") == read_resources("GPU=1 MEMORY=2e9")
    for text, told in (
        ("GPU", "GPU is no NAME=NUMBER, as GPU=1"),
        ("GPU=one", "GPU=one is no NAME=NUMBER, as GPU=1"),
        ("=1", "=1 is no NAME=NUMBER, as GPU=1"),
        ("GPU=1,GPU=2", "GPU is there twice"),
        (" , ", "names none: say NAME=NUMBER, as GPU=1"),
    ):
        with pytest.raises(InputError) as error:
            read_resources(text)
        assert str(error.value).endswith(told)
        assert f'--resources "{text}"' in str(error.value)


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("local", {"resources": "GPU=1"}, "--resources GPU=1 goes with --executor dask"),
        ("dask", {"resources": "GPU=1"}, "chooses among the workers of a --scheduler"),
    ],
)
def test_resources_belong_to_a_scheduler_of_ones_own(kind, given, told):
    with pytest.raises(InputError, match=told), opened_executor(kind, **given):
        pass
