"""Running a plan window by window, with reads ahead, several workers, and parts on disk.

```
reader       read 0   read 1   read 2   read 3              one thread: a dataset is not shared
worker 1              ------ 0 ------   ------ 2 ------
worker 2                       ------ 1 ------
parts                               1.part 0.part ...       in any order; results go by number
```
At most `workers + AHEAD` windows are in memory, whatever the number of windows.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from sam_common.errors import DiskError, SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.tiled_job.parts import Part, PartStore

T = TypeVar("T")

AHEAD = 2
"""Windows that are read before a worker is free for them."""
WORK_ERRORS = (SuiteError, OSError, RuntimeError, MemoryError)
"""What a damaged file, a full disk or memory, or a network that gives up can raise."""


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """The two halves of what is done with a window."""

    read: Callable[[int], T]
    """Called by one thread only, in ascending order."""
    segment: Callable[[int, T], Part]
    """Called by several threads."""


@dataclass(slots=True)
class JobReport:
    """What happened."""

    windows: int
    reused: int
    """Windows whose part was there already."""
    failures: dict[int, str] = field(default_factory=dict)
    """What was wrong with each window that failed."""
    seconds: float = 0.0

    @property
    def messages(self) -> list[str]:
        """What was wrong, in the order of the windows."""
        return [self.failures[n] for n in sorted(self.failures)]


def run_job(
    work: Work[T],
    parts: PartStore,
    *,
    workers: int = 1,
    advance: Callable[[int], None] = lambda _done: None,
) -> JobReport:
    """Do every window that has no part yet.

    The parts do not depend on the number of workers or on the order in which they finish. An
    interrupt waits for the windows that are being worked on and keeps their parts.

    Args:
        work: What to do with a window.
        parts: Where the results go, with the plan.
        workers: Windows that are segmented at the same time.
        advance: Called with the number of windows done since the last call.

    Returns:
        A report; windows that failed twice are named there, and have no part.

    Raises:
        DiskError: The disk is full or read-only: the windows after that would fail as well.
    """
    start = time.perf_counter()
    missing = parts.missing()
    report = JobReport(len(parts.plan), reused=len(parts.plan) - len(missing))
    if report.reused:
        advance(report.reused)
    reader = ThreadPoolExecutor(1, thread_name_prefix="read")
    pool = ThreadPoolExecutor(workers, thread_name_prefix="segment")
    running: dict[Future[None], int] = {}
    try:
        for n in missing:
            if len(running) >= workers + AHEAD:
                _collect(running, report, advance)
            running[pool.submit(_one, n, reader.submit(work.read, n), reader, work, parts)] = n
        while running:
            _collect(running, report, advance)
    finally:
        # on an interrupt: what has begun is finished and kept, what waits is dropped
        pool.shutdown(wait=True, cancel_futures=True)
        reader.shutdown(wait=True, cancel_futures=True)
    report.seconds = time.perf_counter() - start
    return report


def _one(
    n: int, item: Future[T], reader: ThreadPoolExecutor, work: Work[T], parts: PartStore
) -> None:
    try:
        parts.write(n, work.segment(n, item.result()))
    except DiskError:
        raise
    except WORK_ERRORS:
        # once more: a lost connection may be back
        parts.write(n, work.segment(n, reader.submit(work.read, n).result()))


def _collect(
    running: dict[Future[None], int], report: JobReport, advance: Callable[[int], None]
) -> None:
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
