"""A scheduler and two workers of one thread, as processes on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster_tasks import Windows, bytes_of, plan_of, run_windows
from clusters import Cluster, cluster

from sam_common.tiled_job.plan import Plan


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    with cluster(workers=2) as started:
        yield started


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Plan, dict[str, bytes]]:
    plan, folder = plan_of(60), tmp_path_factory.mktemp("small") / "parts"
    assert run_windows(folder, plan, Windows()).failures == {}
    return plan, bytes_of(folder)
