"""All sessions of a server."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING

from sam_common.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sam_common.server.sessions.session import Session

IDLE_SECONDS = 3600.0
MOST_SESSIONS = 64
MOST_BYTES = 32 << 30
"""Of the pixels that sessions hold: 32 GiB."""


class Sessions:
    """Sessions by their names; safe to share.

    Args:
        idle_seconds: A session that nobody has used for so long, and that no job needs, is closed.
        most: Sessions at a time.
        most_bytes: Of the pixels that they hold; one session is let in whatever it holds.
    """

    def __init__(
        self,
        *,
        idle_seconds: float = IDLE_SECONDS,
        most: int = MOST_SESSIONS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.idle_seconds = idle_seconds
        self.most = most
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._count = 0

    @property
    def living(self) -> int:
        """How many there are; nothing is closed for the answer."""
        with self._lock:
            return len(self._sessions) - len(self._idle())

    def new_id(self) -> str:
        """A name that no session has had."""
        with self._lock:
            self._count += 1
            return f"s{self._count}"

    def check_room(self) -> None:
        """Raise `ConflictError` where there are as many as there may be."""
        self.expire()
        with self._lock:
            self._check(self._sessions.values())

    def add(self, session: Session) -> None:
        """Take a session in; it is closed where there is no room for it.

        Raises:
            ConflictError: There are as many as there may be, or they hold as much as they may.
        """
        try:
            with self._lock:
                self._check(self._sessions.values(), session)
                session.used = time.monotonic()
                self._sessions[session.id] = session
        except ConflictError:
            session.close()
            raise

    def get(self, name: str) -> Session:
        """A session, which counts as used now.

        Raises:
            NotFoundError: There is none of this name (any more).
        """
        self.expire()
        with self._lock:
            session = self._known(name)
            session.used = time.monotonic()
            return session

    def all(self) -> list[Session]:
        """All of them, oldest first."""
        self.expire()
        with self._lock:
            return list(self._sessions.values())

    def remove(self, name: str) -> None:
        """Close a session, once no job needs it.

        Raises:
            NotFoundError: There is none of this name (any more).
        """
        self.expire()
        with self._lock:
            session = self._known(name)
            del self._sessions[name]
        session.close()

    def expire(self) -> None:
        """Close what nobody has used for long."""
        with self._lock:
            idle = self._idle()
            for session in idle:
                del self._sessions[session.id]
        for session in idle:
            session.close()

    def _known(self, name: str) -> Session:
        if name not in self._sessions:
            raise NotFoundError(f"no session {name}: it was closed, or expired, or never was")
        return self._sessions[name]

    def _idle(self) -> list[Session]:
        now = time.monotonic()
        return [
            session
            for session in self._sessions.values()
            if not session.is_held and now - session.used > self.idle_seconds
        ]

    def _check(self, sessions: Iterable[Session], *more: Session) -> None:
        known = list(sessions)
        if len(known) >= self.most:
            raise ConflictError(f"there are {self.most} sessions: close one first")
        # sessions on the same pixels share them
        held = dict(session.source.pixels for session in (*known, *more))
        if known and more and sum(held.values()) > self.most_bytes:
            raise ConflictError(
                f"sessions hold at most {self.most_bytes} bytes of pixels: close one first"
            )


def random_token() -> str:
    """A bearer token of 256 bits."""
    return secrets.token_urlsafe(32)
