"""Routes of the page: tiles, previews and outlines of rasters, voxels of volumes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path as InPath
from fastapi import Response

from sam_common.server.page.drawable import raster_of, volume_of
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.object_state import Asked, PointState
from sam_common.server.sessions.protocol import Coordinates, Identifier, Label, Strict

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sam_common.server.jobs.lanes import Jobs
    from sam_common.server.sessions.registry import Sessions
    from sam_common.server.sessions.session import Session

TILE_BYTES = 64 << 20
"""Most bytes of the tiles that are held, for all sessions together."""
Number = Annotated[int, InPath(ge=0, le=2**31)]


class Preview(Strict):
    """A point whose mask is to be shown without an edit."""

    object: Identifier | None = None
    """The object to which the point would be added; a new one where None."""
    point: Coordinates
    """(x, y) in raster indices."""
    label: Label = 1


def add_routes(app: FastAPI, sessions: Sessions, jobs: Jobs) -> None:
    """Add the addresses that only the page uses, to the sessions and jobs of a server."""
    tiles = EmbeddingPool(TILE_BYTES)

    @app.get("/v1/sessions/{session}/pyramid")
    def pyramid(session: Identifier) -> dict[str, Any]:
        return raster_of(sessions.get(session)).pyramid()

    @app.get("/v1/sessions/{session}/tiles/{level}/{row}/{column}", response_model=None)
    def tile(session: Identifier, level: Number, row: Number, column: Number) -> Response:
        raster = raster_of(sessions.get(session))

        def make() -> tuple[bytes, int]:
            png = raster.tile(level, row, column)
            return png, len(png)

        png = tiles.get_or_make(f"{session}/{level}/{row}/{column}", make)
        return Response(png, media_type="image/png")

    @app.post("/v1/sessions/{session}/preview")
    def preview(session: Identifier, asked: Preview) -> dict[str, Any]:
        return _preview(sessions.get(session), asked)

    @app.get("/v1/sessions/{session}/outlines/{job}")
    def outlines(session: Identifier, job: Identifier) -> dict[str, Any]:
        table = jobs.get(job).result("objects.gpkg")
        return raster_of(sessions.get(session)).outlines(table)

    @app.get("/v1/sessions/{session}/classes/{job}/{level}/{row}/{column}", response_model=None)
    def class_tile(
        session: Identifier, job: Identifier, level: Number, row: Number, column: Number
    ) -> Response:
        path = jobs.get(job).result("map.tif")
        png = raster_of(sessions.get(session)).class_tile(path, level, row, column)
        return Response(png, media_type="image/png")

    _volume_routes(app, sessions)


def _volume_routes(app: FastAPI, sessions: Sessions) -> None:
    """Add the addresses of volumes that only the page uses."""

    @app.get("/v1/sessions/{session}/voxels", response_model=None)
    def voxels(session: Identifier) -> Response:
        content = volume_of(sessions.get(session)).voxels()
        return Response(content, media_type="application/octet-stream")

    @app.get("/v1/sessions/{session}/facts")
    def facts(session: Identifier) -> dict[str, Any]:
        return volume_of(sessions.get(session)).facts()


def _preview(session: Session, asked: Preview) -> dict[str, Any]:
    """The outline of an object with one more point; `busy` where the session is at work."""
    raster = raster_of(session)
    # never queued behind a click whose window is being encoded: the pointer has moved on by then
    if not session.lock.acquire(blocking=False):
        return {"status": "busy"}
    try:
        known = Asked() if asked.object is None else session.state_of(asked.object).asked
        edit = {"op": "add_point", "point": asked.point, "label": asked.label, "object": "preview"}
        ready = session.source.normalised(edit)
        point = PointState(tuple(ready["point"]), ready["label"])
        return raster.preview(replace(known, points=(*known.points, point)))
    finally:
        session.lock.release()
