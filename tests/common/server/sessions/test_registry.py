"""All sessions of a server: how many, how large, how long."""

from __future__ import annotations

import pytest
from live_server import raster, volume

from sam_common.server.client import ServerError
from sam_common.server.sessions.registry import Sessions


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
