"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from object_storage import ObjectStorage, reached_storage

NAMED = os.environ.get("SAM_TEST_DATA")
ROOT = Path(NAMED) if NAMED else Path(__file__).parents[2] / "shared" / "data"
FOUND = (ROOT / "MANIFEST.md").is_file()
# or else the last digits would hang on how busy the machine was when it was measured
os.environ["SAM_GEOMED_DECODE_BATCH"] = "4"


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# or else each of several processes computes with as many threads as there are cores; numpy and
# torch, which are imported later, look at it once
if processes := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // int(processes))))

# `make test` draws the same examples each time, `make test-random` others. How long an example
# takes says how busy the machine is, not whether the code is right.
settings.register_profile(
    "random", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("fixed", settings.get_profile("random"), derandomize=True, database=None)
settings.load_profile("fixed")


def data_root() -> Path:
    """The folder of real test data; what needs it fails where it is missing."""
    if not FOUND:
        pytest.fail(f"no test data in {ROOT}: set SAM_TEST_DATA to the folder of MANIFEST.md")
    return ROOT


def resident_bytes(process: int | str = "self") -> int:
    """What a process has in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="session")
def data() -> Path:
    return data_root()


@pytest.fixture
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    """An object storage on loopback."""
    with reached_storage(tmp_path_factory.mktemp("s3")) as started:
        yield started


def pytest_report_header() -> str:
    if FOUND or NAMED:
        return f"test data: {ROOT}"
    return "test data: none, so tests on it are left out; set SAM_TEST_DATA to run them"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """The processes of `-n auto`: one for each core, and two on one core, where one often waits."""
    return max(2, cores())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A checkout without the test data runs every other test.

    Where SAM_TEST_DATA is set, as in CI, nothing is left out: what misses its data fails.
    """
    if hasattr(config, "workerinput"):
        put_slow_files_first(items)
    if FOUND or NAMED:
        return
    needs = [item for item in items if "data" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=needs)
    items[:] = [item for item in items if item not in needs]


def put_slow_files_first(items: list[pytest.Item]) -> None:
    """Processes take files in this order, so that none is busy alone at the end with a long one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
