"""DaskExecutor: the items of a job on the workers of a Dask cluster."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from sam_common.executors.dask_checks import check_prepared, check_versions
from sam_common.executors.dask_connection import Connection
from sam_common.executors.dask_run import Run
from sam_common.executors.dask_worker import TaskPlugin, pickled
from sam_common.executors.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from distributed import Client

    from sam_common.executors.executor import Item, Outcome

PATIENCE_S = 60.0
"""Seconds without any worker, or without the scheduler, after which a job ends."""


class DaskExecutor:
    """Runs jobs on the workers of a Dask cluster.

    The results are the same, byte for byte, as without it, and a job that was begun without it can
    be finished with it. A worker that dies, by itself or by an end of its node, costs no more than
    the items that it was at; so does a scheduler that is lost and comes back.

    Args:
        client: A client that is connected to the cluster, as `distributed.Client` makes it.
        patience_s: Seconds without any worker, or without the scheduler, after which a job ends.
        resources: What each window, case or block takes of the abstract resources of a worker,
            such as `{"GPU": 1}`: only workers take part that were started with enough of them
            (`dask worker --resources "GPU=1"`), and none runs more at once than it has room for.

    Raises:
        InputError: An amount of a resource is not positive.
    """

    def __init__(
        self,
        client: Client,
        *,
        patience_s: float = PATIENCE_S,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        self._connection = Connection(client, patience_s, resources)
        self._checked: Client | None = None
        """The client by which versions were compared."""
        self.figures = Figures()
        """What each worker did so far, and what went wrong."""

    def run(
        self,
        task: Callable[[Any], Any],
        items: Iterable[Item],
        *,
        kind: str,
        retried: tuple[type[Exception], ...],
        speculative: bool = False,
    ) -> Iterator[Outcome]:
        """Run a task on items, see `sam_common.executors.executor.Executor.run`.

        Raises:
            ModelError: Workers have other versions, lack a library or the weights, or the task
                cannot be pickled.
            InputError: A worker cannot see a file.
            OutputError: No worker is left, or the scheduler is lost and does not come back.
        """
        name = f"{kind}-{uuid.uuid4().hex[:12]}"
        plugin = TaskPlugin(name, pickled(task))
        run = Run(
            self._connection,
            self.figures,
            name=name,
            kind=kind,
            retried=retried,
            speculative=speculative,
            deploy=partial(self._deploy, plugin),
        )
        try:
            yield from run.outcomes(iter(items))
        finally:
            run.cancel()
            self._connection.withdraw(name)

    def facts_from_now(self) -> Callable[[], dict[str, Any]]:
        """A function that gives what was done since now, for the record of a job."""
        before = self.figures.copy()
        return lambda: {"kind": "dask", **self.figures.since(before).facts()}

    def close(self) -> None:
        """Close what was opened here: the client of a scheduler that came back."""
        self._connection.close()

    def _deploy(self, plugin: TaskPlugin) -> None:
        """Bring a task to all workers, once they are there and fit."""
        self._connection.await_workers()
        if self._checked is not self._connection.client:
            check_versions(self._connection)
            self._checked = self._connection.client
        self._connection.deploy(plugin, plugin.name)
        check_prepared(self._connection, plugin.name)
