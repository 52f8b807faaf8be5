"""A scheduler and two workers of one thread, as processes on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clusters import Cluster, cluster


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    with cluster(workers=2) as started:
        yield started
