"""Jobs on real workers: the same bytes, workers that die, windows that fail, and what is told."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from cluster_tasks import Windows, bytes_of, plan_of
from cluster_tasks import run_windows as run
from clusters import Cluster, cluster, ended
from distributed import Client, LocalCluster

from sam_common.errors import InputError, ModelError, OutputError
from sam_common.executors.batches import LONGEST_S, MOST_ITEMS
from sam_common.executors.dask_connection import Connection
from sam_common.executors.dask_executor import DaskExecutor
from sam_common.executors.dask_run import Run
from sam_common.executors.executor import Item
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import Work


def while_it_ran(seconds: float) -> tuple[float, float]:
    """When a task began and ended."""
    start = time.monotonic()
    time.sleep(seconds)
    return start, time.monotonic()


def test_the_parts_are_those_of_one_process(two_workers: Cluster, small, tmp_path: Path) -> None:
    plan, expected = small
    executor, done = DaskExecutor(two_workers.client), []
    report = run(tmp_path / "p", plan, Windows(), executor=executor, advance=done.append)
    assert bytes_of(tmp_path / "p") == expected
    assert (report.windows, report.reused, report.failures) == (60, 0, {})
    assert sum(done) == 60
    # each answer counts once, and the report tells of each worker
    assert sum(rate.items for rate in executor.figures.workers.values()) == 60
    told = [line for line in executor.figures.lines() if " done, " in line]
    assert len(told) == len(executor.figures.workers) in {1, 2}


def test_a_job_begun_here_is_finished_there(two_workers: Cluster, small, tmp_path: Path) -> None:
    plan, expected = small
    broken = Windows(fails=frozenset(range(20, 60)))
    assert len(run(tmp_path / "p", plan, broken).failures) == 40
    report = run(tmp_path / "p", plan, Windows(), executor=DaskExecutor(two_workers.client))
    assert (report.reused, report.failures) == (20, {})
    assert bytes_of(tmp_path / "p") == expected


def test_and_one_begun_there_is_finished_here(two_workers: Cluster, small, tmp_path: Path) -> None:
    plan, expected = small
    broken = Windows(fails=frozenset({3, 59}))
    executor = DaskExecutor(two_workers.client)
    report = run(tmp_path / "p", plan, broken, executor=executor)
    assert report.failures == {3: "cannot read row 3", 59: "cannot read row 59"}
    # each of them once more, on the other worker where it could
    assert executor.figures.events["retried"] == 2
    assert run(tmp_path / "p", plan, Windows()).reused == 58
    assert bytes_of(tmp_path / "p") == expected


def test_a_window_that_fails_once_is_tried_again(
    two_workers: Cluster, small, tmp_path: Path
) -> None:
    plan, expected = small
    (tmp_path / "tries").mkdir()
    once = Windows(fails_once=frozenset({7, 8}), folder=tmp_path / "tries")
    report = run(tmp_path / "p", plan, once, executor=DaskExecutor(two_workers.client))
    assert report.failures == {}
    assert bytes_of(tmp_path / "p") == expected
    # once more, or twice where a slow machine made it late as well
    assert len(list((tmp_path / "tries" / "7").iterdir())) in {2, 3, 4}


def test_five_kills_change_no_byte(two_workers: Cluster, small, tmp_path: Path) -> None:
    plan, expected = small
    chance, due = np.random.default_rng(3), {6, 14, 25, 37, 48}
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if done in due:
            pids = [pid for pid in two_workers.pids() if isinstance(pid, int)]
            if pids:
                due.remove(done)
                os.kill(int(chance.choice(pids)), signal.SIGKILL)
            else:
                due.add(done + 1)

    report = run(
        tmp_path / "p",
        plan,
        Windows(seconds=0.1),
        executor=DaskExecutor(two_workers.client),
        advance=advance,
    )
    assert report.failures == {}
    assert len(due) == 0
    assert bytes_of(tmp_path / "p") == expected


def test_a_poisoned_window_is_named_and_no_other(small, tmp_path: Path) -> None:
    plan, expected = small
    with cluster(
        workers=2, configuration={"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    ) as own:
        executor = DaskExecutor(own.client)
        report = run(tmp_path / "p", plan, Windows(kills=frozenset({31})), executor=executor)
    assert list(report.failures) == [31]
    assert "window 31: each of 2 workers died while it ran there alone" in report.messages[0]
    assert executor.figures.events["lost"] >= 2
    # once it is cured, the job goes on in one process
    assert run(tmp_path / "p", plan, Windows()).reused == 59
    assert bytes_of(tmp_path / "p") == expected


def test_a_bug_ends_the_job_with_its_own_error(two_workers: Cluster, tmp_path: Path) -> None:
    plan = plan_of(4)
    store = PartStore(tmp_path / "p", plan, resume=False)
    with pytest.raises(ZeroDivisionError):
        run_job(
            # every window has the bug: which of them is done first is chance
            Work(lambda _n: 1 // 0, lambda _n, _item: None),
            store,
            executor=DaskExecutor(two_workers.client),
        )


def test_nothing_of_a_job_stays_on_the_workers(two_workers: Cluster, tmp_path: Path) -> None:
    run(tmp_path / "p", plan_of(8), Windows(), executor=DaskExecutor(two_workers.client))
    names = two_workers.client.run(lambda dask_worker: list(dask_worker.plugins))
    assert not [name for found in names.values() for name in found if name.startswith("window-")]


def test_batches_are_bounded_and_grow_where_items_are_quick(
    two_workers: Cluster, tmp_path: Path
) -> None:
    asked, most, done = [], 0, 0
    plan, windows = plan_of(3_000), Windows()

    def ask(n: int):
        nonlocal most
        asked.append(n)
        most = max(most, len(asked) - done)
        return plan.windows[n]

    def advance(count: int) -> None:
        nonlocal done
        done += count

    executor = DaskExecutor(two_workers.client)
    work = Work(windows.read, windows.segment, ask)
    store = PartStore(tmp_path / "p", plan, resume=False)
    assert run_job(work, store, executor=executor, advance=advance).failures == {}
    assert asked == list(range(3_000))
    assert 20 < most <= 2 * 3 * MOST_ITEMS + MOST_ITEMS


def test_slow_windows_after_quick_ones_are_shared_out(
    two_workers: Cluster, tmp_path: Path, monkeypatch
) -> None:
    """The batches that quick windows ask for are too large for the slow ones behind them."""
    answered, given_back = [], Run._give_back

    def give_back(self, batch, answers) -> None:
        answered.append((len(batch.items), [answer.seconds for answer in answers]))
        given_back(self, batch, answers)

    monkeypatch.setattr(Run, "_give_back", give_back)
    windows = Windows(seconds=0.25, slow_from=960)
    executor = DaskExecutor(two_workers.client)
    assert run(tmp_path / "p", plan_of(1_000), windows, executor=executor).failures == {}
    # no window is begun by a worker that is at its batch for too long, however slow the machine is
    assert max(sum(seconds[:-1]) for _, seconds in answered) <= LONGEST_S
    assert any(len(seconds) < count for count, seconds in answered)


def test_what_cannot_be_sent_is_told_before_any_work(two_workers: Cluster, tmp_path: Path) -> None:
    lock = threading.Lock()
    plan = plan_of(2)
    work = Work(lambda _n: lock, lambda _n, _item: None)
    with pytest.raises(ModelError, match=r"cannot be sent to other processes: .*lock"):
        run_job(
            work,
            PartStore(tmp_path / "p", plan, resume=False),
            executor=DaskExecutor(two_workers.client),
        )


def test_without_workers_the_job_waits_and_then_says_so(tmp_path: Path) -> None:
    with cluster(workers=0) as own:
        executor = DaskExecutor(own.client, patience_s=1.0)
        with pytest.raises(OutputError, match=f"no worker has come to {own.address} within 1 s"):
            run(tmp_path / "p", plan_of(2), Windows(), executor=executor)


def test_workers_without_memory_are_told(tmp_path: Path) -> None:
    """Dask pauses them at 80 % of their limit, and would wait for ever."""
    with cluster(workers=0, memory="220MB") as own:
        # between this limit and the one at which the nanny ends them
        own.add_worker(environment={"DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False"})
        own.client.wait_for_workers(1, timeout=60)
        executor = DaskExecutor(own.client, patience_s=2.0)
        plan, windows = plan_of(200), Windows(0.05, hoards=frozenset({20}))
        for _ in ("in a job", "before it"):
            with pytest.raises(OutputError, match=r"all workers at .* are paused, as their mem"):
                run(tmp_path / "p", plan, windows, executor=executor)
        assert 10 < len(bytes_of(tmp_path / "p")) < 190


def test_workers_that_leave_and_a_scheduler_that_ends_are_named(small, tmp_path: Path) -> None:
    plan, expected = small
    with cluster(workers=0) as own:
        worker = own.add_worker(options=["--no-nanny"])
        own.client.wait_for_workers(1, timeout=60)

        def end_worker(_count: int) -> None:
            ended(worker)

        executor = DaskExecutor(own.client, patience_s=2.0)
        with pytest.raises(OutputError, match=r"no worker is left at .* go on with --resume"):
            run(tmp_path / "p", plan, Windows(0.05), executor=executor, advance=end_worker)
        kept = len(bytes_of(tmp_path / "p")) - 1
        assert 0 < kept < 60

        own.add_worker()
        own.client.wait_for_workers(1, timeout=60)
        counted = []

        def end_scheduler(count: int) -> None:
            counted.append(count)
            if len(counted) == 5:
                ended(own.scheduler)

        with pytest.raises(OutputError, match=r"the scheduler at .* is lost"):
            run(
                tmp_path / "p",
                plan,
                Windows(0.05),
                executor=DaskExecutor(own.client, patience_s=5.0),
                advance=end_scheduler,
            )
        # and before its first window
        executor = DaskExecutor(own.client, patience_s=2.0)
        with pytest.raises(OutputError, match=r"the scheduler at .* is lost"):
            run(tmp_path / "p", plan, Windows(), executor=executor)
    assert run(tmp_path / "p", plan, Windows()).reused > kept
    assert bytes_of(tmp_path / "p") == expected


def test_a_file_that_a_worker_does_not_see(two_workers: Cluster, tmp_path: Path) -> None:
    class Seen:
        def __reduce__(self):
            return _read_elsewhere, (str(tmp_path / "here only"),)

        def __call__(self, _question):
            raise AssertionError

    with pytest.raises(InputError, match=r"2 of 2 workers cannot do the job, tcp://127.*: no such"):
        list(DaskExecutor(two_workers.client).run(Seen(), [], kind="window", retried=()))


def _read_elsewhere(path: str) -> None:
    raise InputError(f"no such file here: {path}")


def test_resources_say_who_works_and_how_many_at_once(small, tmp_path: Path) -> None:
    plan, expected = small
    with cluster(workers=1) as own:
        own.add_worker(options=["--nthreads", "4", "--resources", "GPU=2"])
        executor = DaskExecutor(own.client, resources={"GPU": 1})
        report = run(tmp_path / "p", plan, Windows(seconds=0.02), executor=executor)
        (able,) = Connection(own.client, 5.0, {"GPU": 1}).slots()
        at = list(
            executor.run(while_it_ran, [Item(n, 0.3) for n in range(6)], kind="x", retried=())
        )
    assert report.failures == {}
    assert bytes_of(tmp_path / "p") == expected
    assert (list(executor.figures.workers), executor.figures.threads) == ([able], 2)
    times = [outcome.result for outcome in at]
    most = max(sum(first <= start < last for first, last in times) for start, _ in times)
    assert most == 2, "of four threads two at once, as each takes one of two GPUs"


def test_a_cluster_that_adapts_starts_workers_for_a_job() -> None:
    """As of docs/scaling.md: there is none before something waits for one."""
    with (
        LocalCluster(
            n_workers=0, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as adapting,
        Client(adapting) as client,
    ):
        adapting.adapt(minimum=0, maximum=2, target_duration="500ms")
        executor = DaskExecutor(client)
        items = [Item(n, 0.3) for n in range(60)]
        found = list(executor.run(while_it_ran, items, kind="x", retried=()))
    assert sorted(outcome.number for outcome in found) == list(range(60))
    assert [outcome.error for outcome in found] == [None] * 60
    assert len(executor.figures.workers) == 2
