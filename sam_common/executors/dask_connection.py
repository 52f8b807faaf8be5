"""Connection: a scheduler that may be lost and come back, and workers that may fall silent.

A scheduler that is lost is looked for at its address, or at the one that its file says by now, for
as long as the patience of the executor. A worker is silent where its signs of life are far behind
those of others: a process that was stopped, or a machine without a network. Dask itself gives such
a worker up after minutes (`distributed.scheduler.worker-ttl`), and waits for it until then.

Where items need resources, only workers count that announce enough of them; the others are neither
checked nor asked.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Client, wait
from distributed import TimeoutError as DaskTimeoutError

from sam_common.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from distributed import Future, WorkerPlugin

LOOK_S = 1.0
"""Seconds between two looks at whether the workers are there."""
SILENT_S = 10.0
"""Seconds without a sign of life, while others give some, after which a worker is silent."""
SILENT_S_EACH = 0.02
"""The same for each worker of a large cluster, in which signs of life are rare."""
TOLD = 3
"""Most workers that a message names."""
LOST = (
    "the scheduler at {address} is lost: what is done is kept, so start a scheduler and workers "
    "and go on with --resume"
)
PAUSED = (
    "all workers{needs} at {address} are paused, as their memory is full: give each more "
    "(--memory-limit), and go on with --resume"
)
LOST_ERRORS = (OSError, RuntimeError, ValueError)
"""What a client raises without its scheduler, or once it is closed."""


class SchedulerLostError(OutputError):
    """The scheduler does not answer; it may come back."""


class Connection:
    """The client of a cluster, which is replaced where the scheduler comes back.

    Args:
        client: A connected client; it stays its owner's to close.
        patience_s: Seconds for which a lost scheduler, or the first worker, is waited for.
        resources: What each batch takes of the abstract resources of a worker; nothing where None.

    Raises:
        InputError: A batch takes nothing, or less, of a resource.
    """

    def __init__(
        self, client: Client, patience_s: float, resources: Mapping[str, float] | None = None
    ) -> None:
        self.client = client
        self.patience_s = patience_s
        self.resources = dict(resources or {})
        """What each batch takes of the resources of a worker, by their names."""
        for name, amount in self.resources.items():
            if not 0 < amount < math.inf:
                raise InputError(
                    f"resources: {name}={amount:g} is no amount that a worker could give: say how "
                    f"much one window or case takes, as {name}=1"
                )
        self.address = str(client.scheduler.address)
        """Address of the scheduler."""
        self._file: str | None = client.scheduler_file
        self._security = client.security
        self._given = client

    def close(self) -> None:
        """Close the client that was made here, where there is one."""
        if self.client is not self._given:
            self.client.close()

    def reconnect(self) -> None:
        """Wait for a lost scheduler and connect to it anew.

        Raises:
            SchedulerLostError: It does not come back.
        """
        until = time.monotonic() + self.patience_s
        while (left := until - time.monotonic()) > 0:
            address = self._address_now()
            # the file may name another address in a moment
            wait = left if self._file is None else min(left, LOOK_S)
            try:
                client = Client(
                    address, timeout=wait, security=self._security, set_as_default=False
                )
            except (OSError, ValueError):
                continue
            self.close()
            self.client, self.address = client, address
            return
        raise self.lost()

    def lost(self) -> SchedulerLostError:
        """The error of a scheduler that does not answer."""
        return SchedulerLostError(LOST.format(address=self.address))

    @contextmanager
    def loss_told(self) -> Iterator[None]:
        """Word the errors that a client raises without its scheduler."""
        if self.client.status != "running":
            raise self.lost()
        try:
            yield
        except LOST_ERRORS as error:
            raise self.lost() from error

    @property
    def needs(self) -> str:
        """The words " with GPU=1" about the workers of a job that needs it; else none."""
        return f" with {_told(self.resources)}" if self.resources else ""

    def await_workers(self) -> None:
        """Wait for the first worker that runs and has the resources.

        Raises:
            OutputError: None comes, or all are paused.
        """
        with self.loss_told():
            if any(worker["status"] == "running" for worker in self._workers().values()):
                return
            # a cluster that adapts starts workers for what waits for them
            first = self.client.submit(int, pure=False, resources=self.resources or None)
            if self._is_done(first):
                return
        if self.slots():
            raise OutputError(self.paused())
        options = f' --resources "{_told(self.resources)}"' if self.resources else ""
        raise OutputError(
            f"no worker{self.needs} has come to {self.address} within {self.patience_s:.0f} s"
            f"{self._others()}: start some (dask worker {self.address}{options})"
        )

    def slots(self) -> dict[str, int]:
        """Number of batches that each worker of the job may run at once, by its address.

        Each takes a thread, and its resources.
        """
        if self.resources:  # what a scheduler knows of its workers is long
            return {
                name: _slots(worker, self.resources) for name, worker in self._workers().items()
            }
        with self.loss_told():
            return dict(self.client.nthreads())

    def are_paused(self) -> bool:
        """Whether Dask has paused every worker, as each is near the limit of its memory."""
        return all(worker["status"] == "paused" for worker in self._workers().values())

    def paused(self) -> str:
        """The message about workers that are paused."""
        return PAUSED.format(needs=self.needs, address=self.address)

    def _is_done(self, future: Future) -> bool:
        """Wait for a task; whether a worker did it within the patience."""
        try:
            wait(future, timeout=self.patience_s)
        except DaskTimeoutError:
            return False
        finally:
            future.cancel()
        return True

    def _others(self) -> str:
        """The words about workers that are there without the resources; none where none is."""
        with self.loss_told():
            known = self.client.sync(self.client.scheduler.identity)["workers"]
        told = [f"{name} has {_told(known[name]['resources']) or 'none'}" for name in sorted(known)]
        return f" (of resources {listed(told)})" if told else ""

    def lively(self) -> set[str]:
        """Addresses of the workers that run and are not silent."""
        workers = self._workers()
        return {name for name in _not_silent(workers) if workers[name]["status"] == "running"}

    def processing(self) -> dict[str, list[str]]:
        """Names of the tasks that each worker is at or has before it, by its address."""
        with self.loss_told():
            found = self.client.processing()
        return {name: [str(key) for key in keys] for name, keys in found.items()}

    def cancel(self, futures: list[Future]) -> None:
        """Let go of tasks; a scheduler that is lost has let go of them."""
        with suppress(*LOST_ERRORS):
            self.client.cancel(futures)

    def on_workers(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Run a function on every worker of the job that is not silent.

        Returns:
            By the address of a worker what the function returned, or the error that it raised or
            that the worker's end was.
        """
        with self.loss_told():
            found: dict[str, Any] = self.client.sync(self._on_workers, function, args)
        return found

    def deploy(self, plugin: WorkerPlugin, name: str) -> None:
        """Bring a plugin to all workers that are there and that will come."""
        with self.loss_told():
            self.client.sync(
                self._unless_silent, lambda: self.client.register_plugin(plugin, name=name)
            )

    def withdraw(self, name: str) -> None:
        """Take a plugin from all workers; one that died, or a lost scheduler, has let go of it."""
        with suppress(SchedulerLostError), self.loss_told(), suppress(KeyError):
            self.client.sync(
                self._unless_silent, lambda: self.client.unregister_worker_plugin(name)
            )

    def _address_now(self) -> str:
        """Address of the scheduler; by its file, where the client was told one that can be read."""
        if self._file is None:
            return self.address
        try:
            return str(json.loads(Path(self._file).read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError):  # it is being written, or will be
            return self.address

    def _workers(self) -> Mapping[str, Mapping[str, Any]]:
        with self.loss_told():
            found: Mapping[str, Mapping[str, Any]] = self.client.sync(self._known_workers)
            return found

    async def _known_workers(self) -> Mapping[str, Mapping[str, Any]]:
        """What the scheduler knows of each worker that has the resources, by its address."""
        known = await self.client.scheduler.identity()
        workers: Mapping[str, Mapping[str, Any]] = known["workers"]
        return {name: worker for name, worker in workers.items() if _slots(worker, self.resources)}

    async def _on_workers(
        self, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> dict[str, Any]:
        calls = {
            asyncio.ensure_future(
                self.client.run(function, *args, workers=[name], on_error="return")
            ): name
            for name in _not_silent(await self._known_workers())
        }
        waiting = set(calls)
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=LOOK_S)
            heard = _not_silent(await self._known_workers())
            for call in [call for call in waiting if calls[call] not in heard]:
                call.cancel()
                waiting.remove(call)
        done = {calls[call]: call for call in calls if call.done() and not call.cancelled()}
        return {name: found for name, call in done.items() for found in call.result().values()}

    async def _unless_silent(self, call: Callable[[], Awaitable[Any]]) -> None:
        """Wait for a call to all workers, but not for those that are silent.

        The error of a worker that dies meanwhile is none of the job's.
        """
        running = asyncio.ensure_future(call())
        while not (await asyncio.wait({running}, timeout=LOOK_S))[0]:
            workers = await self._known_workers()
            if len(_not_silent(workers)) < len(workers):
                running.cancel()
                return
        with suppress(OSError):
            running.result()


def _not_silent(workers: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Addresses of workers that gave a sign of life not long before the last one of all."""
    last = max((worker["last_seen"] for worker in workers.values()), default=0.0)
    longest = max(SILENT_S, SILENT_S_EACH * len(workers))
    return {name for name, worker in workers.items() if last - worker["last_seen"] <= longest}


def listed(told: Sequence[str]) -> str:
    """The first of some lines about workers, and the number of the others."""
    more = len(told) - TOLD
    return "; ".join(told[:TOLD]) + (f"; and {more} more" if more > 0 else "")


def _slots(worker: Mapping[str, Any], resources: Mapping[str, float]) -> int:
    """Number of batches that a worker may run at once, each with a thread and its resources."""
    given = worker["resources"]
    # .3 has three times .1, but for its last bits
    times = [int(given.get(name, 0.0) / amount + 1e-9) for name, amount in resources.items()]
    return min([int(worker["nthreads"]), *times])


def _told(resources: Mapping[str, float]) -> str:
    return " ".join(f"{name}={amount:g}" for name, amount in sorted(resources.items()))
