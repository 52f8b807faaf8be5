"""What becomes of tasks whose workers leave, or do not give their answers, without a cluster."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from sam_common.executors.batches import Batch
from sam_common.executors.dask_connection import SchedulerLostError
from sam_common.executors.dask_tasks import Tasks, UnfetchedError
from sam_common.executors.executor import Item


class Future:
    """A future that is done, or whose answer does not arrive."""

    def __init__(self, key: str) -> None:
        self.key, self.status, self.answer, self.waited = key, "finished", None, []
        self.tell = None

    def add_done_callback(self, call) -> None:
        self.tell = call

    def result(self, timeout):
        self.waited.append(timeout)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Noted:
    """A connection, and its client, that note what is submitted and cancelled."""

    address, patience_s, resources = "tcp://there", 5.0, {"GPU": 1}

    def __init__(self) -> None:
        self.client, self.submitted, self.cancelled = self, [], []

    def submit(self, _function, _name, items, _most, *, key, pure, workers, resources):
        assert (pure, resources) == (False, {"GPU": 1})
        self.submitted.append((items, workers))
        return Future(key)

    def loss_told(self):
        return nullcontext()

    def lost(self):
        return SchedulerLostError("lost")

    def cancel(self, futures) -> None:
        self.cancelled.extend(future.key for future in futures)


def sent(tasks: Tasks, number: int, *workers: str):
    """A task for one item that is bound to workers."""
    tasks.submit(Batch([Item(number, "question")]), workers)
    (*_, task) = tasks
    return task


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def tasks(noted: Noted) -> Tasks:
    return Tasks(noted, "window-123456789abc", "window")


def test_a_key_says_which_items_there_are(tasks: Tasks, noted: Noted) -> None:
    assert tasks.submit(Batch([Item(4, "q")]), []) == "window-00000004-123456789abc-1"
    key = tasks.submit(Batch([Item(7, "q"), Item(9, "r")]), ["tcp://a"])
    assert key == "window-00000007..00000009-123456789abc-2"
    assert noted.submitted == [([(4, "q")], None), ([(7, "q"), (9, "r")], ["tcp://a"])]
    assert len(tasks) == 2


def test_the_first_of_two_counts_and_the_other_is_cancelled(tasks: Tasks, noted: Noted) -> None:
    slow = sent(tasks, 1)
    tasks.copy(slow, "tcp://b")
    (_, twin) = tasks
    assert (twin.batch, twin.workers) == (slow.batch, frozenset({"tcp://b"}))
    # neither is copied once more
    at = {"tcp://a": [slow.future.key], "tcp://b": [twin.future.key], "tcp://c": ["foreign"]}
    assert list(tasks.waiting(at)) == []
    twin.future.tell(twin.future)
    assert tasks.finished(1.0) is twin
    assert (noted.cancelled, len(tasks)) == ([slow.future.key], 0)
    # its end, which was on its way, is that of no task
    slow.future.tell(slow.future)
    assert tasks.finished(0.01) is None
    assert tasks.finished(0.01) is None


def test_what_waits_on_a_worker_is_told_with_it(tasks: Tasks) -> None:
    one, other = sent(tasks, 1), sent(tasks, 2)
    at = {"tcp://a": [other.future.key], "tcp://b": [one.future.key]}
    assert list(tasks.waiting(at)) == [("tcp://a", other), ("tcp://b", one)]


def test_an_answer_that_does_not_arrive_is_cancelled_and_marked(tasks: Tasks, noted: Noted) -> None:
    task = sent(tasks, 4)
    for error in (TimeoutError(), ConnectionResetError()):
        task.future.answer = error
        with pytest.raises(UnfetchedError, match="00000004") as told:
            tasks.answers(task)
        assert told.value.batch.unfetched == 1
        assert told.value.batch.items is task.batch.items
    assert noted.cancelled == [task.future.key] * 2
    assert task.future.waited == [5.0, 5.0]


def test_a_task_that_a_lost_scheduler_cancelled(tasks: Tasks) -> None:
    task = sent(tasks, 4)
    task.future.status = "cancelled"
    with pytest.raises(SchedulerLostError):
        tasks.answers(task)


def test_what_is_bound_to_workers_that_left_is_taken_back(tasks: Tasks, noted: Noted) -> None:
    """Dask would wait for them for ever."""
    left, both = sent(tasks, 0, "tcp://left"), sent(tasks, 1, "tcp://left", "tcp://here")
    first, last = sent(tasks, 2, "tcp://left"), sent(tasks, 3)
    # the first of two left, then the second
    tasks.copy(first, "tcp://here")
    tasks.copy(last, "tcp://left")
    *_, of_first, of_last = tasks
    assert tasks.take_bound({"tcp://here": 1}) == [left.batch]
    assert noted.cancelled == [t.future.key for t in (left, first, of_last)]
    assert [(t, t.twin, t.is_copy) for t in tasks] == [
        (t, None, False) for t in (both, last, of_first)
    ]
    # and all of them, each once
    tasks.copy(both, "tcp://here")
    assert tasks.take_all() == [both.batch, last.batch, of_first.batch]
    assert len(tasks) == 0


def test_all_are_cancelled_at_the_end(tasks: Tasks, noted: Noted) -> None:
    keys = [sent(tasks, n).future.key for n in range(3)]
    tasks.cancel()
    tasks.cancel()
    assert (noted.cancelled, len(tasks)) == (keys, 0)
