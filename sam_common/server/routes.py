"""Routes: the HTTP addresses of protocol 1, which call `Service` and `Session`."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from sam_common import __version__
from sam_common.errors import ConflictError, NotFoundError, SuiteError
from sam_common.server.files.roots import RefusedPathError
from sam_common.server.sessions.answers import mask_json
from sam_common.server.sessions.job_requests import JobModel
from sam_common.server.sessions.protocol import EditModel, Identifier, OpenSource

if TYPE_CHECKING:
    from sam_common.server.service import Service
    from sam_common.server.sessions.live_source import Result

STATUS: tuple[tuple[type[SuiteError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (RefusedPathError, 403),
    (SuiteError, 422),
)
"""HTTP status of each kind of error; the first kind that fits counts."""
MOST_TOLD = 3
"""Most problems of one request that are named in the answer."""


def create_app(service: Service) -> FastAPI:
    """The ASGI application of a service, without the guard that must stand in front of it."""
    app = FastAPI(
        title="sam-common serve",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        description="Protocol 1. For research and mapping; not a medical device.",
    )
    _errors(app)
    _server_routes(app, service)
    _session_routes(app, service)
    _edit_routes(app, service)
    _object_routes(app, service)
    _job_routes(app, service)
    return app


def _errors(app: FastAPI) -> None:
    """Answer errors in the JSON of protocol 1."""

    @app.exception_handler(SuiteError)
    def suite(_request: Request, error: SuiteError) -> JSONResponse:
        status = next(code for kind, code in STATUS if isinstance(error, kind))
        return _refused(status, type(error).__name__, str(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        # the input is left out: it may be large, or a number that JSON cannot hold
        told = [
            f"{'.'.join(str(at) for at in each['loc'])}: {each['msg']}"
            for each in error.errors()[:MOST_TOLD]
        ]
        return _refused(422, "RequestError", "; ".join(told))

    @app.exception_handler(Exception)
    def defect(_request: Request, _error: Exception) -> JSONResponse:
        # the guard logs the error
        return _refused(500, "UnexpectedError", "the server has a defect here")

    @app.exception_handler(HTTPException)
    def http(_request: Request, error: HTTPException) -> JSONResponse:
        answer = _refused(error.status_code, "HTTPError", str(error.detail))
        answer.headers.update(error.headers or {})
        return answer


def _server_routes(app: FastAPI, service: Service) -> None:
    """Add the addresses of the server itself."""

    # async, so that the answer needs no thread while all of them are at work
    @app.get("/v1/health")
    async def health() -> dict[str, Any]:
        return service.health()

    @app.get("/v1/models")
    def models() -> list[dict[str, Any]]:
        return service.models.describe()

    @app.post("/v1/uploads")
    async def upload(request: Request) -> dict[str, Any]:
        return (await service.uploads.receive(request.stream())).describe()


def _session_routes(app: FastAPI, service: Service) -> None:
    """Add the addresses that open, list and close sessions."""
    sessions = service.sessions

    @app.post("/v1/sessions")
    def open_session(asked: OpenSource) -> dict[str, Any]:
        return service.open(asked).describe()

    @app.get("/v1/sessions")
    def list_sessions() -> list[dict[str, Any]]:
        return [session.describe() for session in sessions.all()]

    @app.get("/v1/sessions/{session}")
    def get_session(session: Identifier) -> dict[str, Any]:
        return sessions.get(session).describe()

    @app.delete("/v1/sessions/{session}")
    def close_session(session: Identifier) -> dict[str, Any]:
        service.remove(session)
        return {"session": session, "closed": True}


def _edit_routes(app: FastAPI, service: Service) -> None:
    """Add the addresses that edit a session, and give its log."""
    sessions = service.sessions

    @app.post("/v1/sessions/{session}/edits")
    def edit(session: Identifier, asked: EditModel) -> dict[str, Any]:
        return sessions.get(session).edit(asked.model_dump(by_alias=True, exclude_none=True))

    @app.post("/v1/sessions/{session}/undo")
    def undo(session: Identifier) -> dict[str, Any]:
        return sessions.get(session).undo()

    @app.post("/v1/sessions/{session}/redo")
    def redo(session: Identifier) -> dict[str, Any]:
        return sessions.get(session).redo()

    @app.get("/v1/sessions/{session}/log")
    def log(session: Identifier) -> dict[str, Any]:
        return sessions.get(session).log()


def _object_routes(app: FastAPI, service: Service) -> None:
    """Add the addresses of the objects of a session and their masks."""
    sessions = service.sessions

    @app.get("/v1/sessions/{session}/objects")
    def objects(session: Identifier) -> list[dict[str, Any]]:
        return sessions.get(session).objects()

    @app.get("/v1/sessions/{session}/objects/{name}/mask", response_model=None)
    def mask(
        session: Identifier,
        name: Identifier,
        format: Literal["json", "npy"] = "json",  # noqa: A002  # its name on the wire
    ) -> Response | dict[str, Any]:
        result = sessions.get(session).result_of(name)
        if format == "npy":
            return _npy(result)
        return {"masks": [mask_json(each) for each in result.masks]}

    @app.get("/v1/sessions/{session}/objects/{name}/review")
    def review(session: Identifier, name: Identifier) -> list[dict[str, Any]]:
        return sessions.get(session).review(name)

    @app.get("/v1/sessions/{session}/objects/{name}/candidates")
    def candidates(session: Identifier, name: Identifier) -> list[dict[str, Any]]:
        return sessions.get(session).candidates(name)

    @app.get("/v1/sessions/{session}/objects/{name}/geometry")
    def geometry(session: Identifier, name: Identifier) -> dict[str, Any]:
        return sessions.get(session).geometry(name)


def _job_routes(app: FastAPI, service: Service) -> None:
    """Add the addresses that start, follow and cancel jobs, and give their files."""
    jobs = service.jobs

    @app.post("/v1/jobs")
    def start(asked: JobModel) -> dict[str, Any]:
        return {"job": service.start(asked).id}

    @app.get("/v1/jobs/{job}")
    def state(job: Identifier) -> dict[str, Any]:
        return jobs.get(job).describe()

    @app.delete("/v1/jobs/{job}")
    def cancel(job: Identifier) -> dict[str, Any]:
        return jobs.remove(job).describe()

    @app.get("/v1/jobs/{job}/events", response_model=None)
    async def events(job: Identifier) -> StreamingResponse:
        return StreamingResponse(jobs.get(job).follow(), media_type="text/event-stream")

    @app.get("/v1/jobs/{job}/results/{name}", response_model=None)
    def result(job: Identifier, name: str) -> FileResponse:
        return FileResponse(jobs.get(job).result(name), media_type="application/octet-stream")


def _npy(result: Result) -> Response:
    """The masks of an object as one `.npy` array of 0 and 1, with its window in a header."""
    window = result.window
    array = np.zeros((0, 0) if window is None else window.shape, dtype=np.uint8)
    for mask in result.masks if window is not None else ():
        start, stop = list(mask.window.start), list(mask.window.stop)
        part = mask.array
        if mask.axis is not None and mask.index is not None:
            start.insert(mask.axis, mask.index)
            stop.insert(mask.axis, mask.index + 1)
            part = np.expand_dims(part, mask.axis)
        place = zip(start, stop, window.start, strict=True)  # type: ignore[union-attr]  # is there
        array[tuple(slice(a - o, b - o) for a, b, o in place)] |= part
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    told = None if window is None else [list(window.start), list(window.stop)]
    headers = {"X-Window": json.dumps(told)}
    return Response(file.getvalue(), media_type="application/octet-stream", headers=headers)


def _refused(status: int, kind: str, message: str) -> JSONResponse:
    """The answer to a request that failed."""
    return JSONResponse({"error": {"type": kind, "message": message}}, status)
