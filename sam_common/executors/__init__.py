"""Executors: where the items of a job are worked on, in this process or on the workers of Dask.

Public names are imported when they are first used, so that jobs without Dask do not need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.support.lazy import lazy_names

if TYPE_CHECKING:
    from sam_common.executors.dask_executor import DaskExecutor as DaskExecutor

_HOME = {"DaskExecutor": "sam_common.executors.dask_executor"}
__all__ = list(_HOME)


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
