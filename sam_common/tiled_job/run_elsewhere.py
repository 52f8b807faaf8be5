"""Run elsewhere: the windows of a plan in other processes, their parts kept here or by them.

```
folder     a worker gives the packed bytes of a part, this process writes them
storage    a worker writes the part itself and gives its hash
```
Where a worker writes nothing, the lock of the folder, the check of the disk and the order of files
are those of a job in one process. Parts in a storage do not go through this process before it links
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from sam_common.errors import DiskError, one_line
from sam_common.executors.executor import Item
from sam_common.tiled_job.parts import digest_of, pack
from sam_common.tiled_job.work import WORK_ERRORS, JobReport, Q, T

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_common.executors.executor import Executor
    from sam_common.tiled_job.parts import Part, PartStore
    from sam_common.tiled_job.storage import Storage
    from sam_common.tiled_job.tally import Tally
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


@dataclass(frozen=True, slots=True)
class StoredWork(Generic[Q, T]):
    """The work on a window as one step, from its question to its part in a storage."""

    packed: PackedWork[Q, T]
    storage: Storage

    def __call__(self, asked: tuple[int, Q]) -> tuple[bytes, dict[str, float]]:
        """Write the part of a window.

        Args:
            asked: Number and question of the window.

        Returns:
            The sha256 with which the part begins, and what was counted on the way.
        """
        n, question = asked
        data, counted = self.packed(question)
        self.storage.write(self.storage.part_name(n), data)
        return digest_of(data), counted


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
        parts: Takes the parts, or what workers tell of those in its storage.
        missing: Numbers of the windows.
        report: Takes the message of each window that failed.
        advance: Called with 1 for each window that is done.

    Raises:
        DiskError: The disk of the parts is full, or that of more than one worker, or the storage
            refuses access.
        SuiteError: The executor cannot run the work, or is lost.
    """
    packed = PackedWork(work.read, work.segment, work.tally)
    task: PackedWork[Q, T] | StoredWork[Q, T] = packed
    items = (Item(n, work.ask(n)) for n in missing)
    keep: Callable[[int, bytes], None] = parts.write_packed
    if parts.storage is not None:
        task, keep = StoredWork(packed, parts.storage), parts.take
        items = (Item(n, (n, work.ask(n))) for n in missing)
    for outcome in executor.run(task, items, kind=KIND, retried=WORK_ERRORS, speculative=True):
        if outcome.error is None:
            result, counted = outcome.result
            keep(outcome.number, result)
            if work.tally is not None:
                work.tally.put(counted)
        elif isinstance(outcome.error, WORK_ERRORS) and not isinstance(outcome.error, DiskError):
            report.failures[outcome.number] = one_line(outcome.error)
        else:
            raise outcome.error
        advance(1)
