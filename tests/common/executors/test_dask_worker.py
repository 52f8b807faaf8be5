from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from sam_common.errors import InputError, ModelError
from sam_common.executors import dask_worker
from sam_common.executors.dask_worker import TaskPlugin, pickled, sendable

MADE = []


def made_once():
    MADE.append(1)
    return len


class Loads:
    def __reduce__(self):
        return made_once, ()

    def __call__(self, question):
        return len(question)


class StrangeError(InputError):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def test_a_task_is_unpickled_once_and_only_when_it_is_needed():
    MADE.clear()
    plugin = TaskPlugin("window-1", pickled(Loads()))
    plugin.setup(None)
    assert MADE == []
    threads = [threading.Thread(target=lambda: plugin.task("abc")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert MADE == [1]
    plugin.teardown(None)
    assert plugin.task("abc") == 3
    assert MADE == [1, 1]


def test_items_that_come_before_their_task_wait_for_it(monkeypatch):
    """As on a worker that was stopped while the task was brought to all."""
    plugin, worker = TaskPlugin("window-1", pickled(len)), SimpleNamespace(plugins={})
    found = []
    waiting = threading.Thread(target=lambda: found.append(dask_worker._plugin(worker, "window-1")))
    waiting.start()
    # Dask enters a plugin before it is set up
    worker.plugins["window-1"] = plugin
    plugin.setup(worker)
    waiting.join(timeout=20)
    assert found == [plugin]
    monkeypatch.setattr(dask_worker, "ARRIVES_S", 0.01)
    with pytest.raises(RuntimeError, match="the task window-2 has not come to this worker"):
        dask_worker._plugin(worker, "window-2")


def test_errors_arrive_as_what_they_are_or_as_their_message():
    assert type(sendable(ModelError("no weights"))) is ModelError
    # a class that cannot be made anew from its message
    told = sendable(StrangeError(1, 2))
    assert (type(told), str(told)) == (InputError, "1 and 2")
    holding = ValueError("open", threading.Lock())
    assert type(sendable(holding)) is RuntimeError


def test_what_this_process_alone_has_cannot_be_sent():
    lock = threading.Lock()
    with pytest.raises(ModelError, match=r"cannot be sent .* run it without an executor"):
        pickled(lambda _question: lock)
