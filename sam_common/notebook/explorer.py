"""Explorer: an image in a notebook's output, with a server of its own that Python shares."""

from __future__ import annotations

import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sam_common.errors import ConflictError, InputError
from sam_common.notebook.channel import Channel
from sam_common.notebook.outputs import Outputs
from sam_common.published import cache, checkpoints
from sam_common.server.client import Client, ServerError, Session
from sam_common.support.files import check_input

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

COMMAND = (sys.executable, "-m", "sam_common.cli", "serve", "--ui", "--idle-minutes", "inf")
"""Starts the server of an explorer, whose session never expires."""
HEIGHT = 640
"""Height of the output in CSS pixels."""
LEAST_HEIGHT, MOST_HEIGHT = 200, 10_000
"""Range of heights."""

Opened = TypeVar("Opened", bound=Session)
OUTPUTS = Outputs()
"""Explorers that cells show."""


class Explorer(Generic[Opened]):
    """An image in an output, to click objects in: the page of `view`, whose session Python shares.

    It is shown where it is the last line of a cell. The kernel answers the page, so that the kernel
    may be on another machine; while a cell runs, the page waits. The server ends when nothing holds
    the explorer any more: no variable, and no output of a cell that did not run again.

    Args:
        client: Client of a server that this explorer alone uses, and ends.
        session: The open image.
        height: Height of the output in CSS pixels.

    Raises:
        InputError: anywidget is not installed, or the height is none.
    """

    def __init__(self, client: Client, session: Opened, height: int = HEIGHT) -> None:
        self._client = client
        self._session = session
        name = str(session.source["name"])
        self._name = name
        widget = self._widget = _page_widget()(session=session.id, title=name, height=height)
        # neither holds the explorer: who has a widget keeps it for ever
        channel = self._channel = Channel(client.connection, widget.send)
        widget.on_msg(lambda _widget, message, _buffers: channel.hear(message))
        self._end = weakref.finalize(self, _end, channel, client, widget)
        # the server ends with the kernel by itself
        self._end.atexit = False
        OUTPUTS.renew()

    @property
    def session(self) -> Opened:
        """The session of the server; an edit here is seen in the page within ten seconds.

        Raises:
            ConflictError: The explorer was closed, or its server has ended.
        """
        if not self._end.alive:
            raise ConflictError(f"the explorer of {self._name} was closed: run explore again")
        if not self._client.is_running:
            last = "\n".join(self._client.log_lines()[-5:])
            raise ConflictError(
                f"the server of the explorer of {self._name} has ended, and its objects with it: "
                f"run explore again\n{last}".rstrip()
            )
        return self._session

    @property
    def widget(self) -> Any:
        """The ipywidget, to be put beside others in a box or a tab."""
        OUTPUTS.keep(self)
        return self._widget

    def close(self) -> None:
        """Take the page out of its outputs and end the server; objects that were not read are gone.

        The server also ends with the kernel, and when the explorer is held no more.
        """
        OUTPUTS.drop(self)
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = f"session {self._session.id}" if self._end.alive else "closed"
        return f"<{type(self).__name__} of {self._name}, {state}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows of the explorer: the page, or a line of text once it is closed."""
        if not self._end.alive:
            return {"text/plain": repr(self)}
        OUTPUTS.keep(self)
        return self._widget._repr_mimebundle_(**options)


def _end(channel: Channel, client: Client, widget: Any) -> None:
    """Answer nothing any more, end the server, and take the page out of its outputs."""
    channel.close()
    client.close()
    widget.close()


def opened(
    open_it: Callable[[Client], Opened], *, model: str, path: Path | None, height: int
) -> tuple[Client, Opened]:
    """Start a server for one explorer, and open its image.

    Args:
        open_it: Opens the image.
        model: Name of the model that it is opened with; what of a published network is not in the
            cache is fetched here, where progress is seen.
        path: Absolute path of the file or folder that is opened; None for pixels in memory.
        height: Height of the output, which is checked before.

    Raises:
        InputError: anywidget or the server is not installed, the height is none, or the image
            cannot be opened.
        WeightsError: The network cannot be fetched.
    """
    if not LEAST_HEIGHT <= height <= MOST_HEIGHT:
        raise InputError(f"height must be {LEAST_HEIGHT} to {MOST_HEIGHT} pixels, got {height}")
    _page_widget()
    roots = []
    if path is not None:
        check_input(path)
        roots.append(path if path.is_dir() else path.parent)
    _fetch(model)
    try:
        # the same Python: what its environment says of it holds for the server as well
        client = Client.start(COMMAND, roots=roots, env=os.environ)
    except ServerError as error:
        raise InputError(str(error)) from error
    try:
        return client, open_it(client)
    except ServerError as error:
        client.close()
        raise InputError(str(error)) from error
    except BaseException:
        client.close()
        raise


def _fetch(model: str) -> None:
    """Fetch a published network that is not there; other models are a matter of the server."""
    known = checkpoints.registry().get(model)
    if known is not None and cache.present(known, checkpoints.folder()) is None:
        checkpoints.fetch(model)


def _page_widget() -> Any:
    """The class of the widget; raises `InputError` where anywidget is not installed."""
    try:
        from sam_common.notebook.page_widget import PageWidget  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise InputError(
            f"explore needs the package {error.name}: pip install 'sam-geomed[notebook]'"
        ) from error
    return PageWidget
