"""Session: what the window knows of the object that is worked on; asks in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qgis.PyQt.QtCore import QObject, pyqtSignal

from .layer_session import LayerSession, Outline, RestartedError
from .requests import Requests
from .translation import translate
from .words import in_words, of_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from qgis.core import QgsPointXY, QgsRectangle

    from .raster_source import PathSource, PixelSource
    from .server import Server

EMPTY = Outline(None, "no_prompt")


class Session(QObject):
    """The layer and model of the window, their session, and the queue to it.

    Args:
        server: Of the plugin.
        source: Gives the pixels of the layer that is chosen now; may raise `SourceError`.
    """

    changed = pyqtSignal(object)
    """The new `Outline`."""
    said = pyqtSignal(str)
    """One line for the user."""
    failed = pyqtSignal(str)
    """The same, of what went wrong."""
    busy = pyqtSignal(int)
    """How many answers are waited for."""
    models_known = pyqtSignal(list)

    def __init__(self, server: Server, source: Callable[[], PathSource | PixelSource]) -> None:
        super().__init__()
        self._server = server
        self._source = source
        self._requests = Requests()
        self._requests.busy.connect(self.busy)
        self._requests.failed.connect(self._fail)
        self._model = ""
        self._wanted: PathSource | PixelSource | None = None
        """What the worker opens before the next edit, unless it is open."""
        self._open: LayerSession | None = None
        """Used in the worker thread alone."""
        self._turn = 0
        """Counts layers and models: an answer about one that is no longer chosen is not shown."""
        self._is_begun = False
        """Whether the object will have prompts once all is answered: its pixels stay the same."""
        self.outline = EMPTY
        """As it was last told."""

    @property
    def opened(self) -> LayerSession | None:
        """The session itself, for scripts and tests, while nothing is waited for."""
        return self._open

    def choose(self, model: str) -> None:
        """Another model or layer: what is open is closed, and opened again at the next edit."""
        self._model = model
        self._wanted = None
        self._is_begun = False
        self._turn += 1
        self._requests.submit(self._close)
        self._show(EMPTY)

    def prepare(self) -> None:
        """Open what was chosen, so that the first click need not wait for it."""
        if not self._take_source(None):
            return
        self.said.emit(
            translate("SamGeomed", "Opening the image … the first time, the model is fetched too.")
        )
        self._requests.submit(partial(self._with_models, self._wanted, self._model), self._prepared)

    def click(self, point: QgsPointXY, *, is_positive: bool) -> None:
        """A click, in the layer's coordinates."""
        if self._take_source(point):
            self._is_begun = True
            self._edit(lambda session: session.click(point, is_positive=is_positive))

    def draw_box(self, box: QgsRectangle) -> None:
        """A box, in the layer's coordinates."""
        if self._take_source(box.center()):
            self._is_begun = True
            self._edit(lambda session: session.draw_box(box))

    def undo(self) -> None:
        """One step back."""
        self._if_open(LayerSession.undo)

    def redo(self) -> None:
        """One step forth."""
        self._if_open(LayerSession.redo)

    def clear(self) -> None:
        """All prompts of the object go."""
        self._is_begun = False
        self._if_open(LayerSession.clear)

    def remove_near(self, point: QgsPointXY, tolerance: float) -> None:
        """The prompt nearest to a place goes."""
        self._if_open(lambda session: session.remove_near(point, tolerance))

    def accept(self, save: Callable[[Outline, str], str]) -> None:
        """Keep the object, and begin another.

        Args:
            save: Gets the outline and the model's name, in this thread; gives a line for the user;
                what it raises is told, and the object stays.
        """
        if self._wanted is None:
            self.failed.emit(
                translate("SamGeomed", "There is nothing to accept yet: click on an object first.")
            )
            return
        self._is_begun = False
        self._requests.submit(
            partial(self._work, LayerSession.finish),
            partial(self._accepted, save, self._model, self._turn),
        )

    def end(self, stop: Callable[[], None]) -> None:
        """End the server after all that was asked of it."""
        self._requests.submit(
            stop, lambda _: self.said.emit(translate("SamGeomed", "The server was ended."))
        )

    def close(self) -> None:
        """Take nothing any more."""
        self._requests.close()

    def _take_source(self, point: QgsPointXY | None) -> bool:
        """Decide which pixels the next edit is about; False where there are none."""
        wanted = self._wanted
        # not what was told last: the answer to a clear may still be on its way
        if wanted is not None and (point is None or self._is_begun or wanted.holds(point)):
            return True
        try:
            self._wanted = self._source()
        except Exception as error:  # noqa: BLE001 (whatever a layer's provider raises is told)
            self._fail(error)
            return False
        return True

    def _edit(self, work: Callable[[LayerSession], Outline]) -> None:
        self._requests.submit(
            partial(self._work, work, self._wanted, self._model), self._if_current(self._show)
        )

    def _if_open(self, work: Callable[[LayerSession], Outline]) -> None:
        if self._wanted is not None:
            self._edit(work)

    # in the worker thread

    def _work(
        self,
        work: Callable[[LayerSession], Any],
        source: PathSource | PixelSource | None = None,
        model: str = "",
    ) -> Any:
        session = self._open
        if source is not None and (session is None or session.source is not source):
            self._close()
            session = self._open = LayerSession(self._server, source, model)
        return EMPTY if session is None else work(session)

    def _with_models(self, source: PathSource | PixelSource | None, model: str) -> list[str]:
        names: list[str] = self._work(LayerSession.models, source, model)
        return names

    def _close(self) -> None:
        session, self._open = self._open, None
        if session is not None:
            session.close()

    # in the GUI thread

    def _if_current(self, show: Callable[[Outline], None]) -> Callable[[Outline], None]:
        turn = self._turn

        def shown(outline: Outline) -> None:
            if turn == self._turn:
                show(outline)

        return shown

    def _prepared(self, models: list[str]) -> None:
        self.models_known.emit(models)
        self.said.emit(translate("SamGeomed", "Click on an object, or drag a box around it."))

    def _show(self, outline: Outline) -> None:
        self._restore(outline)
        self.said.emit(in_words(outline))

    def _accepted(
        self, save: Callable[[Outline, str], str], model: str, turn: int, outline: Outline
    ) -> None:
        if outline.geometry is None:
            self._show(outline)
            why = in_words(outline)
            self.failed.emit(
                translate("SamGeomed", "There is nothing to accept. {why}").format(why=why)
            )
            return
        try:
            line = save(outline, model)
        except Exception as error:  # noqa: BLE001 (whatever a data provider raises is told)
            self._fail(error)
            if turn == self._turn:
                self._requests.submit(
                    partial(self._work, LayerSession.take_back), self._if_current(self._restore)
                )
            return
        if turn == self._turn:
            self._show(EMPTY)
        self.said.emit(line)

    def _restore(self, outline: Outline) -> None:
        self.outline = outline
        self._settle()
        self.changed.emit(outline)

    def _settle(self) -> None:
        """Once all is answered, the object is begun where it has prompts."""
        if self._requests.is_idle:
            self._is_begun = bool(self.outline.points or self.outline.box)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, RestartedError):
            self._requests.submit(
                partial(self._work, LayerSession.outline), self._if_current(self._restore)
            )
        self._settle()
        self.failed.emit(of_error(error))
