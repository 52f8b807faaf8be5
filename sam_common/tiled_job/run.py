"""Run: the windows of a plan, read ahead, segmented by several workers, and kept as parts.

```
reader       read 0   read 1   read 2   read 3              one thread: a dataset is not shared
worker 1              ------ 0 ------   ------ 2 ------
worker 2                       ------ 1 ------
parts                               1.part 0.part ...       in any order; results go by number
```
At most `workers + AHEAD` windows are in memory, whatever the number of windows. With an executor
the same steps run in other processes (`sam_common.tiled_job.run_elsewhere`).
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from sam_common.errors import DiskError, one_line
from sam_common.tiled_job.run_elsewhere import run_elsewhere
from sam_common.tiled_job.work import WORK_ERRORS, JobReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.executors.executor import Executor
    from sam_common.tiled_job.parts import PartStore
    from sam_common.tiled_job.work import Q, T, Work

AHEAD = 2
"""Number of windows that are read before a worker is free for them."""


def run_job(
    work: Work[Q, T],
    parts: PartStore,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    advance: Callable[[int], None] = lambda _done: None,
) -> JobReport:
    """Segment every window that has no part yet.

    The parts do not depend on the number of workers, on the order in which they finish, or on the
    executor. An interrupt waits for the windows that threads of this process are at and keeps their
    parts; those that an executor is at are cancelled.

    Args:
        work: Reads and segments a window.
        parts: Store of the results, with the plan.
        workers: Number of windows that are segmented at the same time, where there is no executor.
        executor: Runs the work in other processes; threads of this one where None.
        advance: Called with the number of windows that were done since the last call.

    Returns:
        A report, which names the windows that failed twice; these have no part.

    Raises:
        DiskError: The disk is full or read-only, so that all later windows would fail too.
        SuiteError: The executor cannot run the work, or is lost.
    """
    start = time.perf_counter()
    missing = parts.missing()
    report = JobReport(len(parts.plan), reused=len(parts.plan) - len(missing))
    if report.reused:
        advance(report.reused)
    if executor is None:
        _run_here(work, parts, missing, report, workers=workers, advance=advance)
    elif missing:
        run_elsewhere(executor, work, parts, missing, report, advance=advance)
    report.seconds = time.perf_counter() - start
    return report


def _run_here(  # what a run is made of
    work: Work[Q, T],
    parts: PartStore,
    missing: list[int],
    report: JobReport,
    *,
    workers: int,
    advance: Callable[[int], None],
) -> None:
    """Segment windows by threads of this process."""
    reader = ThreadPoolExecutor(1, thread_name_prefix="read")
    pool = ThreadPoolExecutor(workers, thread_name_prefix="segment")
    running: dict[Future[None], int] = {}
    try:
        for n in missing:
            if len(running) >= workers + AHEAD:
                _collect(running, report, advance)
            question = work.ask(n)
            item = reader.submit(work.read, question)
            running[pool.submit(_one, n, question, item, reader, work, parts)] = n
        while running:
            _collect(running, report, advance)
    finally:
        # on an interrupt: what has begun is finished and kept, what waits is dropped
        pool.shutdown(wait=True, cancel_futures=True)
        reader.shutdown(wait=True, cancel_futures=True)


def _one(  # what a window is made of
    n: int,
    question: Q,
    item: Future[T],
    reader: ThreadPoolExecutor,
    work: Work[Q, T],
    parts: PartStore,
) -> None:
    """Segment one window and keep its part; read and segment it once more where that fails."""
    try:
        parts.write(n, work.segment(question, item.result()))
    except DiskError:
        raise
    except WORK_ERRORS:
        # once more: a lost connection may be back
        parts.write(n, work.segment(question, reader.submit(work.read, question).result()))


def _collect(
    running: dict[Future[None], int], report: JobReport, advance: Callable[[int], None]
) -> None:
    """Wait until at least one window is done, and note failures."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        n = running.pop(future)
        try:
            future.result()
        except DiskError:
            raise
        except WORK_ERRORS as error:
            report.failures[n] = one_line(error)
        advance(1)
