"""What runs on a worker of Dask: a task that is unpickled once, and its items, a few at a time."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker
from distributed.protocol.pickle import dumps, loads

from sam_common.errors import InputError, ModelError, SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Worker


ARRIVES_S = 30.0
"""Seconds in which the task of a job has to reach a worker that its first items have reached."""
_ARRIVED = threading.Condition()


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What became of one item on a worker."""

    number: int
    result: Any
    error: Exception | None
    seconds: float
    """Time of the item alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answers of one task of Dask, and who gave them."""

    worker: str
    """Address of the worker."""
    answers: Sequence[Answer]


class TaskPlugin(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """Keeps the pickled task of a job on every worker, those that join later included.

    The task is unpickled when it is first needed: then rasters are opened and networks loaded, once
    for each process.

    Args:
        name: Name of the job on the cluster.
        pickled: The task, as `pickled` gives it.
    """

    def __init__(self, name: str, pickled: bytes) -> None:
        self.name = name
        self._pickled = pickled
        self._task: Callable[[Any], Any] | None = None
        self._lock: threading.Lock | None = None

    def setup(self, worker: Worker) -> None:
        """Begin on a worker."""
        del worker
        with _ARRIVED:
            self._lock = threading.Lock()
            _ARRIVED.notify_all()

    def teardown(self, worker: Worker) -> None:
        """Let go of the task and what it has open."""
        del worker
        self._task = None

    @property
    def is_set_up(self) -> bool:
        """Whether it has begun on this worker."""
        return self._lock is not None

    @property
    def task(self) -> Callable[[Any], Any]:
        """The task in this process.

        Raises:
            SuiteError: A file or the weights are not there, or a library is missing.
        """
        if self._lock is None:
            raise RuntimeError(f"{self.name} was not set up on this worker")
        with self._lock:
            if self._task is None:
                self._task = _unpickled(self._pickled)
            return self._task


def pickled(task: Callable[[Any], Any]) -> bytes:
    """A task as bytes, functions of `__main__` by value.

    Raises:
        ModelError: The task holds something that only this process has.
    """
    try:
        return bytes(dumps(task))
    except SuiteError:
        raise
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise ModelError(
            f"the job cannot be sent to other processes: {one_line(error)}; run it without an "
            f"executor"
        ) from error


def _unpickled(data: bytes) -> Callable[[Any], Any]:
    """The task of pickled bytes; a library that is missing becomes a `ModelError`."""
    try:
        task: Callable[[Any], Any] = loads(data)
    except ImportError as error:
        what = f'"{error.name}"' if error.name else one_line(error)
        raise ModelError(
            f"the Python of this worker lacks {what}: install sam-geomed there with the same "
            f"extras as where the job began"
        ) from error
    return task


async def prepare(name: str, dask_worker: Worker) -> Exception | None:
    """Unpickle the task of a job on a worker; gives the error where that fails.

    It is done in a thread, or the worker would seem dead while it loads a network.

    Args:
        name: Name of the job.
        dask_worker: The worker, which `distributed.Client.run` gives.
    """
    try:
        await asyncio.to_thread(lambda: _plugin(dask_worker, name).task)
    except Exception as error:  # noqa: BLE001  # told by the client, with the worker's address
        return sendable(error)
    return None


def answer_all(name: str, items: Sequence[tuple[int, Any]], most_seconds: float) -> Answers:
    """Run the task of a job on some items, one after the other.

    Args:
        name: Name of the job.
        items: Number and question of each item.
        most_seconds: Time after which no further item is begun: how long items take may change
            from one to the next, as where the raster has no data.

    Returns:
        An answer for each item that was begun, in their order and at least one; an error of one
        does not stop the others.
    """
    start, answers = time.perf_counter(), []
    for number, question in items:
        answers.append(_answer(name, number, question))
        if time.perf_counter() - start > most_seconds:
            break
    return Answers(get_worker().address, answers)


def _answer(name: str, number: int, question: Any) -> Answer:
    start = time.perf_counter()
    try:
        result, error = _plugin(get_worker(), name).task(question), None
    except Exception as raised:  # noqa: BLE001  # the client decides by its class
        result, error = None, sendable(raised)
    return Answer(number, result, error, time.perf_counter() - start)


def sendable(error: Exception) -> Exception:
    """An error that another process can unpickle; one of the same family where it cannot."""
    try:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # bytes of our own
    except Exception:  # noqa: BLE001  # whatever a foreign class raises when it is made anew
        told = one_line(error)
        return InputError(told) if isinstance(error, SuiteError) else RuntimeError(told)
    return error if type(again) is type(error) else RuntimeError(one_line(error))


def _plugin(worker: Worker, name: str) -> TaskPlugin:
    """The plugin of a job, waited for where its items came first.

    Raises:
        RuntimeError: It does not come.
    """

    def arrived() -> TaskPlugin | None:
        plugin: TaskPlugin | None = worker.plugins.get(name)
        return plugin if plugin is not None and plugin.is_set_up else None

    with _ARRIVED:
        plugin = _ARRIVED.wait_for(arrived, ARRIVES_S)
    if plugin is None:
        raise RuntimeError(f"the task {name} has not come to this worker")
    return plugin
