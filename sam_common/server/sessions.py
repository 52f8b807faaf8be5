"""All sessions of a server."""

from __future__ import annotations

import secrets
import threading
import time

from sam_common.server.session import ConflictError, NotFoundError, Session

IDLE_SECONDS = 3600.0
MOST_SESSIONS = 64


class Sessions:
    """Sessions by their names; safe to share.

    Args:
        idle_seconds: A session that nobody has used for so long is closed.
        most: Sessions at a time.
    """

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS, most: int = MOST_SESSIONS) -> None:
        self.idle_seconds = idle_seconds
        self.most = most
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def new_id(self) -> str:
        """A name that no session has had."""
        with self._lock:
            self._count += 1
            return f"s{self._count}"

    def check_room(self) -> None:
        """Raise `ConflictError` where there are as many as there may be."""
        self.expire()
        if len(self._sessions) >= self.most:
            raise ConflictError(f"there are {self.most} sessions: close one first")

    def add(self, session: Session) -> None:
        """Take a session in."""
        with self._lock:
            self._sessions[session.id] = session

    def get(self, name: str) -> Session:
        """A session, which counts as used now.

        Raises:
            NotFoundError: There is none of this name (any more).
        """
        self.expire()
        with self._lock:
            if name not in self._sessions:
                raise NotFoundError(f"no session {name}: it was closed, or expired, or never was")
            session = self._sessions[name]
            session.used = time.monotonic()
            return session

    def all(self) -> list[Session]:
        """All of them, oldest first."""
        self.expire()
        with self._lock:
            return list(self._sessions.values())

    def remove(self, name: str) -> None:
        """Close a session."""
        session = self.get(name)
        with self._lock:
            self._sessions.pop(name, None)
        session.close()

    def expire(self) -> None:
        """Close what nobody has used for long."""
        now = time.monotonic()
        with self._lock:
            old = [
                session
                for session in self._sessions.values()
                if not session.busy and now - session.used > self.idle_seconds
            ]
            for session in old:
                del self._sessions[session.id]
        for session in old:
            session.close()


def random_token() -> str:
    """A bearer token of 256 bits."""
    return secrets.token_urlsafe(32)
