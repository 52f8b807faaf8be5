"""Lanes: queues of jobs that run beside each other, one for each session.

```
lane of session s1    propagate, export        one after the other
lane of session s2    automatic                beside those of s1
lane of batches       batch, batch             beside both, one after the other
```
A lane has a thread of its own while it has jobs. No job waits for a job of another lane; only the
image encoder serves one caller at a time. The threads are daemons, so that a step which does not
end cannot keep the process from ending.
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from sam_common.errors import ConflictError, NotFoundError
from sam_common.server.jobs.background import ENDED, ENTRY_BYTES, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

Work: TypeAlias = "Callable[[Job], dict[str, Any]]"
MOST_ENDED_BYTES = 2 << 30
"""Most bytes of ended jobs and their files; beyond that the oldest jobs are forgotten."""
MOST_ASKED_BYTES = 256 << 20
"""Most bytes of the requests of jobs that have not ended; beyond that jobs are refused."""
CLOSE_SECONDS = 30.0
"""Seconds that `Jobs.close` waits for each lane."""


class Jobs:
    """The jobs of a server, by their identifiers.

    Args:
        folder: Private folder; each job writes into a folder of its own in it.
        most_ended_bytes: Most bytes of ended jobs and their files; the newest is always kept.
        most_asked_bytes: Most bytes of the requests of jobs that have not ended.
        at_work: Gives the block in which each job runs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most_ended_bytes: int = MOST_ENDED_BYTES,
        most_asked_bytes: int = MOST_ASKED_BYTES,
        at_work: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.most_ended_bytes = most_ended_bytes
        self.most_asked_bytes = most_asked_bytes
        self._folder = folder
        self._at_work = at_work
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._lanes: dict[str, deque[tuple[Job, Work]]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._count = 0
        self._closed = False

    def start(
        self,
        kind: str,
        work: Work,
        *,
        lane: str,
        release: Callable[[], None] = lambda: None,
        asked_bytes: int = 0,
    ) -> Job:
        """Queue a job.

        Args:
            kind: What the job does, in a word.
            work: Does it; takes the job, for its progress, and gives its summary.
            lane: Jobs of one lane run one after the other.
            release: Called once, when the job has ended and before listeners hear of it.
            asked_bytes: Bytes of the request, which the job holds until it has ended.

        Raises:
            ConflictError: The requests of jobs that have not ended take too many bytes.
        """
        with self._lock:
            asked_bytes += ENTRY_BYTES
            self._check_room(asked_bytes)
            self._count += 1
            name = f"j{self._count}"
            folder = self._folder / name
            job = Job(name, kind, folder, lane=lane, release=release, asked_bytes=asked_bytes)
            self._jobs[name] = job
            if not self._closed:
                self._lanes.setdefault(lane, deque()).append((job, work))
                if lane not in self._threads:
                    thread = threading.Thread(
                        target=self._run, args=(lane,), name=f"jobs of {lane}", daemon=True
                    )
                    self._threads[lane] = thread
                    thread.start()
        if self._closed:
            job.cancel()
        self._forget_old()
        return job

    def get(self, name: str) -> Job:
        """The job with an identifier.

        Raises:
            NotFoundError: There is no such job.
        """
        if (job := self._jobs.get(name)) is None:
            raise NotFoundError(f"no job {name}")
        return job

    def remove(self, name: str) -> Job:
        """Cancel a job; where it has ended, forget it and delete its files."""
        job = self.get(name)
        if job.state not in ENDED:
            self._cancel([job])
        else:
            self._forget(job)
        return job

    def cancel(self, lane: str) -> None:
        """Cancel all jobs of a lane."""
        self._cancel([job for job in list(self._jobs.values()) if job.lane == lane])

    def close(self) -> None:
        """Cancel all jobs, and wait until their running steps have ended."""
        with self._lock:
            self._closed = True
            jobs, threads = list(self._jobs.values()), list(self._threads.values())
        for job in jobs:
            job.cancel()
        for thread in threads:
            thread.join(CLOSE_SECONDS)

    def _cancel(self, jobs: Sequence[Job]) -> None:
        """Cancel jobs, and take those that were queued out of their lanes."""
        for job in jobs:
            job.cancel()
        with self._lock:
            # a job that was cancelled in its queue does not hold its request until its turn
            for lane in {job.lane for job in jobs} & set(self._lanes):
                waiting = [each for each in self._lanes[lane] if each[0].state not in ENDED]
                self._lanes[lane] = deque(waiting)

    def _check_room(self, more: int) -> None:
        """Raise `ConflictError` where one more request would take too many bytes."""
        held = sum(job.asked_bytes for job in self._jobs.values() if job.state not in ENDED)
        if held and held + more > self.most_asked_bytes:
            raise ConflictError(
                f"jobs that have not ended hold {held} bytes of requests, of at most "
                f"{self.most_asked_bytes}: wait for some, or cancel them"
            )

    def _run(self, lane: str) -> None:
        """Run the jobs of a lane until it is empty, as its thread."""
        while True:
            with self._lock:
                if not self._lanes[lane]:
                    del self._lanes[lane], self._threads[lane]
                    return
                job, work = self._lanes[lane].popleft()
            with self._at_work():
                job.run(work)
            self._forget_old()
            # else the last job would be held until the next one comes
            del job, work

    def _forget_old(self) -> None:
        """Forget the oldest ended jobs until the others take no more bytes than they may."""
        ended = [job for job in list(self._jobs.values()) if job.state in ENDED]
        left = sum(job.size_bytes for job in ended) - self.most_ended_bytes
        for job in ended[:-1]:
            if left <= 0:
                break
            left -= job.size_bytes
            self._forget(job)

    def _forget(self, job: Job) -> None:
        """Forget a job and delete its files."""
        with self._lock:
            self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)
