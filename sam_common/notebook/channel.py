"""Channel: requests of a page in a notebook's output, answered by the widget's own server.

The page has no way to the server but the kernel, so that it works where both are on different
machines, and no port and no token reaches the browser. A request is a message `ask`, `method`,
`path` and `body`. The kernel acknowledges it by a message of `ask` alone, and answers by messages
of `ask` and `more` with a part of the content each, the first of them with `status` and `headers`;
or by `lost` where the server cannot be reached.
"""

from __future__ import annotations

import contextvars
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

from sam_common.server.client import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from sam_common.server.client import Connection

THREADS = 8
"""Requests that are answered at the same time."""
PART_BYTES = 4 << 20
"""Most bytes of a message: proxies in front of a kernel may refuse larger ones."""
JSON = "application/json"
TOLD_HEADERS = frozenset({"content-type", "x-window"})
"""Headers that the page reads."""

Send: TypeAlias = "Callable[[dict[str, Any], list[bytes]], None]"
"""Sends a message with its binary parts to the page; any thread may call it."""


class Channel:
    """Answers the requests of pages, each in a thread, so that the kernel is never kept waiting.

    Args:
        connection: The server.
        send: Sends a message to the pages.
    """

    def __init__(self, connection: Connection, send: Send) -> None:
        self._connection = connection
        self._send = send
        self._pool = ThreadPoolExecutor(THREADS, "sam-notebook")
        self._closed = threading.Event()

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take a request, which is answered later; other messages are not for this channel."""
        if self._closed.is_set() or "ask" not in message:
            return
        ask, path = str(message["ask"]), str(message["path"])
        self._send({"ask": ask}, [])
        # the thread sends as an answer to the message that the kernel is handling now
        context = contextvars.copy_context()
        if path.endswith("/events"):
            # a job may take hours: it must not hold a thread that tiles and clicks need
            work = (self._follow, ask, path)
            threading.Thread(target=context.run, args=work, daemon=True).start()
            return
        method, body = str(message["method"]), message.get("body")
        answer = self._pool.submit(context.run, self._answer, ask, method, path, body)
        answer.add_done_callback(_tell)

    def close(self) -> None:
        """Answer nothing any more; requests that wait are dropped."""
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, ask: str, method: str, path: str, body: str | None) -> None:
        """Send the answer of the server to one request."""
        try:
            data = None if body is None else body.encode()
            content, headers = self._connection.exchange(method, path, data, JSON)
        except ServerError as error:
            self._refuse(ask, error)
            return
        named = {name.lower(): value for name, value in headers.items()}
        told = {name: named[name] for name in named.keys() & TOLD_HEADERS}
        self._reply(ask, 200, told, content)

    def _follow(self, ask: str, path: str) -> None:
        """Send the events of a job as they come, in the form in which the server sends them."""
        head: dict[str, Any] = {"status": 200, "headers": {"content-type": "text/event-stream"}}
        try:
            for kind, data in self._connection.stream(path):
                text = f"event: {kind}\ndata: {json.dumps(data)}\n\n"
                self._say({"ask": ask, "more": True, **head}, text.encode())
                head = {}
        except ServerError as error:
            if head or not error.status:
                self._refuse(ask, error)
                return
        self._say({"ask": ask, "more": False, **head}, b"")

    def _refuse(self, ask: str, error: ServerError) -> None:
        """Send the refusal of the server, or that there is none any more."""
        if not error.status:
            self._say({"ask": ask, "lost": True}, b"")
            return
        told = {"error": {"type": error.kind, "message": str(error)}}
        self._reply(ask, error.status, {"content-type": JSON}, json.dumps(told).encode())

    def _reply(self, ask: str, status: int, headers: dict[str, str], content: bytes) -> None:
        """Send an answer in messages of `PART_BYTES` at most."""
        head: dict[str, Any] = {"status": status, "headers": headers}
        for part, is_last in _parts(content):
            self._say({"ask": ask, "more": not is_last, **head}, part)
            head = {}

    def _say(self, message: dict[str, Any], content: bytes) -> None:
        """Send one message, unless the channel was closed meanwhile."""
        if not self._closed.is_set():
            self._send(message, [content] if content else [])


def _parts(content: bytes) -> Iterator[tuple[bytes, bool]]:
    """The parts of a content, at least one, and whether each is the last."""
    starts = range(0, max(1, len(content)), PART_BYTES)
    for start in starts:
        yield content[start : start + PART_BYTES], start == starts[-1]


def _tell(work: Future[None]) -> None:
    """Raise what went wrong in a thread, which its pool then logs."""
    if not work.cancelled():
        work.result()
