"""Checks of a cluster: that every worker has the versions, files and weights that a job needs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

from distributed.versions import get_versions

from sam_common.errors import InputError, ModelError, SuiteError, one_line
from sam_common.executors.dask_connection import listed
from sam_common.executors.dask_worker import prepare

if TYPE_CHECKING:
    from sam_common.executors.dask_connection import Connection

SUITE = "sam-geomed"
COMPARED = ("python", "distributed", "numpy", SUITE)
"""What has to be the same here and on a worker: the ways in which things are pickled, and the
code that decides the result."""


def check_versions(connection: Connection) -> None:
    """Compare the versions of this process with those of every worker.

    Raises:
        ModelError: A worker lacks the suite, or has another version of it, of Python (its second
            number), distributed or numpy.
    """
    # functions that a worker without the suite has too
    found = connection.on_workers(get_versions)
    suites = connection.on_workers(metadata.version, SUITE)
    here = _facts(get_versions(), metadata.version(SUITE))
    wrong = [
        f"{address} {told}"
        for address, known in sorted(found.items())
        # one that died meanwhile has nothing to be compared
        if isinstance(known, Mapping) and address in suites
        for told in _differing(here, _facts(known, suites[address]))
    ]
    if wrong:
        raise ModelError(
            f"the workers do not fit this process: {listed(wrong)}; install the same versions "
            f"everywhere"
        )


def check_prepared(connection: Connection, name: str) -> None:
    """Let every worker unpickle the task of a job: it opens the files and loads the network.

    Raises:
        SuiteError: A worker cannot, with its address and its error; a worker that dies meanwhile
            is left out.
    """
    found = connection.on_workers(prepare, name)
    errors = {
        address: error
        for address, error in sorted(found.items())
        # what is raised on the way to a worker is the death of a worker, not an error of the task
        if isinstance(error, Exception) and not isinstance(error, OSError | EOFError)
    }
    if not errors:
        return
    told = listed([f"{address}: {one_line(error)}" for address, error in errors.items()])
    first = next(iter(errors.values()))
    kind = type(first) if isinstance(first, InputError | ModelError) else SuiteError
    raise kind(
        f"{len(errors)} of {len(found)} workers cannot do the job, {told} (files and weights have "
        f"to lie at a path, or an address, that every worker sees)"
    )


def _facts(found: Mapping[str, Any], suite: Any) -> dict[str, str | None]:
    """The compared versions of one process, None for what is not installed there."""
    packages = {**found["packages"], SUITE: suite if isinstance(suite, str) else None}
    # 3.11.7.final.0: patches of Python pickle the same
    python = ".".join(found["host"]["python"].split(".")[:2])
    return {name: packages.get(name) for name in COMPARED} | {"python": python}


def _differing(here: Mapping[str, str | None], there: Mapping[str, str | None]) -> list[str]:
    return [
        f"lacks {name}" if there[name] is None else f"has {name} {there[name]} and not {here[name]}"
        for name in COMPARED
        if there[name] != here[name]
    ]
