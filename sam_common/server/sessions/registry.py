"""Registry: all sessions of a server, bounded in number and in bytes of pixels."""

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
"""Seconds without use after which a session is closed."""
MOST_SESSIONS = 64
"""Most sessions at a time."""
MOST_BYTES = 32 << 30
"""Most bytes of the pixels of all sessions: 32 GiB."""


class Sessions:
    """Sessions by their identifiers; threads may share them.

    Args:
        idle_seconds: Seconds after which a session that nobody used and no job needs is closed.
        most: Most sessions at a time.
        most_bytes: Most bytes of the pixels of all sessions; a single session may hold more.
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
        """Number of sessions that have not expired; none is closed by this."""
        with self._lock:
            return len(self._sessions) - len(self._idle())

    def new_id(self) -> str:
        """An identifier that no session has had."""
        with self._lock:
            self._count += 1
            return f"s{self._count}"

    def check_room(self) -> None:
        """Raise `ConflictError` where there are as many sessions as there may be."""
        self.expire()
        with self._lock:
            self._check(self._sessions.values())

    def add(self, session: Session) -> None:
        """Add a session; it is closed where there is no room for it.

        Raises:
            ConflictError: There are as many sessions as there may be, or their pixels would take
                too many bytes.
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
        """The session with an identifier, which counts as used now.

        Raises:
            NotFoundError: There is no such session, or it was closed or has expired.
        """
        self.expire()
        with self._lock:
            session = self._known(name)
            session.used = time.monotonic()
            return session

    def all(self) -> list[Session]:
        """All sessions, the oldest first."""
        self.expire()
        with self._lock:
            return list(self._sessions.values())

    def remove(self, name: str) -> None:
        """Close a session, once no job needs it.

        Raises:
            NotFoundError: There is no such session, or it was closed or has expired.
        """
        self.expire()
        with self._lock:
            session = self._known(name)
            del self._sessions[name]
        session.close()

    def expire(self) -> None:
        """Close the sessions that nobody has used for `idle_seconds`."""
        with self._lock:
            idle = self._idle()
            for session in idle:
                del self._sessions[session.id]
        for session in idle:
            session.close()

    def _known(self, name: str) -> Session:
        """The session with an identifier; raises `NotFoundError`."""
        if name not in self._sessions:
            raise NotFoundError(f"no session {name}: it was closed, or expired, or never was")
        return self._sessions[name]

    def _idle(self) -> list[Session]:
        """The sessions that have expired."""
        now = time.monotonic()
        return [
            session
            for session in self._sessions.values()
            if not session.is_held and now - session.used > self.idle_seconds
        ]

    def _check(self, sessions: Iterable[Session], *more: Session) -> None:
        """Raise `ConflictError` where there is no room for more sessions."""
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
    """A random bearer token of 256 bits, as text."""
    return secrets.token_urlsafe(32)
