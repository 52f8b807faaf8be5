"""Guard: ASGI middleware that checks token, host, origin and size of every request first."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.support.traces import log_trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 16 << 20
"""Most bytes of the body of a request: 16 MiB."""
MOST_UPLOAD_BYTES = 2 << 30
"""Most bytes of an upload: 2 GiB."""
UPLOADS = "/v1/uploads"
"""Address that takes larger bodies than all others."""


class _TooLargeError(Exception):
    """A body that came without Content-Length has grown too large."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Most bytes of the body of a request, by address."""

    body: int = MOST_BYTES
    upload: int = MOST_UPLOAD_BYTES

    def of(self, path: str) -> int:
        """Most bytes of a request to an address."""
        return self.upload if path == UPLOADS else self.body


class Guard:
    """ASGI middleware in front of the whole application.

    Args:
        app: The application that is guarded.
        token: Bearer token that every request must have.
        hosts: Names of this machine that the Host header may have, in lower case.
        limits: Most bytes of bodies; those of the module where None.
        page: Addresses of the files of the server's own page, which are given without the token;
            where there are any, a page of this server, and of no other, may send requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        hosts: frozenset[str],
        limits: Limits | None = None,
        page: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._page = page
        self._bearer = f"Bearer {token}".encode()
        self._hosts = hosts
        self._limits = limits or Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or hand it on with its body counted."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        limit = self._limits.of(scope["path"])
        if (refusal := self._refusal(scope, limit)) is not None:
            await _answer(send, *refusal)
            return
        bounded = _Bounded(receive, send, limit)
        try:
            await self._app(scope, bounded.receive, bounded.send)
        except _TooLargeError:
            await bounded.refuse()
        except Exception as error:  # noqa: BLE001  # logged without its message, which may name files
            log_trace(error)
            if not bounded.started:
                await _answer(send, 500, "UnexpectedError", "the server has a defect here")

    def _refusal(self, scope: Scope, limit: int) -> tuple[int, str, str] | None:
        """Status, kind and message where a request is refused by its headers."""
        headers = _headers(scope)
        if _host_name(headers.get("host", b"")) not in self._hosts:
            return 403, "HostError", "the Host header does not name this server"
        if "origin" in headers and not (self._page and _is_own(headers, scope["scheme"])):
            return 403, "OriginError", "requests from web pages are refused"
        is_file = scope["path"] in self._page and scope["method"] in {"GET", "HEAD"}
        given = headers.get("authorization", b"")
        if not is_file and not secrets.compare_digest(given, self._bearer):
            return 401, "TokenError", "the token is missing or wrong: Authorization: Bearer TOKEN"
        length = headers.get("content-length", b"0")
        if not length.isdigit():
            return 400, "InputError", "Content-Length is not a number"
        if len(length) > len(str(limit)) or int(length) > limit:
            return _too_large(limit)
        return None


class _Bounded:
    """The channels of one request, with the bytes of its body counted against a limit."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._left = limit
        self._over = self.started = self._refused = False

    async def receive(self) -> Message:
        """The next part of the body; raises where the body has grown too large."""
        if self._over:
            raise _TooLargeError
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self._over = True
            raise _TooLargeError
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer, or a refusal where the body was too large."""
        # the framework may have taken the exception of `receive` for a malformed body
        if self._over and not self.started:
            await self.refuse()
            return
        self.started = True
        if not self._refused:
            await self._send(message)

    async def refuse(self) -> None:
        """Answer that the body is too large, unless an answer has begun."""
        if not self.started and not self._refused:
            self._refused = True
            await _answer(self._send, *_too_large(self._limit))


def _headers(scope: Scope) -> dict[str, bytes]:
    """Headers of a request by their names in lower case."""
    return {name.decode("latin-1").lower(): value for name, value in scope["headers"]}


def _host_name(value: bytes) -> str:
    """The host of a Host header, without its port, in lower case."""
    text = value.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.rpartition(":")[0] if ":" in text else text


def _is_own(headers: Mapping[str, bytes], scheme: str) -> bool:
    """Whether the page that sends a request came from the host and port that it is sent to."""
    return headers["origin"].lower() == scheme.encode() + b"://" + headers["host"].lower()


def _too_large(limit: int) -> tuple[int, str, str]:
    """Status, kind and message for a body that is too large."""
    return 413, "SizeError", f"a request of this kind has at most {limit} bytes"


async def _answer(send: Send, status: int, kind: str, message: str) -> None:
    """Send an error in the JSON of protocol 1, and close the connection."""
    body = json.dumps({"error": {"type": kind, "message": message}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
