"""Run elsewhere: the windows of a plan in other processes, their parts kept by this one.

A worker gives the packed bytes of a part and writes nothing, so that the lock of the folder, the
check of the disk and the order of files are those of a job in one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from sam_common.errors import DiskError, one_line
from sam_common.executors.executor import Item
from sam_common.tiled_job.parts import pack
from sam_common.tiled_job.work import WORK_ERRORS, JobReport, Q, T

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_common.executors.executor import Executor
    from sam_common.executors.tally import Tally
    from sam_common.tiled_job.parts import Part, PartStore
    from sam_common.tiled_job.work import Work

KIND = "window"
"""What names of tasks begin with."""


@dataclass(frozen=True, slots=True)
class PackedWork(Generic[Q, T]):
    """The work on a window as one step, from its question to the bytes of its part."""

    read: Callable[[Q], T]
    segment: Callable[[Q, T], Part]
    tally: Tally | None

    def __call__(self, question: Q) -> tuple[bytes, dict[str, float]]:
        """The packed part of a window, and what was counted on the way."""
        data = pack(self.segment(question, self.read(question)))
        return data, {} if self.tally is None else self.tally.take()


def run_elsewhere(  # what a run is made of
    executor: Executor,
    work: Work[Q, T],
    parts: PartStore,
    missing: Sequence[int],
    report: JobReport,
    *,
    advance: Callable[[int], None],
) -> None:
    """Segment windows by an executor and keep their parts.

    Args:
        executor: Runs the work.
        work: The steps of the work.
        parts: Takes the parts.
        missing: Numbers of the windows.
        report: Takes the message of each window that failed.
        advance: Called with 1 for each window that is done.

    Raises:
        DiskError: The disk of the parts is full, or that of more than one worker.
        SuiteError: The executor cannot run the work, or is lost.
    """
    task = PackedWork(work.read, work.segment, work.tally)
    items = (Item(n, work.ask(n)) for n in missing)
    for outcome in executor.run(task, items, kind=KIND, retried=WORK_ERRORS):
        if outcome.error is None:
            data, counted = outcome.result
            parts.write_packed(outcome.number, data)
            if work.tally is not None:
                work.tally.put(counted)
        elif isinstance(outcome.error, WORK_ERRORS) and not isinstance(outcome.error, DiskError):
            report.failures[outcome.number] = one_line(outcome.error)
        else:
            raise outcome.error
        advance(1)
