"""Background job: long work with progress as server-sent events, cancellation and results."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common.errors import NotFoundError, SuiteError
from sam_common.support.traces import log_trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

ENDED = frozenset({"done", "failed", "cancelled"})
"""States that a job does not leave any more."""
HEARTBEAT_SECONDS = 15.0
"""Seconds without an event after which a comment is sent, which fails where the client is gone."""
MOST_NEWS = 1000
"""Most events of a job that are remembered."""
MOST_NOTE = 2000
"""Most characters of a note; the rest is cut off."""
ENTRY_BYTES = 4096
"""Bytes that a job counts for beside its files, its summary and its events."""
EVENT_BYTES = 1024
"""Bytes that an event counts for beside its message."""
MEDIA_TYPES = {
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "dcm": "application/dicom",
    "json": "application/json",
}


class CancelledError(Exception):
    """The client has cancelled the job."""


@dataclass(slots=True, eq=False)
class Job:
    """One piece of long work, its state and its listeners; threads may share it."""

    id: str
    kind: str
    folder: Path
    """Private folder for the files that the job writes; made when the job begins."""
    lane: str = ""
    """Jobs of one lane run one after the other."""
    release: Callable[[], None] = field(default_factory=lambda: _nothing)
    """Called once, when the job has ended and before listeners hear of it; then dropped."""
    state: str = "queued"
    done: int = 0
    total: int = 0
    what: str = ""
    message: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    asked_bytes: int = ENTRY_BYTES
    """Bytes of the request, which the job holds until it has ended."""
    size_bytes: int = ENTRY_BYTES
    """Bytes of the job's files and of what is remembered of the job, once it has ended."""
    changes: int = 0
    """Number of changes so far; listeners wait for the next one."""
    events: deque[tuple[int, str, dict[str, Any]]] = field(
        default_factory=lambda: deque(maxlen=MOST_NEWS)
    )
    """(number, kind, description) of changes; of several progress events in a row only the last."""
    _claimed: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _listeners: set[Callable[[], object]] = field(default_factory=set)

    def describe(self) -> dict[str, Any]:
        """The job in the JSON of protocol 1."""
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
        """The files of the job that a client can fetch, in the JSON of protocol 1."""
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
        """The path of a result.

        Raises:
            NotFoundError: The job is not done, or has no result of this name.
        """
        if self.state != "done" or name not in {each["name"] for each in self.results()}:
            raise NotFoundError(f"job {self.id} has no result of this name")
        return self.folder / name

    def begin(self, what: str, total: int) -> None:
        """Announce the next part of the work.

        Args:
            what: What is counted, for the client to show.
            total: Number of steps.

        Raises:
            CancelledError: The client has cancelled the job.
        """
        self._check()
        self._change("progress", what=what, total=total, done=0)

    def step(self, done: int) -> None:
        """Count steps as done; raises `CancelledError` where the job was cancelled."""
        self._check()
        if done:
            with self._lock:
                self._change("progress", done=self.done + done)

    def note(self, message: str) -> None:
        """Tell listeners one line; raises `CancelledError` where the job was cancelled."""
        self._check()
        self._change("note", message=message[:MOST_NOTE])

    def cancel(self) -> None:
        """End the job, at its next step where it is running."""
        self._cancelled.set()
        if self._claim():
            self.end("cancelled")

    def end(self, state: str, message: str | None = None) -> None:
        """Set the final state, and tell listeners once files and held objects are let go of.

        Args:
            state: One of `ENDED`.
            message: Why the job failed.
        """
        if self.state in ENDED:
            return
        if state != "done":
            shutil.rmtree(self.folder, ignore_errors=True)
        self.size_bytes = ENTRY_BYTES + len(json.dumps(self.summary, default=str))
        self.size_bytes += sum(each["bytes"] for each in self.results())
        with self._lock:
            news = [facts["message"] or "" for _, _, facts in self.events]
        self.size_bytes += sum(EVENT_BYTES + len(message) for message in news)
        self._release()
        with self._lock:
            self._change("state", state=state, message=message)

    def run(self, work: Callable[[Job], dict[str, Any]]) -> None:
        """Do the work, which gives the summary; whatever it raises, the job ends."""
        if not self._claim():
            return
        self._change("state", state="running")
        try:
            self.folder.mkdir(mode=0o700, parents=True)
            self.summary = work(self)
            # what was cancelled in its last step is cancelled
            self._check()
        except CancelledError:
            self.end("cancelled")
        except SuiteError as error:
            self.end("failed", str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a job that never ends is worse
            # its message may hold names of patients or files: clients hear the type alone
            log_trace(error, f"job {self.id} ({self.kind}): ")
            self.end("failed", f"unexpected {type(error).__name__}")
        else:
            self.end("done")

    async def follow(self) -> AsyncIterator[str]:
        """Server-sent events from now to the end of the job; a listener takes no thread."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # a server that is being closed has no loop any more
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with self._lock:
            self._listeners.add(wake)
            seen, first = self.changes, self.describe()
        try:
            yield _event("state" if first["state"] in ENDED else "progress", first)
            is_over = first["state"] in ENDED
            while not is_over:
                news = self._news(seen)
                if not news:
                    if await _is_silent(changed):
                        yield ": still here\n\n"
                    continue
                seen, is_over = news[-1][0], news[-1][2]["state"] in ENDED
                for kind, facts in _newest(news):
                    yield _event(kind, facts)
        finally:
            with self._lock:
                self._listeners.discard(wake)

    def _release(self) -> None:
        """Call `release` and drop it: an ended job would hold a closed session's pixels."""
        release, self.release = self.release, _nothing
        try:
            release()
        except Exception as error:  # noqa: BLE001  # a failing release must not hide the end
            log_trace(error, f"job {self.id} ({self.kind}), at its end: ")

    def _claim(self) -> bool:
        """Whether the job is still queued; the first caller may run it, or end it."""
        with self._lock:
            claimed, self._claimed = self._claimed, True
            return not claimed

    def _news(self, seen: int) -> list[tuple[int, str, dict[str, Any]]]:
        """Events after change number `seen`."""
        with self._lock:
            return [event for event in self.events if event[0] > seen]

    def _check(self) -> None:
        """Raise `CancelledError` where the client has cancelled the job."""
        if self._cancelled.is_set():
            raise CancelledError

    def _change(self, kind: str, **facts: Any) -> None:
        """Set attributes, note an event of a kind and wake all listeners."""
        with self._lock:
            for name, value in facts.items():
                setattr(self, name, value)
            self.changes += 1
            if kind == "progress" and self.events and self.events[-1][1] == kind:
                self.events.pop()
            self.events.append((self.changes, kind, self.describe()))
            for wake in self._listeners:
                wake()


def _nothing() -> None:
    """Stand in for a `release` that has been called."""


async def _is_silent(changed: asyncio.Event) -> bool:
    """Wait for a change, and tell whether none came within `HEARTBEAT_SECONDS`."""
    try:
        await asyncio.wait_for(changed.wait(), HEARTBEAT_SECONDS)
    except asyncio.TimeoutError:
        return True
    changed.clear()
    return False


def _newest(
    news: list[tuple[int, str, dict[str, Any]]],
) -> list[tuple[str, dict[str, Any]]]:
    """Events for a listener who was slow: of the progress events only the last one."""
    newest = max((n for n, kind, _ in news if kind == "progress"), default=None)
    return [(kind, facts) for n, kind, facts in news if kind != "progress" or n == newest]


def _event(kind: str, facts: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(facts)}\n\n"
