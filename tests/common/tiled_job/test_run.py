"""Running a plan: workers, failures, interrupts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sam_common.errors import DiskError, InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.run import AHEAD, run_job
from sam_common.tiled_job.work import Work

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 12


@pytest.fixture
def plan() -> Plan:
    windows = tile_grid((30, 40), side=10, overlap=0)
    assert len(windows) == COUNT
    return Plan((30, 40), tuple(windows), {})


def part_of(n: int, plan: Plan) -> Part:
    window = plan.windows[n]
    mask = np.random.default_rng(n).random(window.shape) > 0.5
    return Part([Instance(MaskRegion(window, mask), n / COUNT, 1.0)], {"n": n})


def contents(store: PartStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(store.folder.iterdir())}


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_parts_do_not_depend_on_the_number_of_workers(
    workers: int, plan: Plan, tmp_path: Path
) -> None:
    expected = PartStore(tmp_path / "expected", plan, resume=False)
    for n in range(COUNT):
        expected.write(n, part_of(n, plan))
    store = PartStore(tmp_path / "run", plan, resume=False)
    done: list[int] = []
    work = Work(lambda n: n, lambda n, item: part_of(item, plan) if n == item else Part())
    report = run_job(work, store, workers=workers, advance=done.append)
    assert contents(store) == contents(expected)
    assert (report.windows, report.reused, report.failures) == (COUNT, 0, {})
    assert sum(done) == COUNT


def test_reads_are_ordered_and_bounded(plan: Plan, tmp_path: Path) -> None:
    reads: list[int] = []
    finished: list[int] = []
    most_ahead = 0

    def read(n: int) -> int:
        nonlocal most_ahead
        reads.append(n)
        most_ahead = max(most_ahead, len(reads) - len(finished))
        return n

    def segment(n: int, _item: int) -> Part:
        finished.append(n)
        return Part()

    run_job(Work(read, segment), PartStore(tmp_path, plan, resume=False), workers=2)
    assert reads == list(range(COUNT))
    assert most_ahead <= 2 + AHEAD + 1


def test_a_window_is_tried_twice_and_then_named(plan: Plan, tmp_path: Path) -> None:
    tries: dict[int, int] = {}

    def read(n: int) -> int:
        tries[n] = tries.get(n, 0) + 1
        if n == 3 or (n == 5 and tries[n] == 1):
            raise InputError(f"cannot read window {n}")
        return n

    store = PartStore(tmp_path, plan, resume=False)
    report = run_job(Work(read, lambda n, _: part_of(n, plan)), store)
    assert report.failures == {3: "cannot read window 3"}
    assert (tries[3], tries[5]) == (2, 2)
    assert store.missing() == [3]
    # a later run does that window alone
    again = run_job(Work(lambda n: n, lambda n, _: part_of(n, plan)), store)
    assert (again.reused, again.failures, store.missing()) == (COUNT - 1, {}, [])


def test_an_interrupt_keeps_what_was_begun(plan: Plan, tmp_path: Path) -> None:
    store = PartStore(tmp_path, plan, resume=False)
    begun: list[int] = []

    def segment(n: int, _item: int) -> Part:
        begun.append(n)
        return part_of(n, plan)

    def advance(done: int) -> None:
        if done and len(begun) >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(Work(lambda n: n, segment), store, advance=advance)
    assert len(begun) < COUNT
    assert sorted(set(range(COUNT)) - set(store.missing())) == sorted(begun)
    assert not [t for t in threading.enumerate() if t.name.startswith(("read", "segment"))]


def test_a_programming_error_is_not_a_failed_window(plan: Plan, tmp_path: Path) -> None:
    store = PartStore(tmp_path, plan, resume=False)
    with pytest.raises(ZeroDivisionError):
        run_job(Work(lambda n: n, lambda _n, item: Part(notes={"x": 1 // item})), store)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_full_disk_ends_the_job_at_once(workers: int, plan: Plan, tmp_path: Path) -> None:
    tries: list[int] = []

    def segment(n: int, _item: int) -> Part:
        tries.append(n)
        if n >= 2:
            raise DiskError("no space left")
        return part_of(n, plan)

    store = PartStore(tmp_path, plan, resume=False)
    with pytest.raises(DiskError, match="no space left"):
        run_job(Work(lambda n: n, segment), store, workers=workers)
    # no window is tried twice, and those that wait are not begun
    assert len(tries) == len(set(tries)) <= 3 + workers + AHEAD
    assert set(store.missing()).isdisjoint({0, 1})
