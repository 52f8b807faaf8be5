"""Process: one server, from its first line on stdout to the end of its temporary folder."""

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
from sam_common.server.routes import create_app
from sam_common.server.service import Service
from sam_common.server.sessions.embedding_pool import LIMIT_BYTES, EmbeddingPool
from sam_common.server.sessions.protocol import PROTOCOL
from sam_common.server.sessions.registry import IDLE_SECONDS, Sessions, random_token

if TYPE_CHECKING:
    from types import FrameType

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
REMOTE_NOTE = (
    "warning: other machines can reach this server. Whoever has the token can read every file "
    "under --root, and neither the token nor the images are encrypted on the way: use an ssh "
    "tunnel (ssh -L) instead wherever you can."
)
GRACE_SECONDS = 3
KEEP_ALIVE_SECONDS = 3600
"""A person may look at a mask for long before the next click."""
BACKLOG = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server is started."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    roots: tuple[Path, ...] = ()
    models: tuple[str, ...] = ()
    """Loaded before the first line is written."""
    watch_stdin: bool = False
    allow_remote: bool = False
    idle_seconds: float = IDLE_SECONDS
    memory_bytes: int = LIMIT_BYTES
    """For embeddings."""
    keep_embeddings: bool = False
    """Whether embeddings of volumes stay in the cache folder when the server has ended."""


def serve(settings: Settings) -> None:
    """Run until a signal, or the end of stdin where that is watched.

    Raises:
        InputError: A host that is not this machine's own without `allow_remote`, or an address
            that cannot be had.
    """
    if settings.host not in LOOPBACK:
        if not settings.allow_remote:
            raise InputError(
                f"--host {settings.host} can be reached from other machines: add --allow-remote "
                "if that is what you want"
            )
        _log(REMOTE_NOTE)
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
            _run(service, settings)
        finally:
            service.close()


def _run(service: Service, settings: Settings) -> None:
    token = random_token()
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]", settings.host.lower()})
    guard = Guard(create_app(service), token=token, hosts=hosts)
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
        hello = {
            "port": listener.getsockname()[1],
            "token": token,
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
        }
        _say(hello)
        server.run(sockets=[listener])


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's delay of 40 ms off only for sockets that say that they are TCP
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


def _say(hello: dict[str, Any]) -> None:
    """The first and only line on stdout; whatever a library prints later goes to stderr."""
    sys.stdout.write(json.dumps(hello) + "\n")
    sys.stdout.flush()
    os.dup2(2, 1)


def _watch(server: uvicorn.Server) -> None:
    """End the server when whoever started it closes its stdin, or dies."""
    while os.read(0, 4096):
        pass
    server.should_exit = True


def _ended(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
