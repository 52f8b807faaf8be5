"""DaskExecutor: the items of a job on the workers of a Dask cluster.

```
items -> batches -> at most AHEAD batches for each thread are known to the scheduler
                      | answers        -> outcomes
                      | worker died    -> Dask runs the batch elsewhere; where that happens
                      |                   `allowed-failures` times, its items become suspects
                      | error          -> once more, alone, on another worker
suspects -> one at a time, with nothing beside them: whoever is there when a worker dies is guilty
```
Neither the client nor the scheduler ever holds more than the batches that are under way, so that
memory does not grow with the number of items. Results go to the client, which keeps them: workers
write nothing and need no folder in common.
"""

from __future__ import annotations

import itertools
import queue
import time
import uuid
from collections import Counter, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from distributed import KilledWorker

from sam_common.errors import ModelError, OutputError, SuiteError
from sam_common.executors.dask_checks import check_prepared, check_versions
from sam_common.executors.dask_worker import TaskPlugin, answer_all, pickled
from sam_common.executors.executor import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from distributed import Client, Future

    from sam_common.executors.dask_worker import Answer, Answers
    from sam_common.executors.executor import Item

AHEAD = 3
"""Batches that are known to the scheduler for each thread of the workers: one runs, two wait."""
BATCH_S = 0.5
"""Seconds of work that a batch is to have: quick items are sent together, slow ones alone."""
LONGEST_S = 2.0
"""Seconds after which a worker gives back what it has not begun of a batch."""
MOST_ITEMS = 256
"""Most items of a batch."""
TRIES = 2
"""Times that an item is tried where it raises an error, as without an executor."""
PATIENCE_S = 60.0
"""Seconds without any worker after which a job ends."""
LOOK_S = 1.0
"""Seconds between two looks at whether the workers are there."""
LOST = (
    "the scheduler at {address} is lost: what is done is kept, so start a scheduler and workers "
    "and go on with --resume"
)
PAUSED = (
    "all workers at {address} are paused, as their memory is full: give each more "
    "(--memory-limit), and go on with --resume"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Items that are worked on one after the other by one worker."""

    items: Sequence[Item]
    tries: int = 1
    """The number of this try of the items."""
    is_suspect: bool = False
    """Whether workers died while its item ran among others."""

    @property
    def label(self) -> str:
        """Numbers of the first and the last item."""
        first, last = self.items[0].number, self.items[-1].number
        return f"{first:08d}" if first == last else f"{first:08d}..{last:08d}"


@dataclass(slots=True, eq=False)
class _Pace:
    """How long items take, from those that were done last."""

    seconds: float | None = None

    def take(self, seconds: float) -> None:
        """Take the time of one more item into the mean."""
        known = seconds if self.seconds is None else self.seconds
        self.seconds = 0.9 * known + 0.1 * seconds

    @property
    def batch(self) -> int:
        """Number of items that take `BATCH_S` together."""
        if self.seconds is None:
            return 1
        return max(1, min(MOST_ITEMS, int(BATCH_S / max(self.seconds, 1e-6))))


@dataclass(slots=True)
class WorkerRate:
    """What one worker did."""

    items: int = 0
    seconds: float = 0.0
    """Time of its items, added up."""


class DaskExecutor:
    """Runs jobs on the workers of a Dask cluster.

    The results are the same, byte for byte, as without it, and a job that was begun without it can
    be finished with it. A worker that dies, by itself or by an end of its node, costs no more than
    the items that it was at.

    Args:
        client: A client that is connected to the cluster, as `distributed.Client` makes it.
        patience_s: Seconds without any worker after which a job ends.
    """

    def __init__(self, client: Client, *, patience_s: float = PATIENCE_S) -> None:
        self.client = client
        self.patience_s = patience_s
        self.rates: dict[str, WorkerRate] = {}
        """What each worker did so far, by its address."""
        self.counts: Counter[str] = Counter()
        """How often items were `retried` after an error, and batches `lost` with workers."""
        self._checked = False
        self.address = str(client.scheduler.address)
        """Address of the scheduler."""

    def run(
        self,
        task: Callable[[Any], Any],
        items: Iterable[Item],
        *,
        kind: str,
        retried: tuple[type[Exception], ...],
    ) -> Iterator[Outcome]:
        """Run a task on items, see `sam_common.executors.executor.Executor.run`.

        Raises:
            ModelError: Workers have other versions, lack a library or the weights, or the task
                cannot be pickled.
            InputError: A worker cannot see a file.
            OutputError: No worker is left, or the scheduler is lost.
        """
        with self._loss_told():
            self._await_workers()
            if not self._checked:
                check_versions(self.client)
                self._checked = True
        with self._deployed(task, kind) as name:
            run = _Run(self, name, kind, retried)
            try:
                yield from run.outcomes(iter(items))
            finally:
                run.cancel()

    def threads(self) -> int:
        """Number of items that the workers can work on at the same time.

        Raises:
            OutputError: The scheduler is lost.
        """
        with self._loss_told():
            return sum(self.client.nthreads().values())

    def are_paused(self) -> bool:
        """Whether Dask has paused every worker, as each is near the limit of its memory.

        Raises:
            OutputError: The scheduler is lost.
        """
        with self._loss_told():
            try:
                known = self.client.scheduler_info(n_workers=-1)
            except TypeError:  # before distributed 2025.5, which tells of all workers anyway
                known = self.client.scheduler_info()
        return all(worker["status"] == "paused" for worker in known["workers"].values())

    @contextmanager
    def _loss_told(self) -> Iterator[None]:
        """Word the errors that a client raises without its scheduler."""
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            raise OutputError(LOST.format(address=self.address)) from error

    def _await_workers(self) -> None:
        """Wait for the first worker."""
        try:
            self.client.wait_for_workers(1, timeout=self.patience_s)
        except TimeoutError as error:
            if self.threads() and self.are_paused():
                raise OutputError(PAUSED.format(address=self.address)) from error
            raise OutputError(
                f"no worker has come to {self.address} within {self.patience_s:.0f} s: start some "
                f"(dask worker {self.address})"
            ) from error

    @contextmanager
    def _deployed(self, task: Callable[[Any], Any], kind: str) -> Iterator[str]:
        """Bring a task to all workers, and take it from them at the end."""
        name = f"{kind}-{uuid.uuid4().hex[:12]}"
        plugin = TaskPlugin(name, pickled(task))
        with self._loss_told():
            self.client.register_plugin(plugin, name=name)
        try:
            with self._loss_told():
                check_prepared(self.client, name)
            yield name
        finally:
            # a worker that dies, or a scheduler that is lost, has let go of it
            with suppress(OSError, RuntimeError, ValueError, KeyError):
                self.client.unregister_worker_plugin(name)


class _Run:
    """One run of a task: batches that are under way, and items that are tried again."""

    def __init__(
        self, executor: DaskExecutor, name: str, kind: str, retried: tuple[type[Exception], ...]
    ) -> None:
        self._executor = executor
        self._client = executor.client
        self._name = name
        self._kind = kind
        self._retried = retried
        self._running: dict[str, tuple[Future, _Batch]] = {}
        self._again: deque[tuple[_Batch, str | None]] = deque()
        """Batches to be tried again, each with the worker that is not to be asked."""
        self._suspects: deque[Item] = deque()
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._pace = _Pace()
        self._threads = 1
        self._looked = float("-inf")
        self._worked = time.monotonic()
        """When a worker was last there."""
        self._advanced = self._worked
        """When a batch was last done."""
        self._sent = 0

    def outcomes(self, items: Iterator[Item]) -> Iterator[Outcome]:
        """Send items as there is room for them, until each has its outcome."""
        while True:
            self._fill(items)
            if not self._running:
                if not self._suspects:
                    return
                self._send(_Batch([self._suspects.popleft()], is_suspect=True), None)
            yield from self._finished()

    def cancel(self) -> None:
        """Cancel what is still under way."""
        futures = [future for future, _ in self._running.values()]
        self._running.clear()
        if futures:
            with suppress(OSError, RuntimeError, ValueError):
                self._client.cancel(futures)

    def _fill(self, items: Iterator[Item]) -> None:
        """Send batches until enough of them are under way."""
        self._look()
        while len(self._running) < AHEAD * max(1, self._threads):
            if self._again:
                self._send(*self._again.popleft())
                continue
            some = list(itertools.islice(items, self._pace.batch))
            if not some:
                return
            self._send(_Batch(some), None)

    def _send(self, batch: _Batch, avoided: str | None) -> None:
        """Give a batch to the scheduler under a name that says which items it has."""
        self._sent += 1
        key = f"{self._kind}-{batch.label}-{self._name[-12:]}-{self._sent}"
        others = None
        if avoided is not None:
            others = [address for address in self._client.nthreads() if address != avoided]
        future = self._client.submit(
            answer_all,
            self._name,
            [(item.number, item.question) for item in batch.items],
            LONGEST_S,
            key=key,
            pure=False,
            workers=others or None,
            allow_other_workers=bool(others),
        )
        self._running[key] = (future, batch)
        future.add_done_callback(lambda done: self._done.put(done.key))

    def _finished(self) -> Iterator[Outcome]:
        """Wait until a batch is done, and tell what became of its items."""
        try:
            key = self._done.get(timeout=LOOK_S)
        except queue.Empty:
            self._look()
            return
        self._worked = self._advanced = time.monotonic()
        future, batch = self._running.pop(key)
        try:
            found = self._answers(future)
        except KilledWorker as error:
            yield from self._killed(batch, error)
            return
        rate = self._executor.rates.setdefault(found.worker, WorkerRate())
        self._give_back(batch, found.answers)
        for item, answer in zip(batch.items, found.answers, strict=False):
            rate.items += 1
            rate.seconds += answer.seconds
            self._pace.take(answer.seconds)
            if (outcome := self._outcome(batch, item, answer, found.worker)) is not None:
                yield outcome

    def _give_back(self, batch: _Batch, answers: Sequence[Answer]) -> None:
        """Send what a worker did not begin of a batch again, in batches of the pace seen there."""
        rest = batch.items[len(answers) :]
        if not rest:
            return
        self._pace.seconds = sum(answer.seconds for answer in answers) / len(answers)
        size = self._pace.batch
        for first in range(0, len(rest), size):
            self._again.append((replace(batch, items=rest[first : first + size]), None))

    def _answers(self, future: Future) -> Answers:
        """What a batch that is done answers; it is done again where its worker died since then."""
        if future.status not in {"finished", "error"}:
            raise OutputError(LOST.format(address=self._executor.address))
        try:
            found: Answers = future.result(timeout=self._executor.patience_s)
        except (TimeoutError, OSError) as error:
            raise self._no_worker() from error
        except ImportError as error:
            raise ModelError(f"a worker lacks {error.name}: install it there") from error
        return found

    def _outcome(self, batch: _Batch, item: Item, answer: Answer, worker: str) -> Outcome | None:
        """The outcome of an answer; None where the item is tried again."""
        error = answer.error
        if isinstance(error, self._retried) and batch.tries < TRIES:
            self._executor.counts["retried"] += 1
            self._again.append((_Batch([item], batch.tries + 1), worker))
            return None
        return Outcome(item.number, answer.result, error)

    def _killed(self, batch: _Batch, error: KilledWorker) -> Iterator[Outcome]:
        """Tell of an item that ends its workers, or put those that might do so aside."""
        self._executor.counts["lost"] += 1
        if not batch.is_suspect:
            self._suspects.extend(batch.items)
            return
        died = error.allowed_failures + 1
        yield Outcome(
            batch.items[0].number,
            error=SuiteError(
                f"{self._kind} {batch.items[0].number}: each of {died} workers died while it ran "
                f"there alone (out of memory, or a crash of a library)"
            ),
        )

    def _look(self) -> None:
        """Count the threads of the workers from time to time; end where there are none for long."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        self._threads = self._executor.threads()
        if self._threads:
            self._worked = now
            if now - self._advanced > self._executor.patience_s and self._executor.are_paused():
                raise OutputError(PAUSED.format(address=self._executor.address))
        elif now - self._worked > self._executor.patience_s:
            raise self._no_worker()

    def _no_worker(self) -> OutputError:
        """The error of a job whose workers are gone, with the items that were under way."""
        at = ", ".join(batch.label for _, batch in list(self._running.values())[:5])
        return OutputError(
            f"no worker is left at {self._executor.address} for {self._executor.patience_s:.0f} s "
            f"(under way: {self._kind} {at}): what is done is kept, so start workers and go on "
            f"with --resume"
        )


def report_lines(executor: DaskExecutor) -> list[str]:
    """What each worker did, in words, the slowest one first; and what was tried again."""
    rates = {name: rate for name, rate in executor.rates.items() if rate.items}
    slowest = sorted(rates.items(), key=lambda pair: -pair[1].seconds / pair[1].items)
    lines = [
        f"{name}: {rate.items} done, {rate.seconds / rate.items:.3g} s each"
        for name, rate in slowest
    ]
    return [*lines, *(f"{count} {what}" for what, count in sorted(executor.counts.items()))]
