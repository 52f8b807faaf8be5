"""Layer session: objects on one layer, asked of the server; every method waits for its answer.

Coordinates here are those of the layer, as QGIS has them. What shows them in a window is `session`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgis.core import QgsGeometry, QgsPointXY, QgsRectangle
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from .placement import Placement
from .suite_client import ServerError
from .translation import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .raster_source import PathSource, PixelSource
    from .server import Lease, Server
    from .suite_client import Change, RasterSession

NOT_FOUND = 404
RESTARTED = QT_TRANSLATE_NOOP(
    "SamGeomed",
    "The server ended unexpectedly; a new one was started and your prompts are there again. "
    "Repeat the last step.",
)
EXPIRED = QT_TRANSLATE_NOOP(
    "SamGeomed",
    "The server had closed the image, which it does after an hour without a click; it is open "
    "again, with your prompts. Repeat the last step.",
)


class RestartedError(Exception):
    """The server or the session was gone; there is a new one, as before the last step."""


@dataclass(frozen=True)
class Outline:
    """The object that is worked on, in the layer's coordinates."""

    geometry: QgsGeometry | None
    """Polygons along pixel edges; None where nothing was found."""
    status: str
    """ok, empty, outside, nodata or no_prompt, as the server has it."""
    score: float | None = None
    """IoU as predicted by the network."""
    area_px: int = 0
    points: tuple[tuple[QgsPointXY, bool], ...] = ()
    """Clicks, and whether each is on the object."""
    box: QgsGeometry | None = None
    can_undo: bool = False
    can_redo: bool = False


class LayerSession:
    """One raster, one model, and the object that is worked on.

    Args:
        server: Of the plugin.
        source: The raster.
        model: Name of a model.

    Raises:
        EnvironmentMissingError: The suite is not installed.
        ServerError: The server does not start, or refuses.
        SourceError: The layer gives no pixels.
    """

    def __init__(self, server: Server, source: PathSource | PixelSource, model: str) -> None:
        self._server = server
        self.source = source
        self.model = model
        self._object: str | None = None
        self._first = 0
        """Cursor at which the current object begins: undo goes no further back."""
        self._cursor = 0
        self._log: dict[str, Any] | None = None
        self._lease: Lease = server.lease(source.folders)
        try:
            self._session: RasterSession = source.open(self._lease.client, model)
        except BaseException:
            self._lease.release()
            raise

    @property
    def _place(self) -> Placement:
        return Placement.of(self._session.frame, self.source)

    @property
    def remote(self) -> RasterSession:
        """The session on the server, for what is not here."""
        return self._session

    @property
    def object_id(self) -> str | None:
        """The current object's name on the server."""
        return self._object

    def models(self) -> list[str]:
        """Names of the models that can be clicked with."""
        return [m["name"] for m in self._lease.client.models() if "points" in m["prompts"]]

    def click(self, point: QgsPointXY, *, is_positive: bool) -> Outline:
        """A point on the object, or on what does not belong to it."""
        x, y = self._place.flip(point.x(), point.y())
        return self._edited(
            lambda name: self._session.add_point(name, (x, y), positive=is_positive, space="world")
        )

    def draw_box(self, box: QgsRectangle) -> Outline:
        """The object's box; one from before goes."""
        x0, y0 = self._place.flip(box.xMinimum(), box.yMinimum())
        x1, y1 = self._place.flip(box.xMaximum(), box.yMaximum())
        asked = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        return self._edited(lambda name: self._session.set_box(name, asked, space="world"))

    def undo(self) -> Outline:
        """One step back, not beyond the current object."""
        if self._object is None or self._cursor <= self._first:
            return self.outline()
        return self._moved(self._session.undo)

    def redo(self) -> Outline:
        """One step forth."""
        if self._object is None or not self._session.can_redo:
            return self.outline()
        return self._moved(self._session.redo)

    def clear(self) -> Outline:
        """All prompts go; undo brings them back."""
        if self._object is None:
            return self.outline()
        return self._edited(self._session.clear)

    def remove_near(self, point: QgsPointXY, tolerance: float) -> Outline:
        """The prompt nearest to a place goes.

        Args:
            point: In the layer's coordinates.
            tolerance: How far away it may be, in units of the layer.
        """
        now = self.outline()
        distances = [at.distance(point) for at, _ in now.points]
        nearest = min(range(len(distances)), key=distances.__getitem__, default=None)
        if nearest is not None and distances[nearest] <= tolerance:
            return self._edited(lambda name: self._session.remove_point(name, nearest))
        if now.box is not None:
            ring = QgsGeometry.fromPolylineXY(now.box.asPolygon()[0])
            if ring.distance(QgsGeometry.fromPointXY(point)) <= tolerance:
                return self._edited(self._session.remove_box)
        return now

    def finish(self) -> Outline:
        """The outline as it is; the next click begins another object."""
        with self._watched():
            outline = self._outline()
            if self._object is not None and outline.geometry is not None:
                self._changed(self._session.remove_object(self._object))
                self._object = None
            return outline

    def take_back(self) -> Outline:
        """The object that was just finished is the current one again."""
        with self._watched():
            change = self._session.undo()
            self._object = change.changed[0].object
            self._changed(change)
            return self._outline()

    def outline(self) -> Outline:
        """The current object."""
        with self._watched():
            return self._outline()

    def close(self) -> None:
        """Let go of the session and the server, whether that is there or not."""
        try:
            self._session.close()
        except ServerError as error:
            if error.status not in {0, NOT_FOUND}:
                raise
        finally:
            self._lease.release()

    def _edited(self, edit: Callable[[str], Change]) -> Outline:
        with self._watched():
            if self._object is None:
                self._object = self._session.add_object("object")
                self._first = self._session.log()["cursor"]
            self._changed(edit(self._object))
            return self._outline()

    def _moved(self, step: Callable[[], Change]) -> Outline:
        with self._watched():
            self._changed(step())
            return self._outline()

    def _changed(self, change: Change) -> None:
        self._cursor = change.cursor
        self._log = self._session.log()

    def _outline(self) -> Outline:
        if self._object is None:
            return Outline(None, "no_prompt")
        about = next(o for o in self._session.objects() if o["object"] == self._object)
        shape = self._session.geometry(self._object)["geometry"]
        boxes = [self._place.box(each["box"]) for each in about["boxes"]]
        return Outline(
            geometry=None if shape is None else self._place.polygons(shape),
            status=about["status"],
            score=about["score"],
            area_px=about["area"],
            points=tuple(
                (self._place.point(each["point"]), bool(each["label"])) for each in about["points"]
            ),
            box=boxes[0] if boxes else None,
            can_undo=self._cursor > self._first,
            can_redo=self._session.can_redo,
        )

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Where the server is gone, or has forgotten the session, go on with another.

        Raises:
            RestartedError: There is another now.
        """
        try:
            yield
        except ServerError as error:
            is_dead = error.status == 0 and not self._lease.is_alive
            if not is_dead and error.status != NOT_FOUND:
                raise
            self._open_again()
            raise RestartedError(translated(RESTARTED if is_dead else EXPIRED)) from error

    def _open_again(self) -> None:
        self._lease.release()
        self._lease = self._server.lease(self.source.folders)
        client = self._lease.client
        if self._log is None:
            self._session = self.source.open(client, self.model)
            self._object, self._first, self._cursor = None, 0, 0
            return
        request = self.source.request(client, self.model)
        request = {name: value for name, value in request.items() if value is not None}
        self._session = client.replay(self._log, source=request)  # type: ignore[assignment]
        known = {each["object"] for each in self._session.objects()}
        self._object = self._object if self._object in known else None
