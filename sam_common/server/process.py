"""Process: one server, from its first line on stdout to the removal of its temporary folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from sam_common import __version__
from sam_common.errors import InputError
from sam_common.server.files.roots import Roots
from sam_common.server.guard import Guard
from sam_common.server.page.browser import page_address
from sam_common.server.page.files import PageFiles, PageHeaders
from sam_common.server.page.routes import add_routes
from sam_common.server.routes import create_app
from sam_common.server.service import Service
from sam_common.server.sessions.embedding_pool import LIMIT_BYTES, EmbeddingPool
from sam_common.server.sessions.protocol import PROTOCOL
from sam_common.server.sessions.registry import IDLE_SECONDS, Sessions, random_token

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp

    from sam_common.server.sessions.protocol import OpenRaster, OpenVolume

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that no other machine can reach."""
REMOTE_NOTE = (
    "warning: other machines can reach this server. Whoever has the token can read every file "
    "under --root, and neither the token nor the images are encrypted on the way: use an ssh "
    "tunnel (ssh -L) instead wherever you can."
)
GRACE_SECONDS = 3
"""Seconds that requests have to end when the server ends."""
KEEP_ALIVE_SECONDS = 3600
"""Seconds that an idle connection stays open: a person may look at a mask for long."""
BACKLOG = 128
"""Connections that may wait to be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one server, as its command line gives them."""

    host: str = "127.0.0.1"
    port: int = 0
    """Port to listen on; 0 takes a free one."""
    roots: tuple[Path, ...] = ()
    """Folders from which clients may open files."""
    models: tuple[str, ...] = ()
    """Names of models that are loaded before the first line is written."""
    watch_stdin: bool = False
    """Whether the server ends when its stdin is closed."""
    allow_remote: bool = False
    """Whether `host` may be one that other machines can reach."""
    idle_seconds: float = IDLE_SECONDS
    """Seconds without use after which a session is closed."""
    memory_bytes: int = LIMIT_BYTES
    """Most bytes of embeddings that are held in memory."""
    keep_embeddings: bool = False
    """Whether embeddings of volumes stay in the cache folder after the server has ended."""
    page_libraries: tuple[str, ...] = ()
    """Libraries of the page in the browser; without any the server has no page."""
    source: OpenRaster | OpenVolume | None = None
    """What is opened before the first line is written."""


def serve(
    settings: Settings, announce: Callable[[dict[str, Any], Path], None] | None = None
) -> None:
    """Run a server until a signal, or until its stdin is closed where that is watched.

    Args:
        settings: Settings of the server.
        announce: Tells the user where the server is, once it listens; gets what the first line
            says, and the private folder. Where None, the first line on stdout is that as JSON.

    Raises:
        InputError: Other machines can reach the host and `allow_remote` is not set, or the server
            cannot listen on the address.
        RefusedPathError: A root is no folder.
    """
    if settings.host not in LOOPBACK:
        if not settings.allow_remote:
            raise InputError(
                f"--host {settings.host} can be reached from other machines: add --allow-remote "
                "if that is what you want"
            )
        sys.stderr.write(f"{REMOTE_NOTE}\n")
    roots = Roots.of(list(settings.roots))
    signal.signal(signal.SIGTERM, _ended)
    with tempfile.TemporaryDirectory(prefix="sam-server-") as folder:
        service = Service(
            Path(folder),
            roots=roots,
            pool=EmbeddingPool(settings.memory_bytes),
            sessions=Sessions(idle_seconds=settings.idle_seconds),
            keep_embeddings=settings.keep_embeddings,
        )
        try:
            for name in settings.models:
                service.models.get(name)
            _run(service, settings, announce or _say)
        finally:
            service.close()


def _run(
    service: Service, settings: Settings, announce: Callable[[dict[str, Any], Path], None]
) -> None:
    """Listen, say where, and answer requests until the end."""
    token = random_token()
    app, page = _with_page(service, settings)
    session = None if settings.source is None else service.open(settings.source).id
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]", settings.host.lower()})
    guard = Guard(app, token=token, hosts=hosts, page=page)
    config = uvicorn.Config(
        guard,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    with _listening(settings) as listener:
        if settings.watch_stdin:
            threading.Thread(target=_watch, args=(server,), name="stdin", daemon=True).start()
        port = listener.getsockname()[1]
        hello = {
            "port": port,
            "token": token,
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
        }
        if page:
            hello["page"] = page_address(settings.host, port, token, session)
        announce(hello, service.folder)
        # what libraries print later goes to stderr
        os.dup2(2, 1)
        server.run(sockets=[listener])


def _with_page(service: Service, settings: Settings) -> tuple[ASGIApp, frozenset[str]]:
    """The application of a service and the addresses of its page's files, none without a page."""
    app = create_app(service)
    if not settings.page_libraries:
        return app, frozenset()
    files = PageFiles.of(settings.page_libraries)
    add_routes(app, service.sessions, service.jobs)
    files.add_to(app)
    return PageHeaders(app), files.addresses


def _listening(settings: Settings) -> socket.socket:
    """A socket that listens on the host and port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns off Nagle's algorithm, a delay of 40 ms, only for sockets that name TCP
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        # a client that reads the first line can connect at once
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        ) from error
    return listener


def _say(hello: dict[str, Any], folder: Path) -> None:
    """Write the only line on stdout."""
    del folder
    sys.stdout.write(json.dumps(hello) + "\n")
    sys.stdout.flush()


def _watch(server: uvicorn.Server) -> None:
    """End the server when the process that started it closes its stdin, or dies."""
    while os.read(0, 4096):
        pass
    server.should_exit = True


def _ended(_signal: int, _frame: FrameType | None) -> None:
    """Handle SIGTERM: end the process, with its `finally` blocks."""
    raise SystemExit(0)
