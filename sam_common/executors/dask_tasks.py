"""Tasks of Dask: batches that are known to the scheduler, some of them on two workers at once."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distributed import CancelledError
from distributed import TimeoutError as DaskTimeoutError

from sam_common.errors import ModelError
from sam_common.executors.batches import LONGEST_S
from sam_common.executors.dask_worker import answer_all

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from distributed import Future

    from sam_common.executors.batches import Batch
    from sam_common.executors.dask_connection import Connection
    from sam_common.executors.dask_worker import Answers

FETCH_S = 10.0
"""Seconds in which an answer that is there has to arrive; else it is asked for anew."""


@dataclass(slots=True, eq=False)
class Task:
    """A batch that is known to the scheduler."""

    future: Future
    batch: Batch
    since: float
    workers: frozenset[str]
    """Those that may run it; any where there are none."""
    twin: str | None = None
    """Key of the task that does the same on another worker."""
    is_copy: bool = False


class UnfetchedError(Exception):
    """An answer that is there does not arrive: its worker was stopped with it in its hands."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch.label)
        self.batch = batch
        """The batch to be done again."""


class Tasks:
    """The tasks of one run that are under way, by their keys.

    Args:
        connection: The cluster.
        name: Name of the task of the run on the workers.
        kind: What an item is; keys begin with it, and say which items there are.
    """

    def __init__(self, connection: Connection, name: str, kind: str) -> None:
        self._connection = connection
        self._name = name
        self._kind = kind
        self._known: dict[str, Task] = {}
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._sent = 0

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Task]:
        return iter(list(self._known.values()))

    def submit(self, batch: Batch, workers: Sequence[str]) -> str:
        """Give a batch to the scheduler under a key that says which items it has.

        Args:
            batch: The batch.
            workers: Addresses of those that may run it; any where there are none.

        Raises:
            SchedulerLostError: The scheduler does not answer.
        """
        self._sent += 1
        key = f"{self._kind}-{batch.label}-{self._name[-12:]}-{self._sent}"
        with self._connection.loss_told():
            future = self._connection.client.submit(
                answer_all,
                self._name,
                [(item.number, item.question) for item in batch.items],
                LONGEST_S,
                key=key,
                pure=False,
                # of those it only prefers, Dask lets others steal
                workers=list(workers) or None,
                resources=self._connection.resources or None,
            )
        self._known[key] = Task(future, batch, time.monotonic(), frozenset(workers))
        future.add_done_callback(lambda done: self._done.put(done.key))
        return key

    def copy(self, task: Task, worker: str) -> None:
        """Let a second worker do what a task does."""
        key = next(key for key, known in self._known.items() if known is task)
        task.twin = self.submit(task.batch, [worker])
        twin = self._known[task.twin]
        twin.twin, twin.is_copy = key, True

    def finished(self, timeout_s: float) -> Task | None:
        """Wait for a task, and forget it and its twin; None where none is done in this time."""
        try:
            task = self._known.pop(self._done.get(timeout=timeout_s), None)
        except queue.Empty:
            return None
        if task is None:  # the twin of one that was done, or of a lost scheduler
            return None
        if task.twin is not None:
            self._connection.cancel([self._known.pop(task.twin).future])
        return task

    def waiting(self, at: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Task]]:
        """The tasks that run, or wait, on workers and have no twin, each with its worker.

        Args:
            at: Keys of the tasks that each worker has, by its address.
        """
        for worker, keys in at.items():
            for key in keys:
                task = self._known.get(key)
                if task is not None and task.twin is None:
                    yield worker, task

    def answers(self, task: Task) -> Answers:
        """What a task that is done answers.

        Raises:
            KilledWorker: Dask has given it up, as its workers died.
            ModelError: A worker lacks a library.
            SchedulerLostError: The scheduler was lost meanwhile.
            UnfetchedError: The answer is there and does not arrive.
        """
        patience = self._connection.patience_s
        if task.future.status not in {"finished", "error"}:
            raise self._connection.lost()
        try:
            found: Answers = task.future.result(
                timeout=patience if task.batch.unfetched else min(FETCH_S, patience)
            )
        except ImportError as error:
            raise ModelError(f"a worker lacks {error.name}: install it there") from error
        except (DaskTimeoutError, OSError) as error:  # on Python 3.10 these are two
            self._connection.cancel([task.future])
            raise UnfetchedError(replace(task.batch, unfetched=1)) from error
        except CancelledError:  # with a scheduler that is lost meanwhile
            raise self._connection.lost() from None
        return found

    def take_all(self) -> list[Batch]:
        """Forget all tasks; gives their batches, each once."""
        batches = [task.batch for task in self._known.values() if not task.is_copy]
        self._known.clear()
        return batches

    def take_bound(self, here: Collection[str]) -> list[Batch]:
        """Cancel what is bound to workers that have left: Dask would wait for them.

        Args:
            here: Addresses of the workers that are there.

        Returns:
            The batches of which no task is left.
        """
        taken = []
        for key, task in list(self._known.items()):
            if not task.workers or not task.workers.isdisjoint(here):
                continue
            del self._known[key]
            self._connection.cancel([task.future])
            if task.twin is None:
                taken.append(task.batch)
            else:
                other = self._known[task.twin]
                other.twin, other.is_copy = None, False
        return taken

    def cancel(self) -> None:
        """Cancel what is still under way."""
        futures = [task.future for task in self._known.values()]
        self._known.clear()
        if futures:
            self._connection.cancel(futures)
