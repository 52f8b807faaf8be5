"""Service: the sessions, models, uploads and jobs of one server, as the routes use them."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common import __version__
from sam_common.errors import InputError
from sam_common.server.files.held import Held
from sam_common.server.files.roots import Roots
from sam_common.server.files.uploads import Uploads
from sam_common.server.jobs.lanes import Jobs
from sam_common.server.jobs.prefetch import Prefetch
from sam_common.server.sessions import teaching
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.job_requests import (
    AutomaticJob,
    BatchJob,
    ExportJob,
    FinetuneJob,
    LandcoverJob,
    OpenJob,
    PromptsJob,
    PropagateJob,
    ReplayJob,
    SimilarJob,
    WordsJob,
)
from sam_common.server.sessions.live_source import Context, domain, open_source
from sam_common.server.sessions.models import Models, watched
from sam_common.server.sessions.protocol import PROTOCOL
from sam_common.server.sessions.registry import Sessions
from sam_common.server.sessions.session import RESULT_BYTES, Session, check_log
from sam_common.tuned import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from sam_common.server.jobs.background import Job
    from sam_common.server.jobs.lanes import Work
    from sam_common.server.sessions.live_source import LiveSource, Reporter
    from sam_common.server.sessions.protocol import OpenRaster, OpenVolume

BATCHES, PATHS = "batches", "paths"
"""Lanes of jobs that belong to no session: batches, and jobs on a file given by its path."""
TEACHING = "teaching"
"""Lane of trainings, which take minutes to hours: sessions do not wait for them."""
DEFAULT_MODEL = "mobile_sam"
"""Network of a job on a raster that is given by its path, where the request names none."""
OPENING_LANES = 8
"""Number of sessions that can be opened in the background at the same time."""


@dataclass(slots=True, eq=False)
class Service:
    """Everything that one server holds; threads may share it."""

    folder: Path
    """Private folder, made and removed by the caller."""
    roots: Roots = field(default_factory=Roots)
    models: Models = field(default_factory=Models)
    pool: EmbeddingPool = field(default_factory=EmbeddingPool)
    sessions: Sessions = field(default_factory=Sessions)
    keep_embeddings: bool = False
    """Whether embeddings of volumes stay on disk after the server has ended."""
    uploads: Uploads = field(init=False)
    jobs: Jobs = field(init=False)
    results: EmbeddingPool = field(default_factory=lambda: EmbeddingPool(RESULT_BYTES))
    """Results of all sessions, shared for their bound in bytes."""
    prefetch: Prefetch = field(default_factory=Prefetch)
    """Work ahead of requests, while none of any session and no job is at work."""
    _folders: Iterator[int] = field(default_factory=itertools.count)
    _opened_count: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for name in ("uploads", "jobs", "sources"):
            (self.folder / name).mkdir(mode=0o700)
        self.uploads = Uploads(self.folder / "uploads")
        self.jobs = Jobs(self.folder / "jobs", at_work=self.prefetch.paused)

    def health(self) -> dict[str, Any]:
        """State, version, loaded models and memory of the server, in the JSON of protocol 1."""
        return {
            "status": "ok",
            "version": __version__,
            "protocol": PROTOCOL,
            "models": self.models.loaded,
            "memory_bytes": {
                "embeddings": self.pool.size_bytes,
                "limit": self.pool.limit_bytes,
            },
            "sessions": self.sessions.living,
        }

    def open(self, asked: OpenRaster | OpenVolume) -> Session:
        """Open a source as a new session; raises what `Sessions.add` and the source raise."""
        self.sessions.check_room()
        with self.prefetch.paused():
            session = self._opened(asked)
        self.sessions.add(session)
        return session

    def start(self, asked: Any) -> Job:
        """Queue the job of a request; what can be checked quickly is checked before.

        Args:
            asked: A request of `JobModel`.

        Raises:
            SuiteError: The request cannot be served.
        """
        starts: dict[type, Callable[[Any], Job]] = {
            PropagateJob: self._propagate,
            ExportJob: self._export,
            BatchJob: self._batch,
            FinetuneJob: self._finetune,
            OpenJob: self._open,
            ReplayJob: self._replay,
        }
        return starts.get(type(asked), self._of_source)(asked)

    def remove(self, name: str) -> None:
        """Close a session and cancel its jobs."""
        self.sessions.remove(name)
        self.jobs.cancel(name)

    def close(self) -> None:
        """Stop all jobs and all work ahead, then close all sessions."""
        self.jobs.close()
        self.prefetch.close()
        for session in self.sessions.all():
            self.sessions.remove(session.id)

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Files that are held open while the block runs, for a case of a batch."""
        held = self._held()
        try:
            yield held
        finally:
            held.close()

    def _held(self) -> Held:
        """Held files with a private folder of their own."""
        folder = self.folder / "sources" / str(next(self._folders))
        folder.mkdir(mode=0o700)
        return Held(folder, self.roots.holds)

    def _opened(self, asked: OpenRaster | OpenVolume, reporter: Reporter | None = None) -> Session:
        """A session on a source, not yet among the sessions of the server."""
        request = asked.model_dump(exclude_none=True)
        source = self._source(request, asked.model, reporter)
        name = "the volume" if asked.kind == "volume" else Path(asked.path or "upload").name
        return Session(
            self.sessions.new_id(),
            name,
            asked.model,
            self.models.get(asked.model),
            source,
            request,
            results=self.results,
            prefetch=self.prefetch,
        )

    def _source(
        self, request: Mapping[str, Any], model: str, reporter: Reporter | None = None
    ) -> LiveSource:
        """The source of a request, opened from its path or its upload."""
        segmenter = self.models.get(model)

        def opened(path: Path) -> LiveSource:
            kept = self.keep_embeddings
            context = Context(segmenter, self.pool, self._held(), reporter, kept)
            return open_source(request, path, context)

        if request.get("upload") is None:
            return opened(self.roots.open(request["path"]))
        with self.uploads.borrowed(request["upload"]) as upload:
            return opened(upload.path)

    def _open(self, asked: OpenJob) -> Job:
        """Queue a job that opens a session."""
        self.sessions.check_room()

        def work(job: Job) -> dict[str, Any]:
            session = self._opened(asked.source, job)
            return self._added(session, job)

        return self.jobs.start("open", work, lane=self._opening_lane(), asked_bytes=_size_of(asked))

    def _replay(self, asked: ReplayJob) -> Job:
        """Queue a job that makes a session from its log."""
        source = asked.source or asked.log.source.request
        if source is None:
            raise InputError("the log does not say how its source was opened: give source")
        self.sessions.check_room()

        def work(job: Job) -> dict[str, Any]:
            edits = [edit.model_dump(by_alias=True, exclude_none=True) for edit in asked.log.edits]
            session = self._opened(source, job)
            try:
                check_log(asked.log.model_dump(), session)
                session.replay(edits, asked.log.cursor, job)
            except BaseException:
                session.close()
                raise
            return self._added(session, job)

        return self.jobs.start(
            "replay", work, lane=self._opening_lane(), asked_bytes=_size_of(asked)
        )

    def _opening_lane(self) -> str:
        """The lane of the next job that opens a session."""
        return f"opening {next(self._opened_count) % OPENING_LANES}"

    def _added(self, session: Session, job: Job) -> dict[str, Any]:
        """Add a session to those of the server, unless the job that opened it was cancelled."""
        try:
            # a session whose job was cancelled in the meantime is not left behind
            job.step(0)
        except BaseException:
            session.close()
            raise
        self.sessions.add(session)
        return {"session": session.id}

    def _propagate(self, asked: PropagateJob) -> Job:
        """Queue a job that propagates objects through a volume."""
        session = self.sessions.get(asked.session)
        if session.source.kind != "volume":
            raise InputError("only volumes are propagated: this session is on a raster")

        def work(job: Job) -> dict[str, Any]:
            change = session.propagate(asked.objects, asked.method, job)
            return {
                "cursor": change["cursor"],
                "objects": [_brief(c) for c in change["changed"]],
            }

        return self._on(session, asked, work)

    def _export(self, asked: ExportJob) -> Job:
        """Queue a job that writes files of the objects of a session."""
        session = self.sessions.get(asked.session)

        def work(job: Job) -> dict[str, Any]:
            objects = session.all_results(job, more_steps=len(asked.formats))
            return session.source.export(
                objects, asked.formats, job.folder, job, options=asked.options
            )

        return self._on(session, asked, work)

    def _batch(self, asked: BatchJob) -> Job:
        """Queue a job that segments a list of volumes."""
        module = domain("batch")
        # a list that makes no sense is refused at once; the job's own folder is made later
        module.cases_in(asked.cases, self.folder)
        files = module.BatchFiles(
            self.roots.open, self.holding, keep_embeddings=self.keep_embeddings
        )

        def work(job: Job) -> dict[str, Any]:
            def load(name: str) -> Any:
                return watched(self.models.get(name), lambda _part: job.step(0))

            summary: dict[str, Any] = module.run_batch(asked.cases, job.folder, load, job, files)
            return summary

        return self.jobs.start("batch", work, lane=BATCHES, asked_bytes=_size_of(asked))

    def _finetune(self, asked: FinetuneJob) -> Job:
        """Queue a job that teaches a network, and gives a better one its name on this machine."""
        catalogue.check_name(asked.name, overwrite=asked.overwrite)
        own = DEFAULT_MODEL if asked.session is None else self._taught(asked).model
        request = asked.model_dump(exclude_none=True)
        request["model"] = teaching.base_of(asked.model or own)
        # what makes no sense is refused at once; the job's own folder is made later
        teaching.training_job(request, self.folder)
        with ExitStack() as opening:
            for one in request.get("segments", ()):
                one["file"] = opening.enter_context(self.uploads.borrowed(one["upload"])).path
            source = self._using(asked, opening)
            held = opening.pop_all()

        def work(job: Job) -> dict[str, Any]:
            with source as opened:
                record = opened.run(asked.kind, request, job.folder, job)
            return teaching.offered(record, self.models, name=asked.name, overwrite=asked.overwrite)

        return self._start(asked, work, lane=TEACHING, held=held)

    def _taught(self, asked: FinetuneJob) -> Session:
        """The session whose objects are taught; raises `InputError` where they are not its kind."""
        session = self.sessions.get(asked.session or "")
        if session.source.kind != ("raster" if asked.segments is None else "volume"):
            raise InputError(
                "a raster is taught by objects, a volume by segments: this session is on a "
                f"{session.source.kind}"
            )
        return session

    def _of_source(
        self, asked: PromptsJob | WordsJob | AutomaticJob | SimilarJob | LandcoverJob
    ) -> Job:
        """Queue a job that a source does itself, of a session or opened from a path."""
        request = asked.model_dump(exclude_none=True)
        held = ExitStack()
        source = self._using(asked, held)

        def work(job: Job) -> dict[str, Any]:
            with source as opened:
                return opened.run(asked.kind, request, job.folder, job)

        return self._start(asked, work, lane=asked.session or PATHS, held=held)

    def _using(self, asked: Any, held: ExitStack) -> AbstractContextManager[LiveSource]:
        """The source of a job: of its session, or opened from a path while the block runs.

        Args:
            asked: The request, with `session` or `path`.
            held: Lets go of the session, which stays open until then.
        """
        if asked.session is not None:
            session = self.sessions.get(asked.session)
            session.hold()
            held.callback(session.release)
            return nullcontext(session.source)
        request = asked.model_dump(exclude_none=True, include={"path", "bands", "stretch"})
        self.roots.open(request["path"])
        return self._from_path(request, asked.model or DEFAULT_MODEL)

    @contextmanager
    def _from_path(self, request: Mapping[str, Any], model: str) -> Iterator[LiveSource]:
        """The raster at a path, open while the block runs."""
        source = self._source({**request, "kind": "raster"}, model)
        try:
            yield source
        finally:
            source.close()

    def _on(self, session: Session, asked: Any, work: Work) -> Job:
        """Queue a job of a session, which is not let go of before the job has ended."""
        held = ExitStack()
        session.hold()
        held.callback(session.release)
        return self._start(asked, work, lane=session.id, held=held)

    def _start(self, asked: Any, work: Work, *, lane: str, held: ExitStack) -> Job:
        """Queue a job that lets go of what it holds once it has ended, or was refused."""
        try:
            return self.jobs.start(
                asked.kind, work, lane=lane, release=held.close, asked_bytes=_size_of(asked)
            )
        except BaseException:
            held.close()
            raise


def _size_of(asked: Any) -> int:
    """Bytes of a request as JSON."""
    return len(asked.model_dump_json())


def _brief(changed: Mapping[str, Any]) -> dict[str, Any]:
    """A changed object without its masks, which clients ask for one by one."""
    return {name: value for name, value in changed.items() if name != "masks"}
