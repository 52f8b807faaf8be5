"""Service: what the routes call; sessions, models, uploads and jobs of one server."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common import __version__
from sam_common.errors import InputError
from sam_common.server.background import Jobs
from sam_common.server.embedding_pool import EmbeddingPool
from sam_common.server.models import Models
from sam_common.server.protocol import (
    PROTOCOL,
    AutomaticJob,
    BatchJob,
    ExportJob,
    PromptsJob,
    PropagateJob,
    Replay,
)
from sam_common.server.roots import Roots
from sam_common.server.session import Session, check_log
from sam_common.server.sessions import Sessions
from sam_common.server.sources import Context, domain, open_source
from sam_common.server.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sam_common.server.background import Job
    from sam_common.server.protocol import OpenRaster, OpenVolume
    from sam_common.server.sources import LiveSource


@dataclass(slots=True, eq=False)
class Service:
    """Everything that a server holds."""

    folder: Path
    """Private; removed by whoever made it."""
    roots: Roots = field(default_factory=Roots)
    models: Models = field(default_factory=Models)
    pool: EmbeddingPool = field(default_factory=EmbeddingPool)
    sessions: Sessions = field(default_factory=Sessions)
    uploads: Uploads = field(init=False)
    jobs: Jobs = field(init=False)
    _folders: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for name in ("uploads", "jobs", "sources"):
            (self.folder / name).mkdir(mode=0o700)
        self.uploads = Uploads(self.folder / "uploads")
        self.jobs = Jobs(self.folder / "jobs")

    def health(self) -> dict[str, Any]:
        """State and figures."""
        return {
            "status": "ok",
            "version": __version__,
            "protocol": PROTOCOL,
            "models": self.models.loaded,
            "memory_bytes": {
                "embeddings": self.pool.size_bytes,
                "limit": self.pool.limit_bytes,
            },
            "sessions": len(self.sessions.all()),
        }

    def open(self, asked: OpenRaster | OpenVolume | Replay) -> Session:
        """A new session."""
        self.sessions.check_room()
        if isinstance(asked, Replay):
            return self._replayed(asked)
        session = self._opened(asked)
        self.sessions.add(session)
        return session

    def start(self, asked: Any) -> Job:
        """Queue a job; what can be wrong with it is said at once where that is quick."""
        if isinstance(asked, PropagateJob):
            return self._propagate(asked)
        if isinstance(asked, ExportJob):
            return self._export(asked)
        if isinstance(asked, BatchJob):
            return self._batch(asked)
        return self._of_source(asked)

    def close(self) -> None:
        """Stop the jobs and let go of the sessions."""
        self.jobs.close()
        for session in self.sessions.all():
            self.sessions.remove(session.id)

    def _opened(self, asked: OpenRaster | OpenVolume) -> Session:
        request = asked.model_dump(exclude_none=True)
        source = self._source(request, asked.model)
        name = "the volume" if asked.kind == "volume" else Path(asked.path or "upload").name
        return Session(
            self.sessions.new_id(), name, asked.model, self.models.get(asked.model), source, request
        )

    def _source(self, request: Mapping[str, Any], model: str) -> LiveSource:
        if request.get("upload") is not None:
            path = self.uploads.get(request["upload"]).path
        else:
            path = self.roots.open(request["path"])
        folder = self.folder / "sources" / str(next(self._folders))
        folder.mkdir(mode=0o700)
        uploads = self.folder

        def is_allowed(file: Path) -> bool:
            return self.roots.holds(file) or file.resolve().is_relative_to(uploads.resolve())

        context = Context(self.models.get(model), self.pool, folder, is_allowed)
        return open_source(request, path, context)

    def _replayed(self, asked: Replay) -> Session:
        if asked.source is None and asked.log.source.request is None:
            raise InputError("the log does not say how its source was opened: give source")
        session = self._opened(asked.source or asked.log.source.request)  # type: ignore[arg-type]  # one of them is there
        try:
            check_log(asked.log.model_dump(), session)
            edits = [edit.model_dump(by_alias=True, exclude_none=True) for edit in asked.log.edits]
            session.replay(edits, asked.log.cursor)
        except BaseException:
            session.close()
            raise
        self.sessions.add(session)
        return session

    def _propagate(self, asked: PropagateJob) -> Job:
        session = self.sessions.get(asked.session)
        if session.source.kind != "volume":
            raise InputError("only volumes are propagated: this session is on a raster")

        def work(job: Job) -> dict[str, Any]:
            with _held(session):
                change = session.propagate(asked.objects, asked.method, job)
                return {
                    "cursor": change["cursor"],
                    "objects": [_brief(c) for c in change["changed"]],
                }

        return self.jobs.start("propagate", work)

    def _export(self, asked: ExportJob) -> Job:
        session = self.sessions.get(asked.session)

        def work(job: Job) -> dict[str, Any]:
            with _held(session):
                job.begin("objects", 1)
                summary = session.source.export(session.all_results(), asked.formats, job.folder)
                job.step(1)
                return summary

        return self.jobs.start("export", work)

    def _batch(self, asked: BatchJob) -> Job:
        module = domain("batch")

        def work(job: Job) -> dict[str, Any]:
            summary: dict[str, Any] = module.run_batch(
                asked.cases, job.folder, self.models.get, job, self.roots.open
            )
            return summary

        return self.jobs.start("batch", work)

    def _of_source(self, asked: PromptsJob | AutomaticJob) -> Job:
        request = asked.model_dump(exclude_none=True)
        if asked.session is not None:
            session = self.sessions.get(asked.session)

            def on_session(job: Job) -> dict[str, Any]:
                with _held(session):
                    return session.source.run(asked.kind, request, job.folder, job)

            return self.jobs.start(asked.kind, on_session)
        wanted = {k: v for k, v in request.items() if k in {"path", "bands", "stretch"}}
        self.roots.open(wanted["path"])
        model = asked.model or "mobile_sam"

        def on_path(job: Job) -> dict[str, Any]:
            source = self._source({**wanted, "kind": "raster"}, model)
            try:
                return source.run(asked.kind, request, job.folder, job)
            finally:
                source.close()

        return self.jobs.start(asked.kind, on_path)


@contextmanager
def _held(session: Session) -> Iterator[None]:
    """While the block runs the session does not expire."""
    session.busy += 1
    try:
        yield
    finally:
        session.busy -= 1


def _brief(changed: Mapping[str, Any]) -> dict[str, Any]:
    """A changed object without its masks: the host asks for those."""
    return {name: value for name, value in changed.items() if name != "masks"}
