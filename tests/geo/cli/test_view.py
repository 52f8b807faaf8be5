from __future__ import annotations

import pytest
from typer.testing import CliRunner

from sam_geo.cli.main import app


@pytest.fixture
def asked(monkeypatch):
    found = []
    monkeypatch.setattr(
        "sam_common.server.viewer.view", lambda request, **how: found.append((request, how))
    )
    return found


def test_options_become_the_request_of_a_session(asked):
    words = ["view", "a.tif", "--bands", "4,3,2", "--stretch", "0,3000", "--port", "8765"]
    assert CliRunner().invoke(app, [*words, "--no-open"]).exit_code == 0
    request = {
        "kind": "raster",
        "path": "a.tif",
        "model": "mobile_sam",
        "bands": [4, 3, 2],
        "stretch": "0,3000",
    }
    assert asked == [(request, {"port": 8765, "is_opened": False})]


def test_a_port_that_is_none_is_refused(asked):
    assert CliRunner().invoke(app, ["view", "a.tif", "--port", "65536"]).exit_code == 2
    assert asked == []
