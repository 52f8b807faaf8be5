"""All sessions of a server: how many, how large, how long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from live_server import raster, volume

from sam_common.errors import ConflictError, NotFoundError
from sam_common.server.client import ServerError
from sam_common.server.sessions import registry
from sam_common.server.sessions.registry import Sessions, random_token


def test_sessions_hold_so_many_bytes_of_pixels_and_no_more(served):
    first = volume(served)
    sessions: Sessions = served.service.sessions
    sessions.most_bytes = 12 * 40 * 50 * 2
    # on the same voxels, which are held once
    volume(served).close()
    with pytest.raises(ServerError, match="bytes of pixels") as refused:
        raster(served)
    assert refused.value.status == 409
    first.close()
    raster(served)


def test_an_idle_session_expires(served):
    session = raster(served)
    served.service.sessions.idle_seconds = -1.0
    with pytest.raises(ServerError, match="expired") as refused:
        session.objects()
    assert refused.value.status == 404
    assert served.health()["sessions"] == 0


class Known:
    """A session as the registry sees it."""

    def __init__(self, name, pixels=("a", 10), *, is_held=False):
        self.id, self.used, self.is_held, self.is_closed = name, 0.0, is_held, False
        self.source = SimpleNamespace(pixels=pixels)

    def close(self):
        self.is_closed = True


def test_no_identifier_is_given_twice():
    sessions = Sessions()
    assert [sessions.new_id() for _ in range(3)] == ["s1", "s2", "s3"]
    sessions.add(one := Known("s1"))
    sessions.remove("s1")
    assert one.is_closed
    assert sessions.new_id() == "s4"
    with pytest.raises(NotFoundError, match="no session s1: it was closed, or expired, or never"):
        sessions.get("s1")


def test_a_session_too_many_is_closed_and_refused():
    sessions = Sessions(most=2)
    for name in ("s1", "s2"):
        sessions.check_room()
        sessions.add(Known(name))
    with pytest.raises(ConflictError, match="there are 2 sessions: close one first"):
        sessions.check_room()
    with pytest.raises(ConflictError, match="there are 2 sessions"):
        sessions.add(third := Known("s3"))
    assert third.is_closed
    assert [each.id for each in sessions.all()] == ["s1", "s2"]


def test_pixels_that_sessions_share_count_once():
    sessions = Sessions(most_bytes=15)
    # a single one is let in, however large it is
    sessions.add(Known("s1", ("a", 20)))
    sessions.remove("s1")
    sessions.add(Known("s2", ("a", 10)))
    sessions.add(Known("s3", ("a", 10)))
    with pytest.raises(ConflictError, match="sessions hold at most 15 bytes of pixels"):
        sessions.add(Known("s4", ("b", 10)))


def test_a_session_expires_unless_it_is_used_or_held(monkeypatch):
    now = SimpleNamespace(monotonic=lambda: now.time, time=0.0)
    monkeypatch.setattr(registry, "time", now)
    sessions = Sessions(idle_seconds=10)
    idle, used, held = Known("s1"), Known("s2"), Known("s3", is_held=True)
    for each in (idle, used, held):
        sessions.add(each)
    now.time = 8.0
    assert sessions.get("s2") is used
    now.time = 11.0
    assert sessions.living == 2
    assert not idle.is_closed
    assert sessions.all() == [used, held]
    assert (idle.is_closed, used.is_closed, held.is_closed) == (True, False, False)


def test_tokens_are_long_and_new():
    assert len({random_token() for _ in range(50)}) == 50
    assert len(random_token()) >= 43
