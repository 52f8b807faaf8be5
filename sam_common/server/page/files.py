"""Files of the page: their addresses, and the headers with which a browser gets them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse

from sam_common.server.page.libraries import library_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).with_name("static")
"""Folder of the page's own files."""
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".md": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
"""Media types by suffix; files of other suffixes are not served."""
_ALLOWED = {
    "default-src": "'none'",
    # NiiVue compiles WebAssembly where a scan is compressed
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "font-src": "'self' data:",
    # NiiVue fetches its font and its shapes from data and blob addresses
    "connect-src": "'self' blob: data:",
    "worker-src": "blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{kind} {sources}" for kind, sources in _ALLOWED.items())
"""Content-Security-Policy: nothing is loaded from, or sent to, anywhere else."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer of a server with a page."""


@dataclass(frozen=True, slots=True)
class PageFiles:
    """The files of the page by their addresses; they hold no secret."""

    paths: Mapping[str, Path]
    """Address, from the slash on, to the file."""

    @classmethod
    def of(cls, libraries: Sequence[str], *, quiet: bool = False) -> PageFiles:
        """The page's own files with those of some libraries.

        Args:
            libraries: Names of `sam_common.server.page.libraries`.
            quiet: Whether to show no notes where a library is fetched.

        Raises:
            WeightsError: A library cannot be fetched.
        """
        paths = {"/": STATIC / "index.html"}
        paths |= {f"/page/{path.name}": path for path in _served(STATIC)}
        for name in libraries:
            folder = library_folder(name, quiet=quiet)
            paths |= {f"/page/{name}/{path.name}": path for path in _served(folder)}
        return cls(paths)

    @property
    def addresses(self) -> frozenset[str]:
        """All addresses of the files."""
        return frozenset(self.paths)

    def add_to(self, app: FastAPI) -> None:
        """Add a route for each file."""
        for address, path in self.paths.items():
            app.add_route(address, _answer(path), include_in_schema=False)


class PageHeaders:
    """ASGI middleware that adds `HEADERS` to every answer.

    Args:
        app: The application that answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the headers added."""

        async def added(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, added)


def _served(folder: Path) -> list[Path]:
    """The files of a folder whose media types are known, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in MEDIA_TYPES)


def _answer(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers with a file."""

    async def answer(_request: Request) -> Response:
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix])

    return answer
