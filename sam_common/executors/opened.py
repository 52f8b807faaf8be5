"""Opened executors: what a command's `--executor`, `--scheduler` and `--workers` ask for."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sam_common.errors import InputError, ModelError, one_line
from sam_common.executors.metrics_file import check_metrics, writing_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sam_common.executors.executor import Executor

Kind: TypeAlias = Literal["local", "dask"]
CONNECT_S = 15
"""Seconds within which a scheduler has to answer."""


@contextmanager
def opened_executor(
    kind: str,
    *,
    scheduler: str | None = None,
    workers: int = 1,
    resources: str | None = None,
    metrics: Path | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Iterator[Executor | None]:
    """The executor that options ask for, connected while the block runs.

    Args:
        kind: `local`, or `dask`.
        scheduler: Address of a Dask scheduler that runs, such as `tcp://10.0.0.5:8786`, or the
            path of the file that it was told to write; where None, workers of one thread are
            started on this machine, and ended with the block.
        workers: Number of workers to start where there is no scheduler.
        resources: What each item takes of the resources of a worker, as `GPU=1,MEMORY=2e9`.
        metrics: A .prom file that says in the text format of Prometheus what workers did so far.
        tell: Called with lines about the cluster: where its dashboard is, and at the end what each
            worker did.

    Yields:
        The executor; None for `local`, which means the process itself.

    Raises:
        InputError: There is no such kind, options do not go together, resources are not amounts by
            name, or no scheduler answers.
        ModelError: Dask is not installed.
        OutputError: The metrics cannot be written.
    """
    _check_options(kind, scheduler, workers, {"resources": resources, "metrics": metrics})
    taken = {} if resources is None else read_resources(resources)
    if metrics is not None:
        check_metrics(metrics)
    if kind == "local":
        yield None
        return
    from sam_common.executors.dask_executor import DaskExecutor  # noqa: PLC0415  # only where it is asked for

    with _client(scheduler, workers) as client:
        tell(f"dask: {client.dashboard_link}")
        executor = DaskExecutor(client, resources=taken)
        told = (
            nullcontext() if metrics is None else writing_metrics(metrics, executor.figures, tell)
        )
        try:
            with told:
                yield executor
        finally:
            executor.close()
        for line in executor.figures.lines():
            tell(f"dask: {line}")


def read_resources(text: str) -> dict[str, float]:
    """Amounts of resources by their names, of `GPU=1,MEMORY=2e9` or as Dask has it, with spaces.

    Raises:
        InputError: A name has no amount, the amount is no number, or a name comes twice.
    """
    found: dict[str, float] = {}
    for each in text.replace(",", " ").split():
        name, _, amount = each.partition("=")
        try:
            number = float(amount)
        except ValueError:
            number = None
        if not name or number is None:
            raise InputError(f'--resources "{text}": {each} is no NAME=NUMBER, as GPU=1')
        if name in found:
            raise InputError(f'--resources "{text}": {name} is there twice')
        found[name] = number
    if not found:
        raise InputError(f'--resources "{text}" names none: say NAME=NUMBER, as GPU=1')
    return found


def _check_options(
    kind: str, scheduler: str | None, workers: int, others: Mapping[str, object]
) -> None:
    """Raise where options do not go together, or Dask is not installed."""
    if kind not in {"local", "dask"}:
        raise InputError(f'unknown executor "{kind}": choose local or dask')
    if kind == "local":
        for name, value in {"scheduler": scheduler, **others}.items():
            if value is not None:
                raise InputError(f"--{name} {value} goes with --executor dask")
        return
    if scheduler is not None and workers > 1:
        raise InputError(
            f"--workers {workers} starts workers here, and {scheduler} has its own: leave one out"
        )
    if scheduler is None and others["resources"] is not None:
        raise InputError(
            f"--resources {others['resources']} chooses among the workers of a --scheduler: those "
            f"that are started here have none"
        )
    if importlib.util.find_spec("distributed") is None:
        raise ModelError('--executor dask needs Dask: pip install "sam-geomed[dask]"')


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Any]:
    """A client of a scheduler that runs, or of workers of its own on this machine."""
    from distributed import Client, LocalCluster  # noqa: PLC0415  # only where it is asked for

    if scheduler is None:
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    given: dict[str, Any] = {"address": scheduler}
    if scheduler.endswith(".json"):
        # Dask would wait for a file that is not there
        if not Path(scheduler).is_file():
            raise InputError(f"no such file: {scheduler}, which dask scheduler was to write")
        given = {"scheduler_file": scheduler}
    try:
        client = Client(**given, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} ({one_line(error)}): check the address that "
            f"dask scheduler printed, as tcp://host:8786"
        ) from error
    with client:
        yield client
