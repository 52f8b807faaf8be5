"""Explorer: an image in a notebook's output, with a server of its own that Python shares."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sam_common.errors import ConflictError, InputError
from sam_common.notebook.channel import Channel
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


class Explorer(Generic[Opened]):
    """An image in an output, to click objects in: the page of `view`, whose session Python shares.

    It is shown where it is the last line of a cell. The kernel answers the page, so that the kernel
    may be on another machine; while a cell runs, the page waits.

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
        self._is_closed = False
        name = str(session.source["name"])
        self._name = name
        self._widget = _page_widget()(session=session.id, title=name, height=height)
        self._channel = Channel(client.connection, self._send)
        self._widget.on_msg(self._heard)

    @property
    def session(self) -> Opened:
        """The session of the server; an edit here is seen in the page within ten seconds.

        Raises:
            ConflictError: The explorer was closed, or its server has ended.
        """
        if self._is_closed:
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
        return self._widget

    def close(self) -> None:
        """Take the page out of its outputs and end the server; objects that were not read are gone.

        The server also ends with the kernel.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._channel.close()
        self._client.close()
        self._widget.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"session {self._session.id}"
        return f"<{type(self).__name__} of {self._name}, {state}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows of the explorer: the page, or a line of text once it is closed."""
        if self._is_closed:
            return {"text/plain": repr(self)}
        return self._widget._repr_mimebundle_(**options)

    def _heard(self, _widget: Any, message: Any, _buffers: Any) -> None:
        """Hand a message of the page on."""
        self._channel.hear(message)

    def _send(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        """Send a message to the pages of the widget."""
        self._widget.send(message, buffers)


def opened(
    open_it: Callable[[Client], Opened], *, path: Path | None, height: int
) -> tuple[Client, Opened]:
    """Start a server for one explorer, and open its image.

    Args:
        open_it: Opens the image.
        path: Absolute path of the file or folder that is opened; None for pixels in memory.
        height: Height of the output, which is checked before.

    Raises:
        InputError: anywidget or the server is not installed, the height is none, or the image
            cannot be opened.
    """
    if not LEAST_HEIGHT <= height <= MOST_HEIGHT:
        raise InputError(f"height must be {LEAST_HEIGHT} to {MOST_HEIGHT} pixels, got {height}")
    _page_widget()
    roots = []
    if path is not None:
        check_input(path)
        roots.append(path if path.is_dir() else path.parent)
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


def _page_widget() -> Any:
    """The class of the widget; raises `InputError` where anywidget is not installed."""
    try:
        from sam_common.notebook.page_widget import PageWidget  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise InputError(
            f"explore needs the package {error.name}: pip install 'sam-geomed[notebook]'"
        ) from error
    return PageWidget
