"""Run on Dask: one task on many items, and all that may become of them on the way.

```
items -> batches -> at most AHEAD batches for each that can run are known to the scheduler
                      | answers        -> outcomes
                      | late           -> to a second worker that has nothing to do; the first
                      |                   answer counts
                      | worker died    -> Dask runs the batch elsewhere; where that happens
                      |                   `allowed-failures` times, its items become suspects
                      | error          -> once more, alone, on another worker
                      | disk full      -> on other workers, and no more on this one
                      | scheduler lost -> all that was under way again, once it is back
suspects -> one at a time, with nothing beside them: whoever is there when a worker dies is guilty
```
Neither the client nor the scheduler ever holds more than the batches that are under way, so that
memory does not grow with the number of items. Results go to the client, which keeps them, unless
the task itself writes them where all can read.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from distributed import KilledWorker

from sam_common.errors import DiskError, OutputError, StorageError, SuiteError, one_line
from sam_common.executors.batches import Batch, Pace
from sam_common.executors.dask_connection import LOOK_S, SchedulerLostError
from sam_common.executors.dask_tasks import Tasks, UnfetchedError
from sam_common.executors.executor import Outcome
from sam_common.support.files import DISK_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sam_common.executors.dask_connection import Connection
    from sam_common.executors.dask_tasks import Task
    from sam_common.executors.dask_worker import Answer, Answers
    from sam_common.executors.executor import Item
    from sam_common.executors.figures import Figures

AHEAD = 3
"""Batches that are known to the scheduler for each that workers can run: one runs, two wait."""
TRIES = 2
"""Times that an item is tried where it raises an error, as without an executor."""
FULL_DISKS = 2
"""Workers with a full disk at which a job ends: it is no longer the fault of one of them."""
MOST_LOSSES = 3
"""Times that the scheduler may be lost without a batch that was done since the last time."""


class Run:
    """One run of a task: batches that are under way, and items that are tried again.

    Args:
        connection: The cluster.
        figures: Takes what is counted.
        name: Name of the task on the workers.
        kind: What an item is; names of tasks of Dask begin with it.
        retried: Errors after which an item is tried once more.
        speculative: Whether late batches may run on two workers.
        deploy: Brings the task to all workers that are there.
    """

    def __init__(  # noqa: PLR0913  # three that are known to `Executor.run`, and where it runs
        self,
        connection: Connection,
        figures: Figures,
        *,
        name: str,
        kind: str,
        retried: tuple[type[Exception], ...],
        speculative: bool,
        deploy: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._figures = figures
        self._kind = kind
        self._tasks = Tasks(connection, name, kind)
        self._retried = retried
        self._speculative = speculative
        self._deploy = deploy
        self._is_deployed = False
        self._again: deque[tuple[Batch, str | None]] = deque()
        """Batches to be tried again, each with the worker that is not to be asked."""
        self._suspects: deque[Batch] = deque()
        self._pace = Pace()
        self._slots: dict[str, int] = {}
        """Number of batches that each worker may run at once, when they were counted last."""
        self._full: dict[str, None] = {}
        """Workers whose disk is full, in the order in which they said so."""
        self._answered: dict[str, float] = {}
        """When each worker gave its last answer."""
        self._looked = float("-inf")
        self._worked = time.monotonic()
        """When a worker was last there."""
        self._advanced = self._worked
        """When a batch was last done."""
        self._losses = 0
        """Times that the scheduler was lost since then."""

    def outcomes(self, items: Iterator[Item]) -> Iterator[Outcome]:
        """Send items as there is room for them, until each has its outcome.

        Raises:
            OutputError: No worker is left, or the scheduler does not come back.
        """
        while True:
            try:
                if not self._is_deployed:
                    self._deploy()
                    self._is_deployed = True
                self._fill(items)
                if not self._tasks:
                    if not self._suspects:
                        return
                    self._send(self._suspects.popleft(), None)
                found = self._finished()
            except SchedulerLostError:
                self._recover()
                continue
            yield from found

    def cancel(self) -> None:
        """Cancel what is still under way."""
        self._tasks.cancel()

    def _recover(self) -> None:
        """Take back what a lost scheduler knew, and wait for it, or another one in its place."""
        self._losses += 1
        for batch in self._tasks.take_all():
            self._take_back(batch)
        self._is_deployed = False
        if self._losses > MOST_LOSSES:
            raise self._connection.lost()
        self._connection.reconnect()
        self._figures.events["reconnected"] += 1
        self._slots, self._looked = {}, float("-inf")
        self._worked = self._advanced = time.monotonic()

    def _take_back(self, batch: Batch) -> None:
        """Let a batch be sent again, with the others or alone as before."""
        if batch.is_suspect:
            self._suspects.appendleft(batch)
        else:
            self._again.append((batch, None))

    def _fill(self, items: Iterator[Item]) -> None:
        """Send batches until enough of them are under way."""
        self._look()
        while len(self._tasks) < AHEAD * max(1, sum(self._slots.values())):
            if self._again:
                self._send(*self._again.popleft())
                continue
            some = list(itertools.islice(items, self._pace.batch))
            if not some:
                return
            self._send(Batch(some), None)

    def _send(self, batch: Batch, avoided: str | None) -> None:
        """Give a batch to the scheduler, for any worker but one and those whose disk is full."""
        bad = self._full if avoided is None else {avoided, *self._full}
        others = [address for address in self._slots if address not in bad] if bad else []
        try:
            self._tasks.submit(batch, others)
        except SchedulerLostError:
            self._take_back(batch)
            raise

    def _finished(self) -> list[Outcome]:
        """Wait until a batch is done, and tell what became of its items."""
        task = self._tasks.finished(LOOK_S)
        if task is None:
            self._look()
            if self._speculative:
                self._copy_late()
            return []
        try:
            found = self._tasks.answers(task)
        except KilledWorker as error:
            return self._killed(task.batch, error)
        except SchedulerLostError:
            self._take_back(task.batch)
            raise
        except UnfetchedError as error:
            if task.batch.unfetched:
                raise self._no_worker() from error
            # Dask does it again by itself only where the worker died
            self._figures.events["unfetched"] += 1
            self._take_back(error.batch)
            return []
        return self._outcomes(task.batch, found)

    def _outcomes(self, batch: Batch, found: Answers) -> list[Outcome]:
        """The outcomes of the answers to a batch; what a worker did not begin is sent again."""
        self._worked = self._advanced = time.monotonic()
        self._answered[found.worker] = self._advanced
        self._losses = 0
        self._give_back(batch, found.answers)
        outcomes = []
        for item, answer in zip(batch.items, found.answers, strict=False):
            self._figures.answered(found.worker, answer.result, answer.error, answer.seconds)
            if answer.error is None:  # errors are quick, and would make batches long
                self._pace.take(answer.seconds)
            if (outcome := self._outcome(batch, item, answer, found.worker)) is not None:
                outcomes.append(outcome)
        return outcomes

    def _give_back(self, batch: Batch, answers: Sequence[Answer]) -> None:
        """Send what a worker did not begin of a batch again, in batches of the pace seen there."""
        rest = batch.items[len(answers) :]
        if not rest:
            return
        worked = [answer.seconds for answer in answers if answer.error is None]
        if worked:
            self._pace.seconds = sum(worked) / len(worked)
        size = self._pace.batch
        for first in range(0, len(rest), size):
            self._again.append((replace(batch, items=rest[first : first + size]), None))

    def _outcome(self, batch: Batch, item: Item, answer: Answer, worker: str) -> Outcome | None:
        """The outcome of an answer; None where the item is tried again."""
        error = answer.error
        # all workers share a storage: no other of them would be let in
        if not isinstance(error, self._retried) or isinstance(error, StorageError):
            return Outcome(item.number, answer.result, error)
        if _is_full_disk(error):
            if not self._ends_job(worker):
                self._again.append((Batch([item], batch.tries), worker))
                return None
            told = ", ".join(self._full)
            return Outcome(item.number, error=DiskError(f"{one_line(error)} (on {told})"))
        if batch.tries < TRIES:
            self._figures.events["retried"] += 1
            self._again.append((Batch([item], batch.tries + 1), worker))
            return None
        return Outcome(item.number, error=error)

    def _ends_job(self, worker: str) -> bool:
        """Set a worker whose disk is full aside; whether no work is left to the others."""
        if worker not in self._full:
            self._full[worker] = None
            self._figures.events["disks_full"] += 1
        self._slots = self._connection.slots()
        return len(self._full) >= FULL_DISKS or not self._slots.keys() - self._full.keys()

    def _killed(self, batch: Batch, error: KilledWorker) -> list[Outcome]:
        """Tell of an item that ends its workers, or put those that might do so aside."""
        self._figures.events["lost"] += 1
        if not batch.is_suspect:
            self._suspects.extend(Batch([item], is_suspect=True) for item in batch.items)
            return []
        died = error.allowed_failures + 1
        number = batch.items[0].number
        told = (
            f"{self._kind} {number}: each of {died} workers died while it ran there alone (out of "
            f"memory, or a crash of a library)"
        )
        return [Outcome(number, error=SuiteError(told))]

    def _copy_late(self) -> None:
        """Send what is late to workers that have nothing to do, once each."""
        at = self._connection.processing()
        free = {
            name: slots - len(at.get(name, ()))
            for name, slots in self._slots.items()
            if name not in self._full
        }
        if max(free.values(), default=0) < 1:
            return
        lively, now = self._connection.lively(), time.monotonic()
        free = {name: room for name, room in free.items() if room > 0 and name in lively}
        for worker, task in self._tasks.waiting(at):
            others = [name for name in free if name != worker and free[name] > 0]
            if task.batch.is_suspect or not others:
                continue
            if worker not in lively or self._is_late(task, worker, now):
                free[others[0]] -= 1
                self._tasks.copy(task, others[0])
                self._figures.events["speculated"] += 1
                self._figures.late.add(worker)

    def _is_late(self, task: Task, worker: str, now: float) -> bool:
        """Whether a batch takes much longer than is usual, its wait for others not counted."""
        usual = self._pace.late_s(len(task.batch.items))
        since = max(task.since, self._answered.get(worker, 0.0))
        return usual is not None and now - since > usual

    def _look(self) -> None:
        """Count what workers may run from time to time; end where there are none for long."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        before, self._slots = self._slots, self._connection.slots()
        self._figures.events["workers_left"] += len(before.keys() - self._slots.keys())
        self._figures.threads = sum(self._slots.values())
        for batch in self._tasks.take_bound(self._slots):
            self._take_back(batch)
        if self._slots:
            self._worked = now
            if now - self._advanced > self._connection.patience_s and self._connection.are_paused():
                raise OutputError(self._connection.paused())
        elif now - self._worked > self._connection.patience_s:
            raise self._no_worker()

    def _no_worker(self) -> OutputError:
        """The error of a job whose workers are gone, with the items that were under way."""
        at = ", ".join(task.batch.label for task in itertools.islice(self._tasks, 5))
        return OutputError(
            f"no worker{self._connection.needs} is left at {self._connection.address} for "
            f"{self._connection.patience_s:.0f} s (under way: {self._kind} {at}): what is done is "
            f"kept, so start workers and go on with --resume"
        )


def _is_full_disk(error: Exception | None) -> bool:
    """Whether an error says that a disk is full or read-only."""
    return isinstance(error, DiskError) or (
        isinstance(error, OSError) and error.errno in DISK_ERRORS
    )
