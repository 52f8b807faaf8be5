"""Background: jobs that take long, their progress as events, cancelling, and their results."""

from __future__ import annotations

import json
import shutil
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common.errors import SuiteError
from sam_common.server.session import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENDED = frozenset({"done", "failed", "cancelled"})
MOST_ENDED = 100
"""Finished jobs that are remembered; older ones go with their files."""
HEARTBEAT_SECONDS = 15.0
"""A line without meaning is sent so often, so that a client that is gone is noticed."""
MEDIA_TYPES = {
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "dcm": "application/dicom",
    "json": "application/json",
}


class CancelledError(Exception):
    """The client wants no more of it."""


@dataclass(slots=True, eq=False)
class Job:
    """One long piece of work."""

    id: str
    kind: str
    folder: Path
    """Private; holds what the job writes."""
    state: str = "queued"
    done: int = 0
    total: int = 0
    what: str = ""
    message: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    changes: int = 0
    """How often it has changed; listeners wait for more."""
    events: deque[tuple[int, str, dict[str, Any]]] = field(
        default_factory=lambda: deque(maxlen=1000)
    )
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def describe(self) -> dict[str, Any]:
        """The job as protocol 1 shows it."""
        return {
            "job": self.id,
            "kind": self.kind,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "what": self.what,
            "message": self.message,
            "results": self.results() if self.state == "done" else [],
            "summary": self.summary,
        }

    def results(self) -> list[dict[str, Any]]:
        """Files that can be fetched."""
        if not self.folder.is_dir():
            return []
        files = sorted(p for p in self.folder.iterdir() if p.is_file() and p.name[0] != ".")
        return [
            {
                "name": path.name,
                "format": path.name.partition(".")[2],
                "bytes": path.stat().st_size,
                "media_type": MEDIA_TYPES.get(path.suffix[1:], "application/octet-stream"),
            }
            for path in files
        ]

    def result(self, name: str) -> Path:
        """The file of a result.

        Raises:
            NotFoundError: There is none of this name.
        """
        if self.state != "done" or name not in {each["name"] for each in self.results()}:
            raise NotFoundError(f"job {self.id} has no result of this name")
        return self.folder / name

    def begin(self, what: str, total: int) -> None:
        """So many steps are to come."""
        self._tell("progress", what=what, total=total, done=0)

    def step(self, done: int) -> None:
        """So many steps more are done."""
        self._tell("progress", done=self.done + done)

    def note(self, message: str) -> None:
        """One line of news."""
        self._tell("note", message=message)

    def cancel(self) -> None:
        """Stop at the next step."""
        self._cancelled.set()
        if self.state == "queued":
            self.end("cancelled")

    def end(self, state: str, message: str | None = None) -> None:
        """The last change."""
        if self.state not in ENDED:
            self._change("state", state=state, message=message)

    def run(self, work: Callable[[Job], dict[str, Any]]) -> None:
        """Do the work; whatever happens, the job ends."""
        if self.state in ENDED:
            return
        self.folder.mkdir(mode=0o700, parents=True)
        self._change("state", state="running")
        try:
            self.summary = work(self)
            # what was cancelled in its last step is cancelled
            self._check()
            self.end("done")
        except CancelledError:
            self.end("cancelled")
        except SuiteError as error:
            self.end("failed", str(error))
        except Exception as error:  # noqa: BLE001  # a job that never ends is worse; names stay here
            self.end("failed", f"unexpected {type(error).__name__}")
        if self.state != "done":
            shutil.rmtree(self.folder, ignore_errors=True)

    def follow(self) -> Iterator[str]:
        """Server-sent events from now to the end."""
        seen = self.changes
        yield _event("state" if self.state in ENDED else "progress", self.describe())
        while self.state not in ENDED or seen < self.changes:
            with self._changed:
                if seen == self.changes:
                    self._changed.wait(HEARTBEAT_SECONDS)
                news = [event for event in self.events if event[0] > seen]
            if not news:
                yield ": still here\n\n"
                continue
            seen = news[-1][0]
            # a slow listener hears the newest progress only, but that even where the end follows
            newest = max((n for n, kind, _ in news if kind == "progress"), default=None)
            for number, kind, facts in news:
                if kind != "progress" or number == newest:
                    yield _event(kind, facts)

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError

    def _tell(self, kind: str, **facts: Any) -> None:
        self._check()
        self._change(kind, **facts)

    def _change(self, kind: str, **facts: Any) -> None:
        with self._changed:
            for name, value in facts.items():
                setattr(self, name, value)
            self.changes += 1
            self.events.append((self.changes, kind, self.describe()))
            self._changed.notify_all()


class Jobs:
    """The jobs of a server; they run one after the other in a thread of their own.

    Args:
        folder: Private; each job writes into a folder in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[tuple[Job, Callable[[Job], dict[str, Any]]]] = deque()
        self._more = threading.Condition(self._lock)
        self._count = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, kind: str, work: Callable[[Job], dict[str, Any]]) -> Job:
        """Queue a job."""
        with self._more:
            self._count += 1
            job = Job(f"j{self._count}", kind, self._folder / f"j{self._count}")
            self._jobs[job.id] = job
            self._waiting.append((job, work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
            self._more.notify()
        self._forget_old()
        return job

    def get(self, name: str) -> Job:
        """A job.

        Raises:
            NotFoundError: There is none of this name.
        """
        if (job := self._jobs.get(name)) is None:
            raise NotFoundError(f"no job {name}")
        return job

    def remove(self, name: str) -> Job:
        """Cancel a job, or forget one that has ended."""
        job = self.get(name)
        if job.state not in ENDED:
            job.cancel()
        else:
            self._forget(job)
        return job

    def close(self) -> None:
        """Cancel everything and wait for the step that is being done."""
        with self._more:
            self._closed = True
            for job in self._jobs.values():
                if job.state not in ENDED:
                    job.cancel()
            self._more.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=30)

    def _run(self) -> None:
        while True:
            with self._more:
                while not self._waiting and not self._closed:
                    self._more.wait()
                if self._closed:
                    return
                job, work = self._waiting.popleft()
            job.run(work)

    def _forget_old(self) -> None:
        ended = [job for job in list(self._jobs.values()) if job.state in ENDED]
        for job in ended[: max(0, len(ended) - MOST_ENDED)]:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)


def _event(kind: str, facts: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(facts)}\n\n"
